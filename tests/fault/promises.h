/* promises.h - what a store has acknowledged, and whether it is stored.
 *
 * Threads put events, claim and settle deliveries as hookd does, retry what was refused, and record
 * what was acknowledged. Every byte of an event follows from the seed and its number, so it can be
 * checked. One object belongs to one store, however often that is opened. */
#ifndef HOOKD_FAULT_PROMISES_H
#define HOOKD_FAULT_PROMISES_H

#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct promises;

struct promises *promises_new(uint64_t seed, const char *path); /* borrows the path */
void promises_free(struct promises *p);

/* Makes a store of schema version 1, with rows that must last. */
void promises_version_1(struct promises *p);

/* Opens the store with the retention and backlog that the check expects; NULL: it failed. */
struct store *promises_open(struct promises *p, const char *path);
/* Has the store that was opened last called on_failure? From then on it must acknowledge nothing.
 */
bool promises_stopped(const struct promises *p);

struct work {
	unsigned putters; /* threads that put events, one at a time each */
	unsigned events;  /* how many more, in all */
	unsigned large;   /* of 1000: how many are of 64 to 256 KiB, the rest is small */
	bool deliveries;  /* a thread claims and settles meanwhile */
	bool reader;      /* another connection reads, which keeps the WAL from being reset */
	unsigned tries;   /* for each event, then it is skipped; 0: until the disk is dead or the
			     store has stopped */
};

/* Works until everything is put, the disk is dead, or the store has stopped. False: the store gave
 * a wrong answer, such as another event's number for a key; `why` says which. */
bool promises_work(
	struct promises *p, struct store *st, const struct work *work, char *why, size_t size);

/* With the store closed: opens it and checks everything that was acknowledged, and what must always
 * be true (integrity, no event without its deliveries). */
bool promises_check(struct promises *p, const char *path, char *why, size_t size);

struct promised {
	unsigned events;     /* acknowledged */
	unsigned refused;    /* puts that the store could not take */
	unsigned duplicates; /* put again on purpose, and recognised */
	unsigned settled;    /* attempts */
};

struct promised promises_count(const struct promises *p);

#endif
