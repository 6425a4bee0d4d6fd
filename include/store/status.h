/* store/status.h - the current state of the store: for hookctl status. Every query uses an index;
 * rows whose number grows with the store are only counted. Times are unix ms. False: the store
 * could not be read, with the reason in why. One thread at a time. */
#ifndef HOOKD_STORE_STATUS_H
#define HOOKD_STORE_STATUS_H

#include "base/attributes.h"
#include "read.h"

#include <stdbool.h>
#include <stdint.h>

struct store_status {
	int64_t events, quarantined;
	int64_t last_minute, last_hour, last_day; /* events that arrived in that time */
	int64_t quarantined_last_day;
	int64_t ready, running, done, skipped;
	int64_t dead;       /* given up, and not replayed */
	int64_t replayed;   /* given up, and replayed since */
	int64_t oldest_due; /* of READY deliveries that are neither blocked nor paused; 0: none */
};

bool store_status(struct store_reader *r, int64_t now, struct store_status *out,
	char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_status_source {
	const char *name;
	int64_t last; /* when its last event arrived; 0: none has */
};
typedef void store_status_source_seen(void *arg, const struct store_status_source *row);

/* By name, without hookd's own. */
bool store_status_sources(struct store_reader *r, store_status_source_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_status_paused {
	const char *hook;
	int64_t since;
	int64_t waiting;
};
typedef void store_status_paused_seen(void *arg, const struct store_status_paused *row);

/* The paused hooks, by name. */
bool store_status_paused(struct store_reader *r, store_status_paused_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

struct store_status_failing {
	int64_t event;
	const char *hook;
	int64_t failures;
	int64_t due_at;      /* of its next attempt */
	const char *message; /* of the last; "" for none */
};
typedef void store_status_failing_seen(void *arg, const struct store_status_failing *row);

/* READY deliveries that have failed before, those due next first, up to `limit`. */
bool store_status_failing(struct store_reader *r, unsigned limit, store_status_failing_seen *seen,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
