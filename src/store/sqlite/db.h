/* store/sqlite/db.h - the store in an SQLite file: what the files of this folder share.
 *
 *   engine.c      the table that the rest of store/ calls
 *   open.c        opens and closes the daemon's connection, with
 *   file.c          the lock and the file,
 *   schema.c        its owner, version and migrations,
 *   state_keys.c    the state keys of an older store's events, and
 *   recover.c       what the last hookd left unfinished
 *   operations.c  runs a group of operations in one transaction:
 *   put.c           stores events, through the virtual tables of put_table.c,
 *   known.c         or finds those that are stored already,
 *   claim.c         claims deliveries, with
 *   job.c             what their actions need, and
 *   settle.c        settles them
 *   order.c       which delivery of an entity is next, and which is overtaken
 *   once.c        which hooks have acted on which entities
 *     change.c …    and what a person asks for: act.h
 *   pause.c       which hooks are paused
 *   retention.c   removes old events
 *   unreadable.c  what could not be read
 *   sql.c         the statements of all these, transactions, binding and stepping
 *   checkpoint.c  the thread that checkpoints the WAL
 *   stop.c        the end of all work after a failed sync
 *   trust.c       what of the file is trusted, with trust_files.c: see trust.h
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
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct sqlite3;
struct sqlite3_stmt;

#define STORE_APPLICATION_ID  0x68756b64 /* "hukd", in the file's header */
#define STORE_SCHEMA          9          /* the file's user_version */
#define STORE_BUSY_TIMEOUT    5000       /* ms to wait for hookctl's lock */
#define STORE_RETENTION_EVERY 3600000    /* ms from one pass of retention to the next */
#define STORE_RETENTION_RETRY 60000      /* ms to the next one after a failure */
#define STORE_RETENTION_SLICE 100        /* events checked in one transaction */
#define STORE_STALE_EVENTS    1000       /* of an entity, searched for a later state */

/* How the event `e` came. */
#define STORE_ORIGIN_SQL                                                                           \
	"iif(EXISTS(SELECT 1 FROM rechecked r WHERE r.event_id = e.id), 'recheck', e.origin)"

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
	SQL_EVENT_ID,
	SQL_EVENT_FIND_STATE,
	SQL_EVENT_DUPLICATE,
	SQL_EVENT_CONFLICT,
	SQL_EVENT_REPAIR,
	SQL_DELIVERIES_INSERT,
	SQL_CLAIM_DUE,
	SQL_CLAIM_JOB,
	SQL_CLAIM_BARE,
	SQL_CLAIM_FAILURE,
	SQL_CLAIM_CRASHES,
	SQL_CLAIM_DELIVERY,
	SQL_CLAIM_ATTEMPT,
	SQL_CLAIM_NEXT,
	SQL_CLAIM_READY,
	SQL_SETTLE_ATTEMPT,
	SQL_SETTLE_DELIVERY,
	SQL_SETTLE_UNSTARTED,
	SQL_SETTLE_UNCLAIM,
	SQL_SETTLE_DEFER,
	SQL_SETTLE_SKIP,
	SQL_SETTLE_FAILURE,
	SQL_ORDER_KEY,
	SQL_ORDER_KEY_READY,
	SQL_ORDER_UNKEYED,
	SQL_ORDER_KEY_RUNNING,
	SQL_ORDER_PLACE,
	SQL_ORDER_BEFORE,
	SQL_ORDER_RUNNING,
	SQL_ORDER_BLOCK,
	SQL_ORDER_RELEASE,
	SQL_ORDER_RELEASE_EARLIER,
	SQL_STALE_EVENTS,
	SQL_SKIP,
	SQL_ONCE_FIND,
	SQL_ONCE_DONE,
	SQL_ONCE_OF,
	SQL_ONCE_ACTED,
	SQL_ONCE_LIFT,
	SQL_ONCE_OLD,
	SQL_SOURCE_FIND,
	SQL_SOURCE_INSERT,
	SQL_HOOK_FIND,
	SQL_HOOK_INSERT,
	SQL_SHIFT,
	SQL_SHIFT_BLOCKED,
	SQL_CATCHUP,
	SQL_ORPHANS,
	SQL_RETENTION_OLD,
	SQL_RETENTION_NEWEST,
	SQL_RETENTION_STATES,
	SQL_RETENTION_DELETE,
	SQL_CHANGE_FIND,
	SQL_REPLAY,
	SQL_REPLAYED_BY,
	SQL_CANCEL,
	SQL_PAUSE_FIND,
	SQL_PAUSE,
	SQL_QUARANTINE_FIND,
	SQL_QUARANTINE_LEAVE,
	SQL_DELIVER,
	SQL_IMPORT,
	SQL_AUDIT_INSERT,
	SQL_AUDIT_CHANGED,
	SQL_AUDIT_END,
	SQL_AUDIT_OLD,
	SQL_REFUSED_SIZE,
	SQL_REFUSED_OLDEST,
	SQL_REFUSED_DELETE,
	SQL_REFUSED_INSERT,
	SQL_REFUSED_OLD,
	SQL_RECHECK,
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

