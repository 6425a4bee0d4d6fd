/* dispatcher/dispatcher.h - runs the deliveries: claims what is due from the store, within
 * the limits of each hook and of all together, in turn over the hooks so that
 * none holds back another, starts their actions, settles what came of them, and
 * says when to try again. One thread with one epoll; it sleeps until something
 * is due, ends or arrives. */
#ifndef HOOKD_DISPATCHER_H
#define HOOKD_DISPATCHER_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct dispatcher;

/* Makes a dispatcher, not yet running: it must exist before the store, whose
 * on_ready is dispatcher_poke. NULL when resources are short (logged). */
struct dispatcher *dispatcher_new(void) WARN_UNUSED;

/* Starts its thread. Takes a reference to conf, borrows the store until
 * dispatcher_free. */
bool dispatcher_start(struct dispatcher *d, struct conf *conf, struct store *st) WARN_UNUSED;

/* Something may be due. Any thread, never blocks. */
void dispatcher_poke(void *dispatcher);

/* From now on works under conf (running actions end under their own). Any thread. */
void dispatcher_reload(struct dispatcher *d, struct conf *conf);

/* Starts nothing more. What runs has conf->limits.grace to end, is then
 * interrupted and its delivery put back as READY. Returns a descriptor that
 * becomes readable when nothing runs and all is settled; it belongs to the
 * dispatcher. Any thread. */
int dispatcher_drain(struct dispatcher *d);

/* True when its thread went round since the last call, or was idle: for the
 * watchdog. Never blocks. */
bool dispatcher_alive(struct dispatcher *d);

struct dispatcher_counts {
	unsigned running; /* now */
	int64_t done;     /* deliveries, since start */
	int64_t failed;   /* attempts, since start */
	int64_t dead;     /* deliveries, since start */
};
void dispatcher_counts(struct dispatcher *d, struct dispatcher_counts *out); /* any thread */

/* Kills what still runs and ends the thread. The store may go on and poke. */
void dispatcher_stop(struct dispatcher *d);

/* The same, and frees. Before the store is closed, and when nothing more is put into it:
 * each event with a hook would poke. */
void dispatcher_free(struct dispatcher *d);

#endif
