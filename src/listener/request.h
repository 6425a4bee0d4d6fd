/* listener/request.h - a request on its way through the listener. Private to
 * listener/request.c, which takes it in, and listener/answer.c, which says what came of it:
 * to the client and to the log. A loop's thread, but for `put` and `step` while it is being
 * stored. */
#ifndef HOOKD_LISTENER_REQUEST_H
#define HOOKD_LISTENER_REQUEST_H

#include "base/attributes.h"
#include "base/buf.h"
#include "base/net.h"
#include "event/event.h"
#include "http/server.h"
#include "store/store.h"
#include "verify/verify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The steps of a request:
 *
 *   NEW -> BODY --(all there)--> STORING --(on disk)--> STORED -> answered
 *     '--> DISCARD --(all there)----------------------------------^
 */
enum step { STEP_NEW, STEP_BODY, STEP_DISCARD, STEP_STORING, STEP_STORED };

struct request {
	struct store_put put;         /* first: the store gives back its op */
	const char *proof_headers[2]; /* those that the source's proof needs, NULL at the end */
	struct listener *listener;
	struct MHD_Connection *mhd;
	struct resumption resumption;
	struct reader reader;
	struct connection *connection;
	struct conf *conf;
	const struct conf_source *source; /* NULL: no such path */
	const char *uri_error;
	const char *uri;
	size_t uri_len;
	_Atomic int step;
	struct net_address client;
	bool client_counted;
	bool chunked;
	char *path;        /* a copy of the target's path, as it came; its query follows the NUL */
	const char *query; /* within path; NULL: the target has none */
	struct hygiene head;
	struct buf body;
	size_t discarded;
	struct event event;
	int64_t *hooks;
	struct buf declined; /* by which hooks, and why */
	bool logged;         /* what the store did with it */
	bool answered;       /* past libmicrohttpd */
	unsigned status;     /* the answer, once it is decided */
	const char *reason;
};

/* The value of a header that came, as it came, NULL: none of that name (letter case is
 * ignored). *len (may be NULL) gets its length; a NUL follows. Valid until request_end. */
const char *request_header(const struct request *r, const char *name, size_t *len);

/* What follows the ? of the request target, as it came (not decoded), NULL: no query.
 * Valid until request_end. */
const char *request_query(const struct request *r, size_t *len);

/* Decides the answer; what is left of the body is read and thrown away. `reason` is a
 * constant. */
void request_refuse(struct request *r, unsigned status, const char *reason);
enum MHD_Result request_answer_refusal(struct request *r) WARN_UNUSED;

/* Once the store is done with it, whatever came of that. */
enum MHD_Result request_answer_stored(struct request *r) WARN_UNUSED;

/* `detail` of a signature that was refused, else NULL. */
void request_log_refusal(const struct request *r, const struct verify_detail *detail);

/* What came of it in the store, told once: also when the client has left and takes no
 * answer. */
void request_log_put(struct request *r);

#endif
