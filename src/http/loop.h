/* http/loop.h - the threads that run libmicrohttpd. A loop is one daemon of the library and one
 * thread of ours: all of its connections live in that thread. */
#ifndef HOOKD_HTTP_LOOP_H
#define HOOKD_HTTP_LOOP_H

#include "arrival.h"
#include "base/attributes.h"
#include "connection.h"
#include "http/server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A connection that is to be resumed; part of its request. */
struct resumption {
	struct resumption *next; /* loop.lock */
	struct MHD_Connection *mhd;
};

/* A chunked request that is being read; part of its request, for its loop's thread only. */
struct reader {
	struct reader *next, *previous;
	struct connection *connection; /* NULL: not in the loop's list */
	int64_t since;                 /* steady ms at which a part of the body last arrived */
};

/* libmicrohttpd has refused a request by itself, with a page of its own, and does not report which
 * one: that shows when it ends. */
struct library_refusal {
	unsigned status; /* 0: none that is not logged */
	unsigned runs;   /* of the daemon since then */
	unsigned closed; /* connections without a request that it has closed since then … */
	struct net_address peer; /* … and the peer of one of them */
};

/* What a loop needs from its owner. */
struct loop_owner {
	struct connections *connections;
	void (*ran)(struct loop *loop);                       /* the daemon has run */
	void (*thread_begin)(void);                           /* NULL: nothing */
	void (*turn_over)(void *arg, struct http_turn *turn); /* NULL: nothing */
	void *arg;
};

struct loop {
	const struct loop_owner *owner;
	struct generation *generation;
	bool tls;
	struct MHD_Daemon *daemon; /* MHD_USE_EPOLL, without a listening socket; set between
				    * loop_new and loop_start */
	int socket;                /* its own copy of the listening socket */
	struct arrivals arrivals;  /* the loop's thread only */
	int wake;                  /* eventfd: see what the lock guards */
	struct http_turn turn;     /* this and the next four: the loop's thread only */
	struct reader *readers;
	struct http_request *heads; /* begun, and their head is being read */
	struct library_refusal refusal;
	bool length_refused;  /* a Content-Length: it is reported already */
	unsigned busy_turns;  /* in sequence after which the daemon wanted another at once */
	unsigned idle_turns;  /* the same, but without a call of ours in any of them */
	pthread_mutex_t lock; /* guards the next five */
	pthread_cond_t done;  /* quiesced */
	struct resumption *resumed;
	bool quiesce, quiesced, stop;
	bool started;
	pthread_t thread;
};

/* Takes the socket; borrows the owner. NULL: no memory or descriptor, and the socket is the
 * caller's. */
struct loop *loop_new(const struct loop_owner *owner, struct generation *g, int socket);
bool loop_start(struct loop *loop) WARN_UNUSED; /* false, logged: the caller frees it */

/* In the loop's thread: from the head of a chunked request, which must be complete within
 * `limit` ms, to the end of its body. */
void loop_watch(struct reader *r, struct connection *c, struct MHD_Connection *mhd, int64_t limit);
void loop_unwatch(struct reader *r); /* also when it is not watched */

/* In place of MHD_resume_connection, from any thread; the request may be gone once this is
 * called. */
void loop_resume(struct loop *loop, struct resumption *r);

void loop_quiesce(struct loop *loop); /* once it returns, no further connection is accepted */
void loop_free(struct loop *loop);    /* stops it; none of its connections may be suspended */

#endif
