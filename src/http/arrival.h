/* http/arrival.h - connections from accept(2) until libmicrohttpd gets them. Each waits in its loop
 * until its first bytes show what it is: a balancer's PROXY protocol header is read and taken
 * off, and what is neither HTTP nor (on a TLS port) TLS is refused and logged, with what it
 * looks like. libmicrohttpd, which would accept by itself, has no place for either.
 *
 *   accept -> HEADER (only where one is expected) -> GREETING -> handed over
 *                '------------------------------------'-> REFUSED -> closed
 *
 * Bytes are looked at without taking them, and each is one of the server's connections from the
 * start: counted, limited, with a deadline. All for the loop's thread, but arrivals_open and
 * arrivals_close. */
#ifndef HOOKD_HTTP_ARRIVAL_H
#define HOOKD_HTTP_ARRIVAL_H

#include "base/attributes.h"
#include "connection.h"

#include <stdbool.h>
#include <stdint.h>

struct loop;

struct arrivals {
	int epoll;        /* the listening socket, and the connections that wait */
	bool proxied;     /* each connection begins with a PROXY protocol header */
	bool listening;   /* the socket is in epoll */
	unsigned limit;   /* the loop's connections at most, with those that wait */
	unsigned waiting; /* how many are in the list */
	int64_t retry_at; /* steady ms before which nothing is accepted: the last try failed */
	struct connection *first;
	struct connection *handed; /* to the daemon, which has not reported it yet */
};

bool arrivals_open(struct loop *loop) WARN_UNUSED; /* false: errno */

/* Before the loop waits: listens if there is room, otherwise leaves new clients to other loops.
 * Returns after how many ms to call it again at the latest; -1: any time. */
int arrivals_prepare(struct loop *loop);

/* Its descriptor is readable. */
void arrivals_take(struct loop *loop);

/* Accepts no more. Those that wait go on. */
void arrivals_quiesce(struct loop *loop);

/* The daemon reports a new connection: the one that was handed to it, and its descriptor. */
struct connection *arrivals_handed(struct loop *loop, int fd);

/* Closes those that wait; the thread has ended. */
void arrivals_close(struct loop *loop);

#endif
