/* request.h - HTTP requests with FedaPay events that are all new, each properly signed. A request
 * is written once into a buffer of its connection; after that only its numbers and its signature
 * change. One thread. */
#ifndef BENCH_REQUEST_H
#define BENCH_REQUEST_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_MAX 9216 /* bytes of a request */

enum request_scheme {
	REQUEST_FEDAPAY,      /* X-FEDAPAY-SIGNATURE: t=…,s=<hmac of t.body>; 1.4 KB */
	REQUEST_FEDAPAY_FULL, /* the same with the body that FedaPay sends: 6.8 KB, no id */
	REQUEST_PLAIN,        /* X-Signature: sha256=<hmac of the body> */
};

struct requests;

/* New; NULL when memory is short or host and path are too long. Ids go on from the
 * wall clock, so that those of two runs differ. */
struct requests *requests_new(const char *host, const char *path, enum request_scheme scheme,
	const char *secret) WARN_UNUSED;

/* Bytes of every request. */
size_t requests_size(const struct requests *r);

/* Writes what all have in common. */
void request_begin(const struct requests *r, char buffer[REQUEST_MAX]);

/* Makes the buffer's request a new one, signed now. */
void request_renew(struct requests *r, char buffer[REQUEST_MAX]);

void requests_free(struct requests *r);

#endif
