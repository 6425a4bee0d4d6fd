/* verify/verify.h - is this body from who it says? Signature schemes over the raw
 * bytes. A further scheme is one function and one row in verify/verify.c's table.
 * All functions are pure but for the clock given to them; any thread. */
#ifndef HOOKD_VERIFY_H
#define HOOKD_VERIFY_H

#include "base/attributes.h"
#include "base/secret.h"

#include <stddef.h>
#include <stdint.h>

enum verify_result {
	VERIFY_OK,
	VERIFY_NO_HEADER, /* the signature header is missing */
	VERIFY_MALFORMED, /* it is there, but cannot be read */
	VERIFY_NO_SCHEME, /* it can be read, but has no signature of a kind we know */
	VERIFY_NO_MATCH,  /* no secret gives one of its signatures */
	VERIFY_TOO_OLD,   /* authentic, but signed more than the tolerance ago */
	VERIFY_TOO_NEW,   /* authentic, but signed more than the tolerance ahead of our clock */
};

struct verify_scheme;

struct verify_request {
	const char *header; /* the signature header's value, NULL when it is missing */
	size_t header_len;
	const void *body;
	size_t body_len;
	struct secret *const *secrets; /* tried in order */
	size_t secret_count;
	int64_t tolerance; /* milliseconds either way; 0 turns the time check off */
	int64_t now;       /* unix milliseconds */
};

struct verify_detail {
	size_t secret;     /* index of the secret that matched */
	int64_t signed_at; /* unix seconds that the header claims; 0 when it could not be read */
	int64_t off_by;    /* TOO_OLD, TOO_NEW: seconds between signing and now, positive */
};

/* The scheme of that name, or NULL. */
const struct verify_scheme *verify_scheme_find(const char *name);

/* Name of the i-th scheme, NULL past the last: for messages that list them. */
const char *verify_scheme_name(size_t i);

/* The request header that carries the signature, e.g. "X-FEDAPAY-SIGNATURE". */
const char *verify_scheme_header(const struct verify_scheme *scheme);

enum verify_result verify_signature(const struct verify_scheme *scheme,
	const struct verify_request *request, struct verify_detail *detail) WARN_UNUSED;

#define VERIFY_HEADER_MAX 256 /* room for a header that verify_sign writes, NUL included */

/* Writes the signature header's value for a body as the sender would, signed at
 * `seconds` (unix). Used by hookctl and the tests. */
void verify_sign(const struct verify_scheme *scheme, const struct secret *secret, int64_t seconds,
	const void *body, size_t body_len, char out[VERIFY_HEADER_MAX]);

/* A short constant reason: "no signature matches". For the 401 and the log. */
const char *verify_reason(enum verify_result result);

#endif
