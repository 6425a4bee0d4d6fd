/* store/sqlite/db.h - what store*.c share and nobody else sees: the open store, its
 * statements and the passage between its parts.
 *
 *   store/store.c         opens, recovers, takes operations in, closes
 *   store/sqlite/schema.c  whose file is it, which version, migrations
 *   store/sqlite/sql.c     the statements of the daemon's work
 *   store/writer.c  the writer's thread: groups, transactions, `done`
 *   store/ops.c     each operation but those of
 *   store/sqlite/put.c     storing events,
 *   store/sqlite/claim.c   claiming and
 *   store/sqlite/settle.c  settling
 *   store/sqlite/order.c   which delivery of an entity has its turn, and which has none any more
 *   store/sqlite/pause.c   which hooks are paused
 *   store/sqlite/checksum.c    whether a payload is what came in
 *   store/sqlite/prune.c   retention
 *   store/sqlite/checkpoint.c   the WAL
 *   store/sqlite/vfs.c     how it is written
 * and beside the daemon, from other processes:
 *   store/query/reader.c, store/query/read.c, store/query/list.c, …   look
 *   store/edit/editor.c, store/edit/change.c                 write
 * Functions that return int return an SQLite result code. After store_open the
 * connection belongs to the writer's thread alone. */
#ifndef HOOKD_STORE_DB_H
#define HOOKD_STORE_DB_H

#include "base/attributes.h"
#include "base/log.h"
#include "store/store.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;

#define STORE_APPLICATION_ID 0x68756b64 /* "hukd", in the file's header */
#define STORE_SCHEMA         3          /* the file's user_version */
#define STORE_GROUP_MAX      512        /* operations in one transaction */
#define STORE_BUSY_TIMEOUT   5000       /* ms to wait for hookctl's lock */
#define STORE_PRUNE_EVERY    3600000    /* ms from one pass of retention to the next */
#define STORE_PRUNE_AGAIN    60000      /* ms to the next one after a failure */
#define STORE_PRUNE_SLICE    100        /* events looked at in one transaction */
#define STORE_PRUNE_GROUPS   16         /* groups that may go ahead of a waiting slice */
#define STORE_STALE_LOOK     1000       /* of an entity's events, looked at for a later state */

/* The key that an action gets, of `d`, its event `e`, source `s` and hook `h`. */
#define STORE_KEY_SQL                                                                              \
	"s.name || '/' || e.idempotency_key || '/' || h.name || coalesce('/' || d.failed_id, '')"  \
	" || iif(d.replay_of IS NULL, '', '/replay/' || d.id)"

enum store_sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_EVENTS_INSERT,
	SQL_EVENT_FIND,
	SQL_EVENT_DUPLICATE,
	SQL_EVENT_CONFLICT,
	SQL_EVENT_MEND,
	SQL_DELIVERIES_INSERT,
	SQL_CLAIM_DUE,
	SQL_CLAIM_JOB,
	SQL_CLAIM_FAILURE,
	SQL_CLAIM_DELIVERY,
	SQL_CLAIM_ATTEMPT,
	SQL_CLAIM_NEXT,
	SQL_SETTLE_ATTEMPT,
	SQL_SETTLE_DELIVERY,
	SQL_SETTLE_UNSTARTED,
	SQL_SETTLE_UNCLAIM,
	SQL_SETTLE_FAILURE,
	SQL_ORDER_JOIN,
	SQL_ORDER_JOIN_READY,
	SQL_ORDER_JOIN_RUNNING,
	SQL_ORDER_PLACE,
	SQL_ORDER_BEFORE,
	SQL_ORDER_RUNNING,
	SQL_ORDER_HOLD,
	SQL_ORDER_RELEASE,
	SQL_ORDER_PUT_BACK,
	SQL_STALE_LOOK,
	SQL_STALE_SKIP,
	SQL_SOURCE_FIND,
	SQL_SOURCE_INSERT,
	SQL_HOOK_FIND,
	SQL_HOOK_INSERT,
	SQL_SHIFT,
	SQL_SHIFT_HELD,
	SQL_ORPHANS,
	SQL_PRUNE_OLD,
	SQL_PRUNE_STATES,
	SQL_PRUNE_DELETE,
	SQL_COUNT,
};

