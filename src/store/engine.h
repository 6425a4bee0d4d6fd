/* store/engine.h - what a database engine does for the store. Everything above it (store.c,
 * writer.c, query/) knows operations, deltas and rows; everything that knows SQLite is
 * in store/sqlite/. A second engine is another folder with another struct store_engine.
 *
 * The daemon has one struct store_db. After `open` it belongs to the writer's thread alone,
 * except where stated otherwise. */
#ifndef HOOKD_STORE_ENGINE_H
#define HOOKD_STORE_ENGINE_H

#include "base/attributes.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_refusal;
struct store_db; /* the daemon's database; each engine defines its own */

/* Of one transaction, unless a single operation is larger. */
#define STORE_GROUP_MAX   512       /* operations */
#define STORE_GROUP_BYTES (8 << 20) /* of what they store, beside small columns */

/* Is it a slice, to be run alone? */
static inline bool store_op_is_slice(const struct store_op *op)
{
	return op->kind >= STORE_OP_CHANGE;
}

/* What a transaction changes in the counts once it is committed. */
struct store_delta {
	int64_t stored;
	int64_t duplicates;
	int64_t quarantined;
	int64_t waiting;
	int64_t dead;
	bool ready; /* deliveries have become READY, or are due at another time */
};

/* Operations for one transaction, with what the store knew when it took them from the queue. */
struct store_group {
	struct store_op *first; /* linked by op->next; store_op_start has been called on each */
	unsigned backlog;       /* waiting deliveries allowed */
	int64_t waiting, dead;  /* the counts before this transaction */
};

enum store_commit {
	STORE_COMMITTED,
	STORE_COMMIT_AGAIN,         /* something could not be read, and is left out if the group is
				     * run again, as it must be now; logged */
	STORE_COMMIT_BAD_OPERATION, /* one operation is at fault: the others can go in alone */
	STORE_COMMIT_FAILED,        /* the store cannot write; logged */
};

/* A hook with READY deliveries: the answer to STORE_OP_ORPHANS. */
struct store_waiting {
	int64_t hook;
	int64_t waiting;
	char *name;
};

struct store_orphans {
	struct store_op op;         /* STORE_OP_ORPHANS */
	struct store_waiting *rows; /* out: an array to free, with each name */
	size_t count;               /* out */
};

/* Refused requests to be kept, in place of the oldest ones, after those that are too old are
 * removed: a slice that the writer makes. */
struct store_keep {
	struct store_op op;                /* STORE_OP_REFUSED */
	const struct store_refusal *first; /* NULL: only removes */
	int64_t now;                       /* unix ms */
};

struct store_engine {
	/* Takes the lock that keeps a second daemon out, opens the database (makes it or migrates
	 * its schema only if options->migrate), makes RUNNING deliveries READY and fills in the
	 * counts that it knows. Borrows path until `close`. NULL: logged. */
	struct store_db *(*open)(
		const char *path, const struct store_options *options, struct store_counts *counts);
	void (*close)(struct store_db *db); /* after the writer's thread has ended */

	/* Runs all operations of a group, in order, in one transaction, and syncs it. If it
	 * does not commit, nothing of it is stored; the caller undoes the operations. Once a sync
	 * has failed, no transaction commits. */
	enum store_commit (*write)(
		struct store_db *db, const struct store_group *group, struct store_delta *delta);
	void (*after_write)(struct store_db *db); /* after each `write` and `retain` */

	/* After a slice that failed: is it worth another try? */
	bool (*make_room)(struct store_db *db);

	/* One slice of retention: removes some events that are older than `retention` ms.
	 * Returns the ms until the next slice is due; 0: at once. */
	int64_t (*retain)(struct store_db *db, int64_t retention, struct store_delta *delta);

	/* Main thread: writes the path of the control socket into the lock. False: errno is set. */
	bool (*announce)(struct store_db *db, const char *control);

	/* Any thread: does something with the store's files need a person? Then `text` says what.
	 */
	bool (*trouble)(struct store_db *db, char *text, size_t size);

	/* Any thread: was the hook paused by a person when the engine last read that? */
	bool (*is_paused)(struct store_db *db, int64_t hook);
};

extern const struct store_engine store_sqlite;

#endif