/* A hook whose deliveries run in order. */
struct store_ordered {
	int64_t hook;
	bool fresh; /* the ordering keys of those that wait were set in this transaction */
};

enum store_row_kind { ROW_DELIVERY, ROW_HOOK, ROW_EVENT };

/* What a transaction could not read of a delivery, of a hook's deliveries, or of an event. */
enum store_unreadable_part {
	UNREADABLE_PAYLOAD = 1,
	UNREADABLE_EVENT = 2,   /* all of a delivery's event */
	UNREADABLE_FAILURE = 4, /* the delivery whose on_failure it is */
	UNREADABLE_STATES = 8,  /* whether it was overtaken */
	UNREADABLE_KEY = 16,    /* its ordering key; a hook: some delivery's */
	UNREADABLE_ALL = 32,    /* nothing: it is left alone until `until` */
};

struct store_unreadable {
	enum store_row_kind kind;
	int64_t id;
	unsigned parts;
	unsigned tries;
	int64_t until; /* steady ms */
};

/* A file that was opened, and where. */
struct store_file_place {
	char *name;
	dev_t device;
	ino_t inode;
};

#define STORE_FILES 4 /* the database, its WAL, its WAL-index, the lock */

struct store_db {
	const char *path;
	bool migrate; /* may make the store, and bring it to our schema */
	int lock;     /* holds PATH.lock */
	int file;     /* the store, opened for its own lock */
	struct store_file_place files[STORE_FILES];
	struct sqlite3 *sqlite;
	struct sqlite3_stmt *sql[SQL_COUNT];
	const struct store_group *group; /* being written */
	struct store_delta *delta;       /* what the group's transaction changes so far */
	struct store_op *put_first;      /* the run of puts that is being stored … */
	size_t put_deliveries;           /* … and the number of deliveries that it makes */
	struct store_retention retention;
	int64_t trusted;         /* retention: what the time was at … (unix ms; 0: not known) */
	int64_t trusted_at;      /* … this steady ms */
	bool kept_old;           /* it was logged that old events are kept */
	int64_t slice_end;       /* steady ms: the slice that runs has worked long enough */
	unsigned slice_items;    /* it may change so many more */
	bool slice_tight;        /* it has little room */
	unsigned slices_least;   /* so many slices do as little as they can: the disk was full */
	bool full;               /* the last transaction failed because the disk is full */
	struct store_audit *act; /* whose row the transaction adds; NULL: none … */
	int64_t act_id;          /* … and the row's id */
	const struct store_pause *pausing; /* what the transaction changes; NULL: no hook … */
	int64_t pausing_hook;              /* … and its hook */
	struct store_checkpoint *checkpoint;
	struct store_ordered *ordered; /* hooks that the last claims wanted in order, by id */
	size_t ordered_count;
	bool ordered_fresh; /* one of them is fresh */
	bool blocked;       /* some delivery may be blocked by another; false: none is */
	struct store_unreadable *unreadable; /* what was noted, the oldest first */
	size_t unreadable_count;
	struct store_unreadable reading; /* where this transaction failed; parts 0: elsewhere */
	unsigned again;                  /* times in a row that a group had to be run again */
	bool failing;                    /* the last transaction that wanted to write could not */
	struct log_limit failures;