/* What a transaction changes in the counts, once it is committed. */
struct store_delta {
	int64_t stored;
	int64_t duplicates;
	int64_t quarantined;
	int64_t waiting;
	int64_t dead;
	bool ready; /* READY deliveries are there that were not, or are due at another time */
};

/* Where the pass of retention that is under way has come to. */
struct store_prune {
	bool under_way;
	bool swept; /* all old events were looked at; space is being given back */
	int64_t retention;
	int64_t cutoff;      /* unix ms: events received before it are old */
	int64_t received_at; /* the last event looked at … */
	int64_t event;       /* … and its id */
	int64_t removed;
};

struct store {
	/* Constant after store_open. */
	char *path;
	int lock; /* holds PATH.lock */
	void (*on_ready)(void *arg);
	void *on_ready_arg;
	pthread_t writer;

	/* The writer's thread alone. */
	struct sqlite3 *db;
	struct sqlite3_stmt *sql[SQL_COUNT];
	struct store_op *put_first;    /* the run of puts that is being stored, … */
	struct store_delta *put_delta; /* … what it changes, … */
	size_t put_deliveries;         /* … and the deliveries that it makes */
	struct store_prune prune;
	struct store_checkpoint *checkpoint;
	int64_t *ordered; /* hooks that the last claims wanted in order */
	size_t ordered_count;
	bool held;       /* a delivery may be held behind another; false: surely none */
	int64_t *paused; /* hooks; written under the mutex, for store_hook_paused */
	size_t paused_count;
	unsigned groups_since_slice;
	unsigned group_backlog; /* `backlog` as it was when the group was taken */
	bool failing;           /* the last transaction that wanted to write could not */
	struct log_limit failures;

