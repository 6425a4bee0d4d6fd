/* http/hygiene.h - would two parsers read this request alike? A pure check of what libmicrohttpd
 * made of a request's head. Any thread. */
#ifndef HOOKD_HTTP_HYGIENE_H
#define HOOKD_HTTP_HYGIENE_H

#include "base/attributes.h"
#include "base/buf.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* libmicrohttpd from 0.9.77 on can be told to refuse bare LF, folded lines and NULs itself.
 * An older one is told to accept all it can, since hygiene_check is stricter and gives one
 * answer. */
#if MHD_VERSION >= 0x00097701
#define HYGIENE_CHECKS_LAYOUT  0
#define HYGIENE_DAEMON_OPTIONS MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1
#else
#define HYGIENE_CHECKS_LAYOUT  1
#define HYGIENE_DAEMON_OPTIONS MHD_OPTION_STRICT_FOR_CLIENT, 0
#endif

#define HYGIENE_REASON 96

struct hygiene {
	const char *uri; /* raw, as request_begin got it */
	size_t uri_len;
	const char *const *single; /* as http_require_single takes them; NULL: none */
	/* out */
	bool has_length;
	uint64_t length; /* Content-Length */
	bool chunked;
	bool expects;         /* Expect: 100-continue */
	struct buf forwarded; /* all X-Forwarded-For values, joined by ", "; the caller frees */
	char duplicate[HYGIENE_REASON]; /* the reason when it names a header of `single` */
};

/* Is the libmicrohttpd that is loaded of the kind that this was built for: before 0.9.77, or from
 * that version on? With the other kind every request would be refused. */
bool hygiene_fits_library(void) WARN_UNUSED;

/* NULL when the request's head is sound, else why it is not: a constant, or in *h. */
const char *hygiene_check(
	struct MHD_Connection *mhd, const char *method, const char *version, struct hygiene *h);

/* A field's value without the optional white space around it, which is no part of it: RFC 9110, 5.5
 * and 5.6.3. libmicrohttpd leaves off only what goes before. */
const char *hygiene_trim(const char *value, size_t *len);

/* NULL when the raw request target is sound, else why not. */
const char *hygiene_check_uri(const char *uri, size_t len);

/* The path within a request target, as received, also of the absolute form ("http://…"): RFC 9112,
 * 3.2.2. */
const char *hygiene_path(const char *uri, size_t *len);

#endif
