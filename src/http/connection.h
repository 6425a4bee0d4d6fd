/* http/connection.h - the open connections of a server, and the thread that closes each of them
 * at its deadline. libmicrohttpd's own timeout is for idle time only, and a header that is
 * dripped byte by byte is never idle. */
#ifndef HOOKD_HTTP_CONNECTION_H
#define HOOKD_HTTP_CONNECTION_H

#include "address.h"
#include "base/attributes.h"
#include "base/net.h"
#include "settings.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct generation;
struct loop;

enum connection_phase {
	CONNECTION_IDLE,      /* between requests */
	CONNECTION_READING,   /* a request line has arrived, but not the whole request */
	CONNECTION_SUSPENDED, /* the handler has the request: no deadline */
	CONNECTION_ANSWERING, /* an answer is being sent */
};

/* What a connection that libmicrohttpd has not got yet is waiting for. */
enum arrival_step {
	ARRIVAL_HEADER,   /* a PROXY protocol header */
	ARRIVAL_GREETING, /* the first bytes of HTTP or TLS */
	ARRIVAL_REFUSED,  /* its end: it has been answered */
};

/* One accepted connection, made and freed in its loop's thread. */
struct connection {
	struct connection *next, *previous;                 /* connections.lock */
	struct connection *next_arrival, *previous_arrival; /* the loop's thread only, as the next
							     * three */
	enum arrival_step arrival;
	bool had_header; /* of the PROXY protocol */
	bool polled;     /* it is in the epoll of the arrivals */
	struct generation *generation;
	struct loop *loop;
	struct settings *settings; /* of its last request; the loop's thread only */
	struct net_address peer;
	int fd; /* connections.lock, to change it; -1: on its way to libmicrohttpd */
	bool tls;
	size_t unseen; /* bytes received by TLS since our last call, or discarded of a refused
			* arrival; the loop's thread only */
	struct address_count *counted; /* in the table of addresses; NULL: not counted */
	_Atomic bool served;           /* one of its requests was completed */
	_Atomic bool proven;           /* one of them was authentic */
	bool evicted;                  /* shut down to make room; connections.lock */
	struct http_request *request;  /* begun, not ended; the loop's thread only */
	_Atomic int phase;
	_Atomic int64_t deadline; /* steady ms; INT64_MAX: none */
};

struct connections {
	pthread_mutex_t lock; /* guards all below and each connection's links */
	pthread_cond_t changed;
	struct connection *first, *last; /* the newest, the oldest */
	unsigned count;
	unsigned peak;              /* of count, since it was 0 */
	int64_t trim_at;            /* steady ms at which to release memory; INT64_MAX: never */
	_Atomic int64_t next_sweep; /* steady ms at which the thread wakes by itself */
	bool stop;
	struct address_table addresses;
	pthread_t thread;
	void (*swept)(void *arg); /* called after each sweep, unlocked, in the thread */
	void *arg;
};

/* False: logged; nothing is left to free. */
bool connections_start(struct connections *all, void (*swept)(void *), void *arg) WARN_UNUSED;
void connections_stop(struct connections *all); /* stops the thread; add and remove still work */
void connections_free(struct connections *all);

/* Adds an accepted connection. One beyond a limit is added and shut down, so that its loop
 * closes it. When few places are left, a connection without an authentic request is shut down.
 * Takes the settings. NULL: no memory. */
struct connection *connections_add(struct connections *all, struct loop *loop,
	struct generation *generation, int fd, bool tls, const struct sockaddr *peer,
	struct settings *settings);
void connections_remove(struct connections *all, struct connection *c);

/* Enters a phase whose end must come within `limit` ms (INT64_MAX: any time). */
void connection_enter(
	struct connections *all, struct connection *c, enum connection_phase phase, int64_t limit);

/* Replaces the descriptor; a deadline that passes while it is -1 comes into force later. */
void connection_set_fd(struct connections *all, struct connection *c, int fd);

/* Replaces the peer by the client that it stands for, and counts it for that. One beyond the limit
 * is shut down. */
void connections_set_peer(
	struct connections *all, struct connection *c, const struct net_address *peer);

/* Logs at the log's limit that what a peer sent is not handled. NULL: which peer is not known. */
void connection_log_refused(const struct net_address *peer, const char *reason);

/* Sends a bare answer, without TLS, and ends our side. */
void connection_send_refusal(const struct connection *c, const char *status);

/* Sends a bare answer, bypassing libmicrohttpd, on a connection that is still being read:
 * there libmicrohttpd takes no answer. False with TLS, where this is impossible. `status`: "408
 * Request Timeout". The caller ends the connection. */
bool connection_refuse(const struct connection *c, const char *status);

/* Makes idle connections of the generation end within half a second; a request that begins before
 * that is still answered. This includes only connections that had a request: a new one, which may
 * still be in a slow TLS handshake, keeps its time for the first. NULL: those of all generations,
 * new ones too, since the server must stop. */
void connections_close_idle(struct connections *all, const struct generation *generation);

unsigned connections_count(struct connections *all);

/* Counts one request in progress for a forwarded client. False: it has `limit` already,
 * and is not counted. */
bool connections_enter_client(
	struct connections *all, const struct net_address *client, unsigned limit) WARN_UNUSED;
void connections_leave_client(struct connections *all, const struct net_address *client);

#endif
