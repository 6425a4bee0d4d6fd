/* dispatcher/dispatcher.h - runs the deliveries: claims those that are due from the store, within
 * the limits of each hook and of all hooks together, in turns so that no hook delays another;
 * starts their actions, stores the results, and decides when to try again. One thread with one
 * epoll; it sleeps until something is due, ends or arrives. */
#ifndef HOOKD_DISPATCHER_H
#define HOOKD_DISPATCHER_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "event/confirmation.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct dispatcher;

/* Makes a dispatcher that does not run yet, because the store, whose on_ready is dispatcher_notify,
 * is opened after it. NULL: logged. */
struct dispatcher *dispatcher_new(void) WARN_UNUSED;

/* Who says whether what an event reports is still so, for hooks that want to know; without one they
 * act all the same. Before dispatcher_start; copied. It answers all questions before
 * dispatcher_free. */
void dispatcher_confirm_by(struct dispatcher *d, const struct confirmer *confirmer);

/* Starts its thread. Takes a reference to conf, borrows the store until dispatcher_free.
 * False: logged. */
bool dispatcher_start(struct dispatcher *d, struct conf *conf, struct store *st) WARN_UNUSED;

/* Something may be due now. Any thread, never blocks. */
void dispatcher_notify(void *dispatcher);

/* Uses conf from now on; running actions end with the conf they started with. Any thread. */
void dispatcher_reload(struct dispatcher *d, struct conf *conf);

/* Starts no more actions. Running ones have conf->limits.grace to end; then they are interrupted
 * and their deliveries become READY again. Returns a descriptor that belongs to the dispatcher and
 * becomes readable when nothing runs and all results are stored. Any thread. */
int dispatcher_drain(struct dispatcher *d);

/* For the watchdog: has its thread made a turn since the last call, or is it idle? Never
 * blocks. */
bool dispatcher_alive(struct dispatcher *d);

struct dispatcher_counts {
	unsigned running; /* now */
	int64_t done;     /* deliveries, since start */
	int64_t failed;   /* attempts, since start */
	int64_t dead;     /* deliveries, since start */
};
void dispatcher_counts(struct dispatcher *d, struct dispatcher_counts *out); /* any thread */

/* A hook that is held: its target is not reachable or not well, so its deliveries wait without
 * using up attempts, and one of them at a time is tried as a probe. */
struct dispatcher_hold {
	char hook[96];
	char why[512];   /* what its last failure says */
	int64_t since;   /* unix ms */
	unsigned probes; /* that have failed so far */
};
/* Copies the first `max` of the hooks that are held; returns how many there are. Any thread. */
size_t dispatcher_holds(struct dispatcher *d, struct dispatcher_hold *out, size_t max);

/* Kills running actions and ends the thread. The store may still call dispatcher_notify. */
void dispatcher_stop(struct dispatcher *d);

/* The same, and frees. Call it before the store is closed, but after the last event was put into
 * it: each event with a hook calls dispatcher_notify. */
void dispatcher_free(struct dispatcher *d);

#endif
