/* counts/counts.h - the one place that adds counts together: for hookd's status line and for
 * `hookctl status`. The counts of the running hookd (counts_gather) and those of the store's file
 * (counts_read) are defined in the same way, so that they cannot disagree. */
#ifndef HOOKD_COUNTS_H
#define HOOKD_COUNTS_H

#include "base/attributes.h"
#include "store/read.h"

#include <stdbool.h>
#include <stdint.h>

struct store;
struct dispatcher;
struct listener;

/* Deliveries in the store, now. */
struct counts_deliveries {
	int64_t waiting; /* READY, due or not, blocked or paused */
	int64_t running;
	int64_t dead; /* given up, and not replayed */
};

struct counts_sources {
	struct store *store;
	struct dispatcher *dispatcher;
	struct listener *listener;
};

struct counts {
	struct counts_deliveries deliveries;
	/* since hookd's start: */
	int64_t stored, duplicates, quarantined; /* events */
	int64_t done;                            /* deliveries */
	int64_t requests, refused, unavailable;  /* the last two: answered with 4xx and with 503 */
	/* now: */
	unsigned connections;
	size_t held; /* hooks, until their target is well */
};

/* Counts of the running hookd. Takes a lock or two, does no I/O. Any thread, between the start
 * of the last of the sources and the stop of the first. */
void counts_gather(const struct counts_sources *from, struct counts *out);

struct counts_stored {
	struct counts_deliveries deliveries;
	int64_t done, skipped, replayed; /* deliveries; replayed: given up, and replayed since */
	int64_t events, quarantined;     /* all in the store */
	int64_t last_minute, last_hour, last_day, quarantined_last_day; /* events received */
	int64_t oldest_due; /* of those that wait, neither blocked nor paused; 0: none */
};

/* Counts of a store, beside a running hookd or without one. `now` is unix ms. False: the reason is
 * in why. One thread at a time, like the reader. */
bool counts_read(struct store_reader *r, int64_t now, struct counts_stored *out,
	char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
