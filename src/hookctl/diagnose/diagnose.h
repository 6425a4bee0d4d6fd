/* hookctl/diagnose/diagnose.h - why does no signature match? The likely accidents (a body
 * changed on the way, a secret copied badly, a sender that signs differently)
 * are tried one after another and then in pairs, each by really computing, so
 * what it says is so. Neither the secret nor an expected signature is ever part
 * of what it says. sodium_init() must have succeeded; any thread. */
#ifndef HOOKD_DIAGNOSE_H
#define HOOKD_DIAGNOSE_H

#include "base/attributes.h"
#include "base/buf.h"
#include "verify/verify.h"

#include <stdbool.h>
#include <stddef.h>

/* For a request that verify_signature refused with MALFORMED, NO_SCHEME or
 * NO_MATCH. True when a change makes it match: `out` then gets a line that names
 * the change and its usual cause. The request's tolerance and now are not looked
 * at. */
bool diagnose_mismatch(const struct verify_scheme *scheme, const struct verify_request *request,
	struct buf *out) WARN_UNUSED;

/* For a request with a good header that no change makes match: lines ("…\n")
 * with what is left to look at. */
void diagnose_hint(const struct verify_request *request, struct buf *out);

/* What a person would see in a header: its parts, counted. */
struct diagnose_header {
	const char *t; /* NULL: none */
	size_t t_len;
	bool t_number;
	size_t signatures; /* s= parts */
	size_t unreadable; /* of these, not 64 lower-case hex digits */
	bool spaces;       /* white space around a part */
};

void diagnose_header(const char *header, size_t len, struct diagnose_header *out);

/* Is t so large that it must be milliseconds? (Seconds: until the year 5138.) */
#define DIAGNOSE_MILLISECONDS 100000000000

#endif
