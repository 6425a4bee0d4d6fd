/* listener/listener.h - receives webhooks and puts them into the store: takes requests from an HTTP
 * server of its own, and answers once the store has the event.
 *
 * A request: source and limits -> body -> verify -> event -> match -> store (suspended
 * meanwhile) -> answer. Nothing here waits for an action or a disk.
 * All functions are for the main thread. */
#ifndef HOOKD_LISTENER_H
#define HOOKD_LISTENER_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listener;

/* Listens on the given sockets (from systemd; taken over) or, when there are
 * none, on those of conf->listen. Without a store each request gets 503. NULL with the reason
 * logged. Takes a reference to conf, borrows the store. */
struct listener *listener_start(
	struct conf *conf, struct store *st, const int *sockets, size_t socket_count) WARN_UNUSED;

/* From now on requests go into the store. If it was started without one. False: out of memory. */
bool listener_use_store(struct listener *l, struct store *st) WARN_UNUSED;

/* Finds what would keep the start from using conf->tls: adds lines to `errors`, and to `cautions`
 * what only clients will refuse. */
void listener_check_tls(const struct conf *conf, struct buf *errors, struct buf *cautions);

/* Applies conf from the next request on, and reads the certificate again. False, with the reason
 * logged: nothing has changed. */
bool listener_reload(struct listener *l, struct conf *conf) WARN_UNUSED;

/* Accepts no more connections; idle ones are closed, requests in progress are answered with
 * "Connection: close". Returns a descriptor that becomes readable when none is left; it
 * belongs to the listener. */
int listener_drain(struct listener *l);

struct listener_counts {
	int64_t requests;     /* since start */
	int64_t refused;      /* 4xx, since start */
	int64_t unavailable;  /* 503, since start */
	unsigned connections; /* now */
};
void listener_counts(struct listener *l, struct listener_counts *out); /* any thread */

/* Of a source, since start. Times are unix ms. */
struct listener_health {
	int64_t refused_since; /* every request since then was refused; 0: the last was not */
	int64_t refused;       /* these; */
	int64_t accepted_at;   /* the last that was authentic; 0: none */
	const char *reason;    /* of the last refusal: a literal; NULL: none */
};
/* By the source's store id. Refused are those with a wrong proof, from an address that is not
 * allowed, or with too large a body: not those that are no POST. Any thread. */
void listener_health(struct listener *l, int64_t source, struct listener_health *out);

/* Closes the remaining connections and frees the listener. Waits for requests whose event the store
 * is writing. */
void listener_stop(struct listener *l);

#endif
