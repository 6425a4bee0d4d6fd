/* verify/verify.h - does this request come from the sender it claims? The cryptography of the
 * schemes by which senders prove their requests; sender/ knows which sender has which scheme. All
 * functions are pure, with the time passed in; any thread. */
#ifndef HOOKD_VERIFY_H
#define HOOKD_VERIFY_H

#include "base/attributes.h"
#include "base/secret.h"

#include <stddef.h>
#include <stdint.h>

enum verify_result {
	VERIFY_OK,
	VERIFY_NO_HEADER, /* the signature header is missing */
	VERIFY_MALFORMED, /* it cannot be read */
	VERIFY_NO_SCHEME, /* it can be read, but has no signature of a known kind */
	VERIFY_NO_MATCH,  /* none of its signatures was made with one of the secrets */
	VERIFY_TOO_OLD,   /* signed, as it claims, more than the tolerance ago */
	VERIFY_TOO_NEW,   /* signed, as it claims, more than the tolerance ahead of our clock */
};

#define VERIFY_HEADERS 3

/* An HMAC-SHA256 in lower-case hex, over the time of signing as the header has it, a text, and
 * the raw body. Its header has parts separated by commas, each with a tag: the time, unix
 * seconds, and one or more signatures; other parts are ignored. Constant data. */
struct verify_scheme {
	const char *headers[VERIFY_HEADERS + 1]; /* that a proof reads, then NULL; each may occur
						  * once in a request, and the first has the
						  * signature */
	const char *time_tag;                    /* "t=" */
	const char *signature_tag;               /* "s=" */
	const char *separator;                   /* between time and body: "." */
};

struct verify_request {
	/* The value of the header of that name, in any letter case, and its length: it may contain
	 * NULs. NULL: the request has no such header. Called within the functions below only. */
	const char *(*header)(void *context, const char *name, size_t *len);
	void *context;
	const char *query; /* raw, without the ?; NULL: none */
	const void *body;
	size_t body_len;
	struct secret *const *secrets; /* tried in order */
	size_t secret_count;
	int64_t tolerance; /* milliseconds either way; 0 turns the time check off */
	int64_t now;       /* unix milliseconds */
};

struct verify_detail {
	size_t secret;     /* index of the secret that matched */
	int64_t signed_at; /* unix seconds that the header claims; 0: they could not be read */
	int64_t off_by;    /* TOO_OLD, TOO_NEW: seconds between signing and now, positive */
};

/* Judges a request by its head, before its body is read: VERIFY_OK if some body could make it
 * authentic. Uses neither the body nor the secrets; detail->secret is meaningless. */
enum verify_result verify_head(const struct verify_scheme *scheme,
	const struct verify_request *request, struct verify_detail *detail) WARN_UNUSED;

/* Judges the whole request. A wrong signature is reported rather than a wrong time. */
enum verify_result verify_signature(const struct verify_scheme *scheme,
	const struct verify_request *request, struct verify_detail *detail) WARN_UNUSED;

#define VERIFY_HEADER_MAX 256 /* room for a header that verify_sign writes, NUL included */

/* Writes the signature header's value for a body as the sender would, signed at
 * `seconds` (unix). */
void verify_sign(const struct verify_scheme *scheme, const struct secret *secret, int64_t seconds,
	const void *body, size_t body_len, char out[VERIFY_HEADER_MAX]);

/* A short constant reason, such as "no signature matches". */
const char *verify_reason(enum verify_result result);

#endif
