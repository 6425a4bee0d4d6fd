/* store/sqlite/db.h - the store in an SQLite file: what the files of this folder share.
 *
 *   engine.c      the table that the rest of store/ calls
 *   open.c        opens and closes the daemon's connection, with
 *   file.c          the lock and the file,
 *   schema.c        its owner, version and migrations, and
 *   recover.c       what the last hookd left unfinished
 *   operations.c  runs a group of operations in one transaction:
 *   put.c           stores events, through the virtual tables of put_table.c,
 *   claim.c         claims deliveries and
 *   settle.c        settles them
 *   order.c       which delivery of an entity is next, and which is overtaken
 *   pause.c       which hooks are paused
 *   retention.c   removes old events
 *   sql.c         the statements of all these, transactions, binding and stepping
 *   checkpoint.c  the thread that checkpoints the WAL
 *   vfs.c         how the WAL is written
 *   damage.c      whether a payload is what was received
 *
 * Functions that return int return an SQLite result code. After store_db_open the connection
 * belongs to the writer's thread alone. */
#ifndef HOOKD_STORE_DB_H
#define HOOKD_STORE_DB_H

#include "base/attributes.h"
#include "base/log.h"
#include "store/engine.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;

#define STORE_APPLICATION_ID  0x68756b64 /* "hukd", in the file's header */
#define STORE_SCHEMA          4          /* the file's user_version */
#define STORE_BUSY_TIMEOUT    5000       /* ms to wait for hookctl's lock */
#define STORE_RETENTION_EVERY 3600000    /* ms from one pass of retention to the next */
#define STORE_RETENTION_RETRY 60000      /* ms to the next one after a failure */
#define STORE_RETENTION_SLICE 100        /* events checked in one transaction */
#define STORE_STALE_EVENTS    1000       /* of an entity, searched for a later state */

/* The key that an action gets, of `d`, its event `e`, source `s` and hook `h`. */
#define STORE_KEY_SQL                                                                              \
	"s.name || '/' || e.idempotency_key || '/' || h.name || coalesce('/' || d.failed_id, '')"  \
	" || iif(d.replay_of IS NULL, '', '/replay/' || d.id)"

/* Deliveries that wait or run. Written as a sum so that each part is found in its own partial
 * index. */
#define STORE_WAITING_SQL                                                                          \
	"(SELECT count(*) FROM deliveries WHERE state = 'READY' AND blocked_by IS NULL)"           \
	" + (SELECT count(*) FROM deliveries WHERE blocked_by IS NOT NULL)"                        \
	" + (SELECT count(*) FROM deliveries WHERE state = 'RUNNING')"

enum store_sql {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_EVENTS_INSERT,
	SQL_EVENT_FIND,
	SQL_EVENT_DUPLICATE,
	SQL_EVENT_CONFLICT,
	SQL_EVENT_REPAIR,
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
	SQL_ORDER_KEY,
	SQL_ORDER_KEY_READY,
	SQL_ORDER_KEY_RUNNING,
	SQL_ORDER_PLACE,
	SQL_ORDER_BEFORE,
	SQL_ORDER_RUNNING,
	SQL_ORDER_BLOCK,
	SQL_ORDER_RELEASE,
	SQL_ORDER_RELEASE_EARLIER,
	SQL_STALE_EVENTS,
	SQL_STALE_SKIP,
	SQL_SOURCE_FIND,
	SQL_SOURCE_INSERT,
	SQL_HOOK_FIND,
	SQL_HOOK_INSERT,
	SQL_SHIFT,
	SQL_SHIFT_BLOCKED,
	SQL_ORPHANS,
	SQL_RETENTION_OLD,
	SQL_RETENTION_STATES,
	SQL_RETENTION_DELETE,
	SQL_COUNT,
};

/* How far the current pass of retention has come. */
struct store_retention {
	bool under_way;
	bool swept; /* all old events were checked; free pages are being returned to the disk */
	int64_t retention;
	int64_t cutoff;      /* unix ms: events received before it are old */
	int64_t received_at; /* the last event checked … */
	int64_t event;       /* … and its id */
	int64_t removed;
};