	_Atomic bool stopped; /* a sync failed: see stop.c. Any thread */
	void (*on_failure)(void *arg);
	void *on_failure_arg;
	const struct event_shape *(*shape_of)(void *arg, const char *source); /* migrating */
	void *shape_arg;

	pthread_mutex_t mutex; /* guards all below; the writer alone writes, and reads unlocked */
	int64_t *paused;       /* hooks */
	size_t paused_count;
	const char *misplaced; /* the first of `files` that is not at its place; NULL: all are */
	int64_t wal_bytes;     /* of a WAL that a reader lets grow; 0: none does */
};

/* open.c */
struct store_db *store_db_open(const char *path, const struct store_options *options,
	struct store_counts *counts) WARN_UNUSED;
void store_db_close(struct store_db *db);
bool store_db_announce(struct store_db *db, const char *control) WARN_UNUSED;
bool store_db_trouble(struct store_db *db, char *text, size_t size); /* any thread */

/* file.c */

/* Takes the lock of PATH.lock. -1: logged. */
int store_lock_take(const char *path) WARN_UNUSED;
/* Writes our pid into the lock, and below it the path of the control socket; NULL: none. */
bool store_lock_write(int fd, const char *control) WARN_UNUSED;
/* Opens the file (`make`: makes it if there is none) and takes its own lock. Must be called before
 * SQLite opens it, and closed after SQLite has closed it: closing a descriptor drops the locks that
 * SQLite has in this process. -1: logged. */
int store_file_open(const char *path, bool make) WARN_UNUSED;
/* Syncs the directory of the file: a new name must be on disk before anything is acknowledged. */
bool store_directory_sync(const char *path) WARN_UNUSED;
/* Before SQLite opens the store: syncs what earlier processes have written to the database file and
 * its WAL, and has the WAL read from the disk again, so that recovery does not build on what is
 * only in memory. False: a sync failed; logged. */
bool store_files_sync(int fd, const char *path) WARN_UNUSED;
/* After a failed sync: has the WAL read from the disk again, and removes the WAL-index. A process
 * that keeps the store open (hookctl) would carry it to the next hookd, which would take pages for
 * checkpointed that are not on the disk. */
void store_files_discard(const char *path);
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

#define STORE_SCHEMA_WHAT 160

/* Compares the schema of a store of this version with what the migrations make. Returns SQLITE_OK,
 * SQLITE_AUTH with the difference in `what`, or an error. */
int store_schema_compare(struct sqlite3 *sqlite, char what[STORE_SCHEMA_WHAT]) WARN_UNUSED;

/* Sets the connection up; makes or migrates the schema if db->migrate. False: logged. */
bool store_schema_open(struct store_db *db) WARN_UNUSED;

/* state_keys.c: in a migration, gives the events that are stored their state keys. Those that
 * several have go to the one that was stored first. */
int store_state_keys_fill(struct store_db *db) WARN_UNUSED;

/* The one number that a statement returns, e.g. "PRAGMA page_count". */
int store_number(struct sqlite3 *sqlite, const char *sql, int64_t *value) WARN_UNUSED;

/* Logs `message` with the meaning of rc and the file. Uses the connection's own error message
 * if rc is its current error. */
void store_log_error(struct sqlite3 *sqlite, int rc, const char *message, const char *path);

/* Writes to `why` the connection's current error, with the system's if it is one of a file. */
void store_explain_error(struct sqlite3 *sqlite, const char *path, char *why, size_t size);

/* recover.c */

/* Makes RUNNING deliveries READY, releases deliveries that nothing blocks any longer, fills in the
 * counts. Reads live deliveries only, however many events there are. False: logged. */
bool store_recover(struct store_db *db, struct store_counts *counts) WARN_UNUSED;
/* The waiting and the dead, as the current transaction sees them. */
int store_count(struct store_db *db, int64_t *waiting, int64_t *dead) WARN_UNUSED;

