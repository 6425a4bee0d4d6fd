/* listener/request.h - a webhook's request while it is handled. Private to listener/request.c,
 * which receives it, listener/batch.c, which hands it to the store, and listener/answer.c, which
 * answers and logs the outcome. Belongs to a thread of the server, except `put` while the store has
 * it. */
#ifndef HOOKD_LISTENER_REQUEST_H
#define HOOKD_LISTENER_REQUEST_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/event.h"
#include "http/server.h"
#include "store/store.h"
#include "verify/verify.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listener {
	_Atomic(struct store *) store; /* NULL: it is not open yet */
	struct http_server *server;
	pthread_mutex_t lock; /* guards conf */
	struct conf *conf;
	struct health *health; /* a list; see health.h */
};

/* The server's own part of a request. */
struct request {
	struct store_put put; /* first: the store returns its op */
	struct http_request *http;
	struct listener *listener;
	struct conf *conf;
	const struct conf_source *source; /* NULL: no such path, or no store yet */
	struct store *store;              /* NULL: not open when the request began */
	struct event event;
	int64_t *hooks;
	struct buf declined; /* which hooks declined the event, and why */
	bool stored;         /* the store has finished with it */
	bool logged;         /* the store's result for it */
};

extern const struct http_handler request_handler;

#endif
