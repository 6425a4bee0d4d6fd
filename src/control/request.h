/* control/request.h - a request's line: read from a client that may send anything, at any pace. One
 * thread at a time. */
#ifndef HOOKD_CONTROL_REQUEST_H
#define HOOKD_CONTROL_REQUEST_H

#include "base/attributes.h"
#include "base/buf.h"

#include <jansson.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define REQUEST_MAX ((size_t)64 * 1024) /* bytes of the line, with its end */

/* A connection whose request has not arrived yet. */
struct request {
	int fd;
	int64_t deadline; /* steady ms */
	struct ucred peer;
	struct buf bytes; /* that have arrived */
	size_t line;      /* how many of them are the line, with its end; 0: not all is there */
};

enum request_state { REQUEST_PART, REQUEST_WHOLE, REQUEST_TOO_LONG, REQUEST_GONE };

/* Reads what has arrived. A descriptor that came with it gets no number here: closing one of the
 * store's own files would end hookd's locks on it. */
enum request_state request_read(struct request *r) WARN_UNUSED;

/* Closes the connection. */
void request_free(struct request *r);

/* Reads the line as JSON. NULL: the reason is in why. */
json_t *request_parse(const struct request *r, struct buf *why) WARN_UNUSED;

/* The member "store" of a request: which file it is for. Returns new; NULL: out of memory. */
json_t *request_store_id(const struct stat *sb) WARN_UNUSED;

/* Is it of our version of the protocol, and for this store? False: *answer is what to send, new;
 * NULL if out of memory. */
bool request_accept(const json_t *request, const struct stat *store, json_t **answer) WARN_UNUSED;

#endif