/* operations.c: see struct store_engine */
enum store_commit store_group_write(
	struct store_db *db, const struct store_group *group, struct store_delta *delta);

/* stop.c: after a failed sync. Any thread; the first call calls on_failure. */
void store_stop(struct store_db *db);
bool store_is_stopped(const struct store_db *db);

/* place.c: the writer's thread, unless stated otherwise */

/* Once SQLite has opened its files: remembers which they are. False: logged. */
bool store_place_find(struct store_db *db) WARN_UNUSED;
void store_place_free(struct store_db *db);
/* Are they at their place? Logs what changes. */
bool store_place_check(struct store_db *db) WARN_UNUSED;
/* The same without a log line. Any thread. */
bool store_place_holds(const struct store_db *db) WARN_UNUSED;
/* Before the last connection is closed: SQLite would remove a WAL and a WAL-index of these names,
 * no matter whose they are. */
void store_place_keep_others(struct store_db *db);

/* sql.c */
int store_sql_prepare(struct store_db *db) WARN_UNUSED;
void store_sql_finalize(struct store_db *db);
/* Fails once the store is stopped. */
int store_begin(struct store_db *db) WARN_UNUSED;
/* Commits if rc is SQLITE_OK. Otherwise, or if the commit fails, logs and rolls back. A failed sync
 * stops the store. */
int store_end(struct store_db *db, int rc) WARN_UNUSED;
/* Rolls back after an error that was logged. */
void store_roll_back(struct store_db *db);
/* If rc is SQLITE_OK takes one step, which completes all but a SELECT; always resets. */
int store_step(struct sqlite3_stmt *s, int rc) WARN_UNUSED;
void store_reset(struct sqlite3_stmt *s);
/* These do nothing once *rc is an error: bind everything, then pass rc to store_step. Texts
 * and bytes must stay valid until the statement is reset. */
void store_bind_int(struct sqlite3_stmt *s, int column, int64_t value, int *rc);
void store_bind_text(struct sqlite3_stmt *s, int column, const char *text, int *rc);
void store_bind_blob(struct sqlite3_stmt *s, int column, const void *bytes, size_t len, int *rc);

/* unreadable.c */

/* Is it one of reading, which other rows need not have? */
bool store_is_read_error(int rc);
/* Returns rc. If it is an error, this is where the transaction failed (the first call counts). */
int store_reading(struct store_db *db, enum store_row_kind kind, int64_t id, unsigned part, int rc);
/* After such an error: notes what could not be read, and logs it. True: the transaction can be run
 * again without it. */
bool store_unreadable_note(struct store_db *db, int rc);
/* The parts (enum store_unreadable_part) that cannot be read. */
unsigned store_unreadable_parts(const struct store_db *db, enum store_row_kind kind, int64_t id);
/* Was it tried often enough? */
bool store_unreadable_for_good(const struct store_db *db, enum store_row_kind kind, int64_t id);

/* put_table.c: before store_sql_prepare */
int store_put_register(struct store_db *db) WARN_UNUSED;

/* put.c: stores the events of `first` and the puts that follow it; *rest is what comes next. */
int store_put_run(struct store_db *db, struct store_op *first, struct store_op **rest) WARN_UNUSED;

/* job.c */

/* How large a payload may be. Those of up to STORE_SMALL_PAYLOAD always may. */
struct store_job_limit {
	int64_t room;   /* bytes */
	bool alone;     /* as large as it is */
	int64_t needed; /* out: the size of one that may not; 0: it may */
};

/* Reads a READY delivery. *out is NULL if it is not READY (two wants may name one hook), or too
 * large. */
int store_job_read(struct store_db *db, int64_t delivery, int64_t now,
	struct store_job_limit *limit, struct delivery_job **out) WARN_UNUSED;

/* claim.c, settle.c */
int store_claim_run(struct store_db *db, struct store_claim *c) WARN_UNUSED;
int store_settle_run(struct store_db *db, struct store_settle *p) WARN_UNUSED;

