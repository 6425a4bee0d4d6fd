/* store/maintenance.h - removes old events on request, returns free space to the disk, copies and
 * checks a store. What changes or copies it are operations for store_submit or store_wait, a slice
 * of the work each: submit it again until it is over. */
#ifndef HOOKD_STORE_MAINTENANCE_H
#define HOOKD_STORE_MAINTENANCE_H

#include "audit.h"
#include "base/attributes.h"
#include "change.h"
#include "read.h"

#include <stdbool.h>
#include <stdint.h>

/* Pages done, of all; 0 of 0 if that is not known. False: the work is to stop, which is a failure.
 */
typedef bool store_progress(void *arg, int64_t done, int64_t all);

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

/* Removes old events whose deliveries have all ended. Zero-initialised: it starts at the first
 * event. A slice that fails leaves it as it was. */
struct store_prune {
	struct store_op op; /* STORE_OP_PRUNE */
	int64_t before;     /* unix ms: the caller's */
	struct store_audit *audit;
	struct store_pruned {
		int64_t received_at, event; /* the last event looked at */
		int64_t seen, removed;      /* so far */
		bool over;
	} at, start; /* in and out; the store's: `at` when the slice began */
};

/* Copies the store, as it is when the last slice ends. Submit it until it is over, or an error ends
 * it, or once more with `stop`: before that the store cannot be closed. After each slice, also the
 * last, store_backup_take hands over what it has copied; once that is in a file, the file is cut
 * to `size`. store_backup_check then shows whether it is good. So a file that is slow, or on a
 * file system that does not answer, holds up the asker alone. */
struct store_backup {
	struct store_op op;        /* STORE_OP_BACKUP */
	bool stop;                 /* in: ends it; the copy is of no use */
	struct store_copy *copy;   /* the store's; NULL at first */
	struct store_pages *pages; /* store_backup_take's; NULL at first */
	int64_t done, all;         /* out: pages copied, of all */
	int64_t size;              /* out, when it is over: the copy's, bytes */
	bool over;                 /* out */
};

#define STORE_BACKUP_PART ((size_t)256 * 1024) /* bytes that are handed over at once, at most */

/* Bytes of the copy, from offset `at` on: whole pages. Valid during the call. False: no more. */
typedef bool store_bytes_seen(void *arg, int64_t at, const void *bytes, size_t len);

/* Hands over what the last slice has copied, in order. A later slice may copy the same pages again.
 * False, with the reason in why, or `seen` wanted no more: end the copy by `stop`. Any thread. */
bool store_backup_take(struct store_backup *b, store_bytes_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

/* Checks a copy, which is not trusted: it must be a store with the tables that hookd makes, and
 * sound. Nothing may write it meanwhile. Any thread. False with the reason in why. */
bool store_backup_check(
	int fd, store_progress *progress, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Returns some free pages to the disk. */
struct store_vacuum {
	struct store_op op; /* STORE_OP_VACUUM */
	struct store_audit *audit;
	int64_t pages; /* out: still free */
	int64_t size;  /* out: the file's, bytes */
	bool over;     /* out: there is nothing left to return */
};

#endif