struct store_db {
	const char *path;
	int lock; /* holds PATH.lock */
	struct sqlite3 *sqlite;
	struct sqlite3_stmt *sql[SQL_COUNT];
	const struct store_group *group; /* being written */
	struct store_delta *delta;       /* what the group's transaction changes so far */
	struct store_op *put_first;      /* the run of puts that is being stored … */
	size_t put_deliveries;           /* … and the number of deliveries that it makes */
	struct store_retention retention;
	struct store_checkpoint *checkpoint;
	int64_t *ordered; /* hooks that the last claims wanted in order */
	size_t ordered_count;
	bool blocked; /* some delivery may be blocked by another; false: none is */
	bool failing; /* the last transaction that wanted to write could not */
	struct log_limit failures;

	pthread_mutex_t mutex; /* guards all below; the writer alone writes, and reads unlocked */
	int64_t *paused;       /* hooks */
	size_t paused_count;
};

/* open.c */
struct store_db *store_db_open(const char *path, struct store_counts *counts) WARN_UNUSED;
void store_db_close(struct store_db *db);

/* file.c */

/* Takes the lock of PATH.lock. -1: logged. */
int store_lock_take(const char *path) WARN_UNUSED;
/* Makes the file if there is none. Must be called before SQLite has opened it: closing
 * another descriptor would drop SQLite's locks. False: logged. */
bool store_file_make(const char *path) WARN_UNUSED;
/* Syncs the directory of the file: a new name must be on disk before anything is acknowledged. */
bool store_directory_sync(const char *path) WARN_UNUSED;
/* Logs `message` with errno and the file. */
void store_log_errno(const char *message, const char *file);

/* schema.c */
enum store_file {
	STORE_FILE_OURS,
	STORE_FILE_EMPTY,
	STORE_FILE_OLDER,
	STORE_FILE_NEWER,
	STORE_FILE_FOREIGN,
	STORE_FILE_UNREADABLE, /* the connection has the error */
};

enum store_file store_file_kind(struct sqlite3 *sqlite, int64_t *version) WARN_UNUSED;

/* Writes to `why` why a file of any kind but OURS cannot be used. */
void store_file_explain(enum store_file kind, struct sqlite3 *sqlite, const char *path,
	int64_t version, char *why, size_t size);

/* Sets the connection up, makes or migrates the schema. False: logged. */
bool store_schema_open(struct sqlite3 *sqlite, const char *path) WARN_UNUSED;

/* The one number that a statement returns, e.g. "PRAGMA page_count". */
int store_number(struct sqlite3 *sqlite, const char *sql, int64_t *value) WARN_UNUSED;

/* Logs `message` with the meaning of rc and the file. Uses the connection's own error message
 * if rc is its current error. */
void store_log_error(struct sqlite3 *sqlite, int rc, const char *message, const char *path);

/* recover.c */

/* Makes RUNNING deliveries READY, releases deliveries that nothing blocks any longer, fills in the
 * counts. Reads live deliveries only, however many events there are. False: logged. */
bool store_recover(struct store_db *db, struct store_counts *counts) WARN_UNUSED;
/* The waiting and the dead, as the current transaction sees them. */
int store_count(struct store_db *db, int64_t *waiting, int64_t *dead) WARN_UNUSED;

/* operations.c: see struct store_engine */
enum store_commit store_group_write(
	struct store_db *db, const struct store_group *group, struct store_delta *delta);

/* sql.c */
int store_sql_prepare(struct store_db *db) WARN_UNUSED;
void store_sql_finalize(struct store_db *db);
int store_begin(struct store_db *db) WARN_UNUSED;
/* Commits if rc is SQLITE_OK. Otherwise, or if the commit fails, logs and rolls back. */
int store_end(struct store_db *db, int rc) WARN_UNUSED;
/* If rc is SQLITE_OK takes one step, which completes all but a SELECT; always resets. */
int store_step(struct sqlite3_stmt *s, int rc) WARN_UNUSED;
void store_reset(struct sqlite3_stmt *s);
/* These do nothing once *rc is an error: bind everything, then pass rc to store_step. Texts
 * and bytes must stay valid until the statement is reset. */
