/* listener/listener.h - receives webhooks and puts them into the store: takes requests from an HTTP
 * server of its own, and answers once the store has the event.
 *
 * A request: source and limits -> body -> verify -> event -> match -> store (suspended
 * meanwhile) -> answer. Nothing here waits for an action or a disk.
 * All functions are for the main thread. */
#ifndef HOOKD_LISTENER_H
#define HOOKD_LISTENER_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listener;

/* Listens on the given sockets (from systemd; taken over) or, when there are
 * none, on those of conf->listen. NULL with the reason logged. Takes a
 * reference to conf, borrows the store. */
struct listener *listener_start(
	struct conf *conf, struct store *st, const int *sockets, size_t socket_count) WARN_UNUSED;

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

/* Closes the remaining connections and frees the listener. Waits for requests whose event the store
 * is writing. */
void listener_stop(struct listener *l);

#endif
