/* http/server.h - what the listener*.c files share; private to them, and the
 * only header that knows libmicrohttpd.
 *
 * listener/listener.c             libmicrohttpd daemons, reload, drain, stop
 * http/loop.c        the threads that run them
 * http/socket.c      opens and closes the listening sockets
 * http/connection.c  open connections, counts per address, deadlines
 * listener/request.c     one request: limits, body, verify, store, answer
 * http/hygiene.c     is this a request two parsers would read alike? */
#ifndef HOOKD_LISTENER_HTTP_H
#define HOOKD_LISTENER_HTTP_H

#include "base/attributes.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/net.h"
#include "conf/conf.h"
#include "event/event.h"
#include "store/store.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- connections ---- */

enum connection_phase {
	CONNECTION_IDLE,      /* between requests */
	CONNECTION_READING,   /* a request line has come, the request not all */
	CONNECTION_STORING,   /* the store has the request: no deadline */
	CONNECTION_ANSWERING, /* an answer is on its way */
};

/* One accepted connection; made and freed by its worker's notifications. */
struct connection {
	struct connection *next, *previous; /* connections.lock */
	struct generation *generation;
	struct loop *loop;
	struct net_address peer;
	int fd;
	bool tls;
	struct address_count *counted; /* in the per-address table; NULL: not */
	_Atomic bool served;           /* a request of it was completed */
	_Atomic bool proven;           /* one of them was authentic */
	bool evicted;                  /* shut down to make room; connections.lock */
	_Atomic int phase;
	_Atomic int64_t deadline; /* steady ms; INT64_MAX: none */
};

/* All open connections of a listener, and the thread that holds each of them to
 * its deadline: libmicrohttpd's own timeout is for idle time only, and a header
 * dripped byte by byte is never idle. */
struct connections {
	pthread_mutex_t lock; /* guards all below and each connection's links */
	pthread_cond_t changed;
	struct connection *first, *last; /* the newest, the oldest */
	unsigned count;
	int64_t trim_at;            /* steady ms; INT64_MAX: not */
	unsigned peak;              /* of count, since it was 0 */
	_Atomic int64_t next_sweep; /* steady ms at which the thread wakes by itself */
	bool stop;
	struct address_count **addresses; /* hash table */
	unsigned char hash_key[16];
	pthread_t thread;
	void (*swept)(void *arg); /* called after each sweep, unlocked, in the thread */
	void *arg;
};

bool connections_start(struct connections *all, void (*swept)(void *), void *arg) WARN_UNUSED;
void connections_stop(struct connections *all); /* the thread; adding and removing go on */
void connections_free(struct connections *all);

/* Adds an accepted connection, within limits; over one of them it is added all
 * the same, but shut down so that its worker closes it. NULL: memory is short. When
 * few places are left, one that has proven nothing is shut down for it. */
struct connection *connections_add(struct connections *all, struct loop *loop, int fd, bool tls,
	const struct sockaddr *peer, const struct conf *conf);
void connections_remove(struct connections *all, struct connection *c);

/* Enters a phase whose end must come within `limit` ms (INT64_MAX: any time). */
void connection_enter(
	struct connections *all, struct connection *c, enum connection_phase phase, int64_t limit);

/* Sends a bare answer, past libmicrohttpd, on a connection that is still being
 * read: there it takes no answer. False with TLS, where it cannot be done.
 * `status`: "408 Request Timeout". The caller ends the connection. */
bool connection_refuse(const struct connection *c, const char *status);

/* Makes idle connections end within half a second; a request that begins before is still
 * answered. Of a generation only those that had a request: a new one, perhaps amid a slow
 * TLS handshake, keeps the time for its first. NULL: of all, new ones too, as hookd is to
 * end. Has the thread look over all connections now. */
void connections_close_idle(struct connections *all, const struct generation *generation);

unsigned connections_count(struct connections *all);

/* Counts one request under way for a forwarded client. False: it has `limit`
 * already, and it was not counted. */
bool connections_enter_client(
	struct connections *all, const struct net_address *client, unsigned limit) WARN_UNUSED;
void connections_leave_client(struct connections *all, const struct net_address *client);

/* ---- loops ---- */

/* A connection to be resumed; part of its request. */
struct resumption {
	struct resumption *next; /* loop.lock */
	struct MHD_Connection *mhd;
};

/* A chunked request that is being read; part of its request, its loop's thread's alone. */
struct reader {
	struct reader *next, *previous;
	struct connection *connection; /* NULL: not in the loop's list */
	int64_t since;                 /* steady ms: when something of its body came last */
};

/* A libmicrohttpd daemon and the thread that runs it: MHD_USE_EPOLL, without a
 * thread or a wake-up of its own. All of its connections live in that thread. */