void store_bind_int(struct sqlite3_stmt *s, int column, int64_t value, int *rc);
void store_bind_text(struct sqlite3_stmt *s, int column, const char *text, int *rc);
void store_bind_blob(struct sqlite3_stmt *s, int column, const void *bytes, size_t len, int *rc);

/* vfs.c: the name of the VFS for the writer's connection. NULL, which means SQLite's own: it could
 * not be made. Called by one thread at a time. */
const char *store_vfs(void);

/* put_table.c: before store_sql_prepare */
int store_put_register(struct store_db *db) WARN_UNUSED;

/* put.c: stores the events of `first` and the puts that follow it; *rest is what comes next. */
int store_put_run(struct store_db *db, struct store_op *first, struct store_op **rest) WARN_UNUSED;

/* claim.c, settle.c */
int store_claim_run(struct store_db *db, struct store_claim *c) WARN_UNUSED;
int store_settle_run(struct store_db *db, struct store_settle *p) WARN_UNUSED;

/* order.c */

/* Remembers whether a hook's deliveries run in order; the first time, sets the ordering keys of
 * those that wait. */
int store_order_want(struct store_db *db, int64_t hook, bool ordered) WARN_UNUSED;
/* The transaction was rolled back, and with it the ordering keys. */
void store_order_forget(struct store_db *db);
/* Sets the ordering key of a new delivery if its hook's deliveries run in order. */
int store_order_set_key(struct store_db *db, int64_t hook, int64_t delivery) WARN_UNUSED;
/* Blocks a READY delivery if another one of its entity comes first. */
int store_order_block(struct store_db *db, int64_t delivery, bool *blocked) WARN_UNUSED;
/* Releases the deliveries that were blocked by one that has ended. */
int store_order_release(struct store_db *db, int64_t delivery) WARN_UNUSED;
/* Releases the deliveries that are blocked by one that is READY again, if they come before it. */
int store_order_requeue(struct store_db *db, int64_t delivery) WARN_UNUSED;
/* Makes a READY delivery SKIPPED if its entity has reached a later state than its event
 * reports, and fills in *skip. */
int store_order_skip(struct store_db *db, const struct lifecycle_state *states, int64_t delivery,
	int64_t now, struct store_skip *skip, bool *skipped) WARN_UNUSED;

/* pause.c */
int store_pause_read(struct store_db *db) WARN_UNUSED;         /* which hooks are paused now */
bool store_pause_has(const struct store_db *db, int64_t hook); /* the writer's thread */
bool store_hook_is_paused(struct store_db *db, int64_t hook);  /* any thread */

/* checkpoint.c: a thread that checkpoints the WAL. `start` returns false if it fails, and logs it;
 * `stop` is called after the writer has ended, before its connection is closed. */
bool store_checkpoint_start(struct store_db *db) WARN_UNUSED;
void store_checkpoint_stop(struct store_db *db);
/* After each transaction, in the writer's thread. */
void store_checkpoint_after_write(struct store_db *db);
/* Call before anything is read at start: an open hookctl may have kept the nBackfill of an
 * earlier hookd, whose frames were not synced to the database file and may be lost. Resets it,
 * so that all of the WAL counts again, for readers too. Close *sqlite once the store's own
 * connection has read something, also after an error. Waits up to STORE_BUSY_TIMEOUT for
 * another program's checkpoint, then returns SQLITE_BUSY. */
int store_checkpoint_clear_backfill(const char *path, struct sqlite3 **sqlite) WARN_UNUSED;

/* retention.c: see struct store_engine */
int64_t store_retention_slice(struct store_db *db, int64_t retention, struct store_delta *delta);

#endif