	pthread_mutex_t mutex; /* guards all below */
	pthread_cond_t wake;   /* for the writer: queue, stopping, prune_at */
	pthread_cond_t waited; /* for store_wait: an operation of such a caller is over */
	struct store_op *head;
	struct store_op **tail;
	bool stopping;
	int64_t retention;
	unsigned backlog;
	int64_t prune_at;           /* steady ms of the next slice */
	struct store_counts counts; /* written by the writer only, which may read it unlocked */
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

void store_orphans_free(struct store_orphans *o);

/* store/sqlite/schema.c */
enum store_file {
	STORE_FILE_OURS,
	STORE_FILE_EMPTY,
	STORE_FILE_OLDER,
	STORE_FILE_NEWER,
	STORE_FILE_FOREIGN,
	STORE_FILE_UNREADABLE, /* the connection has the error */
};

enum store_file store_file_kind(struct sqlite3 *db, int64_t *version) WARN_UNUSED;

/* The words for a file of another kind than OURS. */
void store_file_say(enum store_file kind, struct sqlite3 *db, const char *path, int64_t version,
	char *why, size_t size);

/* Sets the connection up, makes or migrates the schema. False: logged. */
bool store_schema_open(struct sqlite3 *db, const char *path) WARN_UNUSED;

/* The one number that a statement gives, e.g. "PRAGMA page_count". */
int store_number(struct sqlite3 *db, const char *sql, int64_t *value) WARN_UNUSED;

/* Logs `message` with what rc means, in the connection's words if it is its
 * present error, and the file. */
void store_log_error(struct sqlite3 *db, int rc, const char *message, const char *path);

/* store/store.c: what waits and what is dead, as the transaction at hand sees it. */
int store_count(struct store *st, int64_t *waiting, int64_t *dead) WARN_UNUSED;

/* store/writer.c */
bool store_writer_start(struct store *st) WARN_UNUSED;
void store_writer_stop(struct store *st); /* after all that is queued */
int store_begin(struct store *st) WARN_UNUSED;
/* Commits when rc is SQLITE_OK; else, or when that fails, logs and rolls back. */
int store_end(struct store *st, int rc) WARN_UNUSED;
void store_apply(struct store *st, const struct store_delta *delta);

/* store/sqlite/sql.c */
int store_sql_prepare(struct store *st) WARN_UNUSED;
void store_sql_finalize(struct store *st);
/* With rc SQLITE_OK takes one step, which ends all but a SELECT; resets always. */
int store_step(struct sqlite3_stmt *s, int rc) WARN_UNUSED;
void store_reset(struct sqlite3_stmt *s);
/* These do nothing once *rc has an error: bind all, let store_step ask. Texts and
 * bytes must stay until the statement is reset. */
void store_bind_int(struct sqlite3_stmt *s, int column, int64_t value, int *rc);
void store_bind_text(struct sqlite3_stmt *s, int column, const char *text, int *rc);
void store_bind_blob(struct sqlite3_stmt *s, int column, const void *bytes, size_t len, int *rc);

/* store/ops.c */
void store_op_start(struct store_op *op); /* its outputs: nothing yet */
/* Each operation of a group, in order; the first error ends it. */
int store_ops_run(struct store *st, struct store_op *group, struct store_delta *delta) WARN_UNUSED;
void store_op_undo(struct store_op *op); /* rolled back: its outputs are freed */

/* store/sqlite/vfs.c: the name of the way to files that the writer's connection is opened with.
 * NULL, SQLite's own: it could not be made. Called by one thread at a time. */
const char *store_vfs(void);

/* store/sqlite/put.c */
int store_put_register(struct store *st) WARN_UNUSED; /* before store_sql_prepare */
/* Stores the events of `first` and the puts that follow it; *rest is what comes after. */
int store_put_run(struct store *st, struct store_op *first, struct store_op **rest,
	struct store_delta *delta) WARN_UNUSED;

/* store/sqlite/claim.c */
void store_claim_start(struct store_claim *c);
int store_claim_run(struct store *st, struct store_claim *c, struct store_delta *delta) WARN_UNUSED;
void store_claim_undo(struct store_claim *c);

/* store/sqlite/settle.c */
int store_settle_run(
	struct store *st, struct store_settle *p, struct store_delta *delta) WARN_UNUSED;

/* store/sqlite/order.c */

/* Takes note of whether a hook's deliveries go in order; the first time gives
 * those that wait their places. */
int store_order_want(struct store *st, int64_t hook, bool ordered) WARN_UNUSED;
/* The transaction is rolled back, and with it the places. */
void store_order_forget(struct store *st);
/* Gives a new delivery its place, if its hook's go in order. */
int store_order_join(struct store *st, int64_t hook, int64_t delivery) WARN_UNUSED;
/* Holds a READY delivery if another one of its entity goes before it. */
int store_order_hold(struct store *st, int64_t delivery, bool *held) WARN_UNUSED;
/* Releases those behind a delivery that has come to its end. */
int store_order_release(struct store *st, int64_t delivery, struct store_delta *delta) WARN_UNUSED;
/* Releases those behind a delivery that is READY again, if they go before it. */
int store_order_put_back(struct store *st, int64_t delivery, struct store_delta *delta) WARN_UNUSED;
/* Makes a READY delivery SKIPPED if its entity has come further than its event
 * says, and tells that through *skip. */
int store_order_skip(struct store *st, int64_t delivery, int64_t now, struct store_skip *skip,
	bool *skipped) WARN_UNUSED;

/* store/sqlite/pause.c */
int store_pause_read(struct store *st) WARN_UNUSED; /* which hooks are paused now */
bool store_pause_has(const struct store *st, int64_t hook);

/* store/sqlite/checkpoint.c: a thread that carries the WAL over into the database. False: logged.
 * Stopped after the writer, before its connection is closed. */
bool store_checkpoint_start(struct store *st) WARN_UNUSED;
void store_checkpoint_stop(struct store *st);
/* After each group, in the writer's thread. */
void store_checkpoint_after(struct store *st);
/* Before anything is read for a start: an open hookctl may have kept how far an earlier
 * hookd had carried the WAL over, which was not synced, and may be gone. Now all of the WAL
 * counts again, for readers, too. *db is to be closed once the store's own connection has
 * read something, also after an error. Waits up to STORE_BUSY_TIMEOUT for another program
 * that carries over: SQLITE_BUSY, in vain. */
int store_checkpoint_forget(const char *path, struct sqlite3 **db) WARN_UNUSED;

/* store/sqlite/prune.c: one slice. Returns the ms until the next one is due: 0 while
 * the pass has more to do. */
int64_t store_prune_slice(struct store *st, int64_t retention);

#endif
