/* store/care.h - copies a store, and looks whether it is sound; beside a running daemon,
 * which goes on as if nothing was. One thread. */
#ifndef HOOKD_STORE_CARE_H
#define HOOKD_STORE_CARE_H

#include "base/attributes.h"
#include "read.h"

#include <stdbool.h>
#include <stdint.h>

/* How far it is: pages of all; 0 of 0 when nobody can tell. */
typedef void store_progress(void *arg, int64_t done, int64_t all);

/* Copies the store, as it is at this moment, to a file that is not there yet, for its
 * owner only. It appears under its name once it is whole, checked and on disk. */
bool store_backup(struct store_reader *r, const char *file, store_progress *progress, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* Of the store itself, or of a payload that is not what came in. */
enum store_fault { STORE_FAULT_STORE, STORE_FAULT_PAYLOAD };

/* What is wrong, in SQLite's words or ours. Valid during the call. */
typedef void store_fault_seen(void *arg, enum store_fault kind, const char *fault);

/* Looks through the whole store; `full` also compares every index with its table
 * and every payload with its checksum.
 * False: it could not be read. */
bool store_check(struct store_reader *r, bool full, store_fault_seen *seen,
	store_progress *progress, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
