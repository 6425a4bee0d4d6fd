/* store/sqlite/known.h - the event that is stored already under one of an event's keys: its
 * idempotency key, or else its state key. */
#ifndef HOOKD_STORE_KNOWN_H
#define HOOKD_STORE_KNOWN_H

#include "base/attributes.h"
#include "event/event.h"

#include <stdbool.h>
#include <stdint.h>

struct store_db;

struct store_known {
	int64_t event; /* 0: none */
	bool conflict; /* one idempotency key and one origin, but another body */
	bool repaired; /* its payload was damaged, and is now what was received */
};

/* Finds it, and repairs its payload from the event's if the disk has damaged it. `checksum` is of
 * the event's payload, `origin` its origin. Returns an SQLite result code. */
int store_known_find(struct store_db *db, const struct event *ev, const char *origin,
	int64_t checksum, struct store_known *known) WARN_UNUSED;

/* The event of the source that has the state key (NULL: none); 0: none. */
int store_known_state(
	struct store_db *db, int64_t source, const char *state_key, int64_t *event) WARN_UNUSED;

#endif