struct loop {
	struct generation *generation;
	struct MHD_Daemon *daemon; /* set between loop_new and loop_start */
	int socket;                /* its own copy of the listening socket */
	int wake;                  /* eventfd: look at what the lock guards */
	struct store_op *puts;     /* of this turn, for the store; the loop's thread alone */
	struct store_op **puts_end;
	struct reader *readers; /* the loop's thread alone, as is: */
	unsigned busy_turns;    /* in a row after which the daemon wanted another at once */
	unsigned vain_turns;    /* the same, but of which no request or connection has heard */
	pthread_mutex_t lock;   /* guards the next five */
	pthread_cond_t done;    /* quiesced */
	struct resumption *resumed;
	bool quiesce, quiesced, stop;
	bool started;
	pthread_t thread;
};

struct loop *loop_new(struct generation *g, int socket); /* takes the socket; NULL: no memory */
bool loop_start(struct loop *loop) WARN_UNUSED;          /* false, logged: to be freed */

/* In place of store_submit, in the loop's thread: what one turn has read goes to the
 * store together, so that it is not cut into a small commit and a large one. */
void loop_put(struct loop *loop, struct store_op *op);

/* In the loop's thread: from the head of a chunked request, which must be all there
 * within `limit` ms, to the end of its body. */
void loop_watch(struct reader *r, struct connection *c, struct MHD_Connection *mhd, int64_t limit);
void loop_unwatch(struct reader *r); /* also when it is not watched */

/* In place of MHD_resume_connection, from any thread; its request may be gone once it
 * is called. */
void loop_resume(struct loop *loop, struct resumption *r);

void loop_quiesce(struct loop *loop); /* once back, no more connections are accepted */
void loop_free(struct loop *loop);    /* stops it; no connection of it may be suspended */

/* ---- listener ---- */

/* The libmicrohttpd daemons started together: some per socket. */
struct generation {
	struct generation *next;
	struct listener *listener;
	struct loop **loops;
	size_t loop_count;
	_Atomic unsigned open; /* its connections */
	_Atomic bool closing;  /* answers carry "Connection: close" */
};

struct listener {
	struct store *store;
	struct connections connections;
	int *sockets;
	bool *unix_sockets; /* of them, which are local: no TLS there */
	size_t socket_count;
	bool passed;         /* they came from systemd */
	char **unlink_paths; /* Unix sockets that we made */
	size_t unlink_count;
	pthread_mutex_t lock; /* guards conf and generations */
	struct conf *conf;
	struct generation *generations; /* the newest first */
	_Atomic unsigned storing;       /* requests in the store's hands, or not answered since */
	_Atomic bool draining;
	_Atomic bool stopping; /* nothing is handed to the store any more */
	int drained;           /* eventfd */
	_Atomic int64_t requests, refused, unavailable;
};

struct conf *listener_conf(struct listener *l); /* a reference */

/* Takes over the passed sockets, or opens those of l->conf. False, logged. */
bool sockets_open(struct listener *l, const int *passed, size_t count) WARN_UNUSED;
void sockets_log(const struct listener *l);
void sockets_refuse(struct listener *l); /* clients are turned away from now on */
void sockets_close(struct listener *l);

/* ---- requests: libmicrohttpd's callbacks ---- */

void *request_begin(void *listener, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_handle(void *listener, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **request);
void request_end(void *listener, struct MHD_Connection *mhd, void **request,
	enum MHD_RequestTerminationCode how);

/* ---- hygiene ---- */

#define HYGIENE_SINGLE_MAX 32
#define HYGIENE_REASON     96

struct hygiene {
	const char *uri; /* raw, as request_begin got it */
	size_t uri_len;
	/* Headers that may come once at most, besides those HTTP itself limits: NULL at
	 * the end, HYGIENE_SINGLE_MAX of them. NULL: none. */
	const char *const *single;
	/* out */
	bool has_length;
	uint64_t length; /* Content-Length */
	bool chunked;
	bool expects;         /* Expect: 100-continue */
	struct buf forwarded; /* all X-Forwarded-For values, joined by ", "; the caller frees */
	char duplicate[HYGIENE_REASON]; /* the reason that names a repeated header */
};

/* Is the libmicrohttpd that runs one of those that hookd was built to look after? With one
 * of the other kind (before 0.9.77, or from that on) each request would be refused. */
bool hygiene_fits_library(void) WARN_UNUSED;

/* NULL when the request's head is sound, else why it is not: a constant, or in *h. */
const char *hygiene_check(
	struct MHD_Connection *mhd, const char *method, const char *version, struct hygiene *h);

/* NULL when the raw request target is sound, else why not. */
const char *hygiene_check_uri(const char *uri, size_t len);

/* The path within a request target, as it came, also of the absolute form ("http://…"):
 * RFC 9112, 3.2.2. */
const char *hygiene_path(const char *uri, size_t *len);

#endif
