/* store/maintenance.h - copies a store, checks it, and removes old events on request, beside a
 * running daemon, which keeps working. One thread. */
#ifndef HOOKD_STORE_MAINTENANCE_H
#define HOOKD_STORE_MAINTENANCE_H

#include "base/attributes.h"
#include "store/change.h"
#include "store/read.h"

#include <stdbool.h>
#include <stdint.h>

/* Pages done, of all; 0 of 0 if that is not known. */
typedef void store_progress(void *arg, int64_t done, int64_t all);

/* Copies the store, as it is now, to a new file that only its owner may read. The file gets its
 * name when it is complete, checked and synced. */
bool store_backup(struct store_reader *r, const char *file, store_progress *progress, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* In the store itself, or in a payload that is not what was received. */
enum store_fault { STORE_FAULT_STORE, STORE_FAULT_PAYLOAD };

/* `fault` is the database's message or ours. Valid during the call. */
typedef void store_fault_seen(void *arg, enum store_fault kind, const char *fault);

/* Checks the whole store; `full` also compares every index with its table and every payload
 * with its checksum. False: it could not be read. */
bool store_check(struct store_reader *r, bool full, store_fault_seen *seen,
	store_progress *progress, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Counts the events received before that time, unix ms. */
bool store_old_count(struct store_reader *r, int64_t before, int64_t *count,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* How far pruning has come. Zero-initialised: it starts at the first event. */
struct store_prune {
	int64_t before; /* unix ms: the caller's */
	int64_t received_at, event;
	int64_t seen, removed;
	bool over;
};

/* Removes the next old events whose deliveries have all ended, in one short transaction. */
bool store_prune(
	struct store_editor *e, struct store_prune *prune, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Returns some free pages to the disk; *pages are still free, *size is the file's in bytes. When a
 * call leaves as many as the one before, there is nothing left to return. */
bool store_vacuum(struct store_editor *e, int64_t *pages, int64_t *size,
	char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