/* order.c */

/* Remembers whether a hook's deliveries run in order; the first time, sets the ordering keys of
 * those that wait. */
int store_order_want(struct store_db *db, int64_t hook, bool ordered) WARN_UNUSED;
/* After each transaction. If it was rolled back, so were the ordering keys that it set. */
void store_order_end(struct store_db *db, bool committed);
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
/* Makes a READY delivery SKIPPED for the reason in *skip. */
int store_order_end_skipped(
	struct store_db *db, const struct store_skip *skip, int64_t now) WARN_UNUSED;

/* once.c: for hooks that act once on each entity. Events without one are not concerned. */

/* Makes a READY delivery SKIPPED if its hook has acted on the entity, and fills in *skip. */
int store_once_skip(struct store_db *db, int64_t delivery, int64_t now, struct store_skip *skip,
	bool *skipped) WARN_UNUSED;
/* The delivery has become DONE: its hook has acted on the entity. */
int store_once_acted(struct store_db *db, int64_t delivery, int64_t now) WARN_UNUSED;
/* `replay`, a replay of the delivery, may act although its hook has acted. */
int store_once_lift(struct store_db *db, int64_t delivery, int64_t replay, int64_t now) WARN_UNUSED;
/* Removes some rows of what was done long before that time, unix ms. */
int store_once_remove(struct store_db *db, int64_t before) WARN_UNUSED;

/* pause.c */
int store_pause_read(struct store_db *db) WARN_UNUSED;         /* which hooks are paused now */
bool store_pause_has(const struct store_db *db, int64_t hook); /* the writer's thread */
bool store_hook_is_paused(struct store_db *db, int64_t hook);  /* any thread */
/* After a transaction, which has changed what is paused, or has not. */
void store_pause_end(struct store_db *db, bool committed);

/* checkpoint.c: a thread that checkpoints the WAL. `start` returns false if it fails, and logs it;
 * `stop` is called after the writer has ended, before its connection is closed, and checkpoints
 * the rest. */
bool store_checkpoint_start(struct store_db *db) WARN_UNUSED;
void store_checkpoint_stop(struct store_db *db);
/* After each transaction, in the writer's thread. */
void store_checkpoint_after_write(struct store_db *db);
/* In the writer's thread: checkpoints all of the WAL now. False: there was nothing to do, or a
 * reader or the disk prevents it. */
bool store_checkpoint_all(struct store_db *db);

/* retention.c: see struct store_engine */
int64_t store_retention_slice(struct store_db *db, int64_t retention, struct store_delta *delta);

struct store_old_event {
	int64_t id;
	int64_t received_at;
};

/* The first events after that one, in order of arrival, that came before the time `before`. */
int store_old_events(struct store_db *db, int64_t received_at, int64_t event, int64_t before,
	struct store_old_event old[STORE_RETENTION_SLICE], size_t *count) WARN_UNUSED;
/* Removes an event, unless one of its deliveries has not ended. */
int store_event_remove(struct store_db *db, int64_t event, bool *removed) WARN_UNUSED;
/* The same for one of many: if it cannot be read, it is left after some tries. */
int store_old_event_remove(struct store_db *db, int64_t event, bool *removed) WARN_UNUSED;

/* slice.c: for each slice, retention's too */
void store_slice_start(struct store_db *db); /* before its transaction */
/* After each item (an event, a delivery): shall the slice end here? */
bool store_slice_is_over(struct store_db *db);
void store_slice_committed(struct store_db *db);
/* After one that failed: if the disk was full, is it worth another try, because there is more room
 * now, or because it will need less? */
bool store_slice_make_room(struct store_db *db);

/* audit.c */

/* After a transaction: it has added the act's row, or it has not. */
void store_audit_end(struct store_db *db, bool committed);
/* At start: acts that have not ended were interrupted. */
int store_audit_recover(struct store_db *db) WARN_UNUSED;
/* Removes some rows of acts that began before that time, unix ms. */
int store_audit_remove(struct store_db *db, int64_t before) WARN_UNUSED;

#endif
