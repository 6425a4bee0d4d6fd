/* store/sqlite/schema.c - whether a file is a store, its schema version, and its tables. */
#include "db.h"
#include "trust.h"

#include <errno.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Migration i takes a store of user_version i to i + 1. A released migration is never altered:
 * add another one to change the schema.
 * - 16 KiB pages: with 8 KiB, events of 1.4 KB leave a ninth of each page unused.
 * - The keys passed to actions are composed of three names when needed.
 * - Partial indexes contain only live deliveries, so that they stay small however many are
 *   done. Queries must spell out the state to use them.
 * - CHECKs use OR: for an IN, SQLite builds a temporary table in each INSERT, a third of the
 *   processor time of storing an event.
 * - AUTOINCREMENT: an id that an operator wrote down is never used again. */
static const char *const migrations[] = {
	"CREATE TABLE sources(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
	"CREATE TABLE hooks(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;"
	"CREATE TABLE events("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	source_id INTEGER NOT NULL REFERENCES sources(id),"
	"	idempotency_key TEXT NOT NULL,"
	"	provider_event_id TEXT,"
	"	type TEXT,"
	"	entity_kind TEXT,"
	"	entity_id TEXT,"
	"	received_at INTEGER NOT NULL,"
	"	occurred_at INTEGER,"
	"	origin TEXT NOT NULL"
	"		CHECK(origin = 'webhook' OR origin = 'api' OR origin = 'manual'),"
	"	remote_addr TEXT NOT NULL,"
	"	duplicates INTEGER NOT NULL DEFAULT 0,"
	"	conflicts INTEGER NOT NULL DEFAULT 0,"
	"	quarantined TEXT,"
	"	payload BLOB NOT NULL,"
	"	UNIQUE(source_id, idempotency_key)) STRICT;"
	"CREATE INDEX events_received ON events(received_at);"
	"CREATE INDEX events_quarantined ON events(id) WHERE quarantined IS NOT NULL;"
	"CREATE TABLE deliveries("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	event_id INTEGER NOT NULL REFERENCES events(id) ON DELETE CASCADE,"
	"	hook_id INTEGER NOT NULL REFERENCES hooks(id),"
	"	state TEXT NOT NULL"
	"		CHECK(state = 'READY' OR state = 'RUNNING' OR state = 'DONE'"
	"			OR state = 'DEAD' OR state = 'SKIPPED'),"
	"	attempts INTEGER NOT NULL DEFAULT 0,"
	"	failures INTEGER NOT NULL DEFAULT 0,"
	"	due_at INTEGER NOT NULL) STRICT;"
	"CREATE INDEX deliveries_event ON deliveries(event_id);"
	"CREATE INDEX deliveries_due ON deliveries(hook_id, due_at) WHERE state = 'READY';"
	"CREATE INDEX deliveries_running ON deliveries(hook_id) WHERE state = 'RUNNING';"
	"CREATE INDEX deliveries_dead ON deliveries(hook_id) WHERE state = 'DEAD';"
	"CREATE TABLE attempts("
	"	delivery_id INTEGER NOT NULL REFERENCES deliveries(id) ON DELETE CASCADE,"
	"	number INTEGER NOT NULL,"
	"	started_at INTEGER NOT NULL,"
	"	ended_at INTEGER,"
	"	result TEXT CHECK(result = 'ok' OR result = 'tempfail' OR result = 'permfail'"
	"		OR result = 'interrupted'),"
	"	exit_code INTEGER,"
	"	signal INTEGER,"
	"	message TEXT,"
	"	output BLOB,"
	"	PRIMARY KEY(delivery_id, number)) STRICT, WITHOUT ROWID;",

	/* - lane, lane_at: the delivery's place among those of its entity, set only if its hook
	 *   goes in order. With them the waiting ones are found without reading all that the
	 *   entity ever had.
	 * - behind is set only in state READY: such a delivery is not in the due index and costs
	 *   nothing until it is released.
	 * - replay_of is the first delivery of those that a person replayed, replayed_by the
	 *   next: a delivery with replayed_by is history and no longer counts as dead.
	 * - ended_at is set in DONE, DEAD and SKIPPED. Deliveries that ended earlier get the time
	 *   of their last attempt if a report may still ask for it. */
	"ALTER TABLE events ADD COLUMN declined TEXT;"
	"CREATE INDEX events_entity ON events(entity_id, entity_kind, source_id)"
	"	WHERE entity_id IS NOT NULL;"
	"CREATE INDEX events_source ON events(source_id, received_at);"
	"CREATE INDEX events_type ON events(type, received_at);"
	"ALTER TABLE deliveries ADD COLUMN behind INTEGER;"
	"ALTER TABLE deliveries ADD COLUMN failed_id INTEGER"
	"	REFERENCES deliveries(id) ON DELETE CASCADE;"
	"ALTER TABLE deliveries ADD COLUMN reason TEXT;"
	"ALTER TABLE deliveries ADD COLUMN replay_of INTEGER;"
	"ALTER TABLE deliveries ADD COLUMN replayed_by INTEGER;"
	"ALTER TABLE deliveries ADD COLUMN ended_at INTEGER;"
	"ALTER TABLE deliveries ADD COLUMN lane TEXT;"
	"ALTER TABLE deliveries ADD COLUMN lane_at INTEGER;"
	"ALTER TABLE hooks ADD COLUMN paused_at INTEGER;"
	"ALTER TABLE attempts ADD COLUMN status INTEGER;"
	"UPDATE deliveries SET ended_at = coalesce((SELECT a.ended_at FROM attempts a"
	"	WHERE a.delivery_id = id AND a.number = attempts), due_at) WHERE state = 'DEAD';"
	"UPDATE deliveries SET ended_at = coalesce((SELECT a.ended_at FROM attempts a"
	"	WHERE a.delivery_id = id AND a.number = attempts), due_at) WHERE state = 'DONE'"
	"	AND event_id IN (SELECT id FROM events"
	"	WHERE received_at > 1000 * CAST(strftime('%s', 'now', '-3 days') AS INTEGER));"
	"DROP INDEX deliveries_due;"
	"CREATE INDEX deliveries_due ON deliveries(hook_id, due_at)"
	"	WHERE state = 'READY' AND behind IS NULL;"
	"CREATE INDEX deliveries_held ON deliveries(hook_id, behind) WHERE behind IS NOT NULL;"
	"CREATE INDEX deliveries_lane ON deliveries(hook_id, lane, lane_at, event_id)"
	"	WHERE lane IS NOT NULL AND state IN ('READY', 'RUNNING');"
	"CREATE INDEX deliveries_failed ON deliveries(failed_id) WHERE failed_id IS NOT NULL;"
	"CREATE INDEX deliveries_ended ON deliveries(hook_id, state, ended_at)"
	"	WHERE ended_at IS NOT NULL;"
	"DROP INDEX deliveries_dead;"
	"CREATE INDEX deliveries_dead ON deliveries(ended_at, hook_id)"
	"	WHERE state = 'DEAD' AND replayed_by IS NULL;",

	/* - checksum: of the payload (store/checksum.h). It stays unknown for earlier events:
	 *   their payloads may have changed already. */
	"ALTER TABLE events ADD COLUMN checksum INTEGER;",

	/* Renames columns to the names that the code uses: lane to ordering_key, behind to
	 * blocked_by. Renaming a column reads no rows; making an index reads all deliveries
	 * once. */
	"ALTER TABLE deliveries RENAME COLUMN lane TO ordering_key;"
	"ALTER TABLE deliveries RENAME COLUMN lane_at TO ordering_at;"
	"ALTER TABLE deliveries RENAME COLUMN behind TO blocked_by;"
	"DROP INDEX deliveries_held;"
	"CREATE INDEX deliveries_blocked ON deliveries(hook_id, blocked_by)"
	"	WHERE blocked_by IS NOT NULL;"
	"DROP INDEX deliveries_lane;"
	"CREATE INDEX deliveries_ordering"
	"	ON deliveries(hook_id, ordering_key, ordering_at, event_id)"
	"	WHERE ordering_key IS NOT NULL AND state IN ('READY', 'RUNNING');",

	/* What people have changed. result and ended_at are set at the end of an act. */
	"CREATE TABLE audit("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	at INTEGER NOT NULL,"
	"	uid INTEGER NOT NULL,"
	"	act TEXT NOT NULL,"
	"	detail TEXT NOT NULL,"
	"	changed INTEGER NOT NULL DEFAULT 0,"
	"	result TEXT,"
	"	ended_at INTEGER) STRICT;"
	"CREATE INDEX audit_at ON audit(at);"
	"CREATE INDEX audit_open ON audit(id) WHERE result IS NULL;",

	/* The second key of an event: see event_parse. state_keys.c fills it in. */
	"ALTER TABLE events ADD COLUMN state_key TEXT;"
	"CREATE UNIQUE INDEX events_state ON events(source_id, state_key)"
	"	WHERE state_key IS NOT NULL;",

	/* - refused: requests that were not authentic. size: what one takes of the disk.
	 * - rechecked: the events that came as such requests, and were found authentic later. A
	 *   column of events would be checked in each row, and so would a CHECK of its origin. */
	"CREATE TABLE refused("
	"	id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	source_id INTEGER NOT NULL REFERENCES sources(id),"
	"	received_at INTEGER NOT NULL,"
	"	remote_addr TEXT NOT NULL,"
	"	reason TEXT NOT NULL,"
	"	size INTEGER NOT NULL,"
	"	headers BLOB NOT NULL,"
	"	body BLOB NOT NULL) STRICT;"
	"CREATE INDEX refused_source ON refused(source_id, id, size);"
	"CREATE INDEX refused_received ON refused(received_at);"
	"CREATE TABLE rechecked("
	"	event_id INTEGER PRIMARY KEY REFERENCES events(id) ON DELETE CASCADE,"
	"	refused_at INTEGER NOT NULL,"
	"	remote_addr TEXT NOT NULL) STRICT;",
	/* How far the events of a source were read back from its sender's API: see
	 * store/catchup.h. */
	"CREATE TABLE catchup("
	"	source_id INTEGER PRIMARY KEY REFERENCES sources(id),"
	"	begun_at INTEGER NOT NULL,"
	"	read_to INTEGER NOT NULL,"
	"	read_at INTEGER NOT NULL,"
	"	filled INTEGER NOT NULL,"
	"	filled_at INTEGER NOT NULL,"
	"	upper INTEGER NOT NULL,"
	"	page INTEGER NOT NULL,"
	"	found INTEGER NOT NULL,"
	"	failed_at INTEGER NOT NULL,"
	"	denied INTEGER NOT NULL,"
	"	webhook_id INTEGER NOT NULL,"
	"	webhook_at INTEGER NOT NULL,"
	"	webhook_bad_at INTEGER NOT NULL,"
	"	webhook_good_at INTEGER NOT NULL,"
	"	reenabled_at INTEGER NOT NULL,"
	"	failure TEXT NOT NULL,"
	"	webhook TEXT NOT NULL,"
	"	webhook_text TEXT NOT NULL) STRICT;",

	/* On which entities the hooks that act once on each have acted. entity is an ordering key;
	 * again is a delivery that may act once more. No references to deliveries: a row outlives
	 * them. */
	"CREATE TABLE acted("
	"	hook_id INTEGER NOT NULL REFERENCES hooks(id),"
	"	entity TEXT NOT NULL,"
	"	delivery INTEGER NOT NULL,"
	"	acted_at INTEGER NOT NULL,"
	"	again INTEGER,"
	"	PRIMARY KEY(hook_id, entity)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX acted_at ON acted(acted_at);",
};

#define STATE_KEYS 6 /* the first version that has them */

_Static_assert(sizeof(migrations) / sizeof(migrations[0]) == STORE_SCHEMA,
	"each schema version has its migration");

void store_log_error(struct sqlite3 *sqlite, int rc, const char *message, const char *path)
{
	int saved = errno;
	int primary = rc & 0xff;
	bool present = (sqlite3_errcode(sqlite) & 0xff) == primary;
	const char *error = present ? sqlite3_errmsg(sqlite) : sqlite3_errstr(rc);
	/* Used for I/O errors only: the connection may still have an errno of long ago. */
	bool io = primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN || primary == SQLITE_FULL;
	int system = io && present ? sqlite3_system_errno(sqlite) : 0;
	char text[128];

	/* SQLite does not record it for a write that fails in COMMIT. */
	if (io && present && system == 0)
		system = saved;
	log_error(message, log_text("error", error),
		log_text("reason", system != 0 ? strerror_r(system, text, sizeof(text)) : NULL),
		log_text("file", path));
}

void store_explain_error(struct sqlite3 *sqlite, const char *path, char *why, size_t size)
{
	bool io = (sqlite3_errcode(sqlite) & 0xff) == SQLITE_IOERR;
	int system = io ? sqlite3_system_errno(sqlite) : 0;
	char text[128];

	(void)snprintf(why, size, "%s: %s%s%s", path, sqlite3_errmsg(sqlite),
		system != 0 ? ": " : "", system != 0 ? strerror_r(system, text, sizeof(text)) : "");
}

int store_number(struct sqlite3 *sqlite, const char *sql, int64_t *value)
{
	sqlite3_stmt *s = NULL;

	int rc = sqlite3_prepare_v2(sqlite, sql, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*value = sqlite3_column_int64(s, 0);
		rc = SQLITE_OK;
	} else if (rc == SQLITE_DONE) {
		rc = SQLITE_ERROR;
	}
	(void)sqlite3_finalize(s); /* repeats the error of the step */
	return rc;
}

enum store_file store_file_kind(struct sqlite3 *sqlite, int64_t *version)
{
	int64_t application = 0;
	int64_t tables = 0;

	*version = 0;
	if (store_number(sqlite, "PRAGMA application_id", &application) != SQLITE_OK ||
		store_number(sqlite, "PRAGMA user_version", version) != SQLITE_OK ||
		store_number(sqlite, "SELECT count(*) FROM sqlite_schema", &tables) != SQLITE_OK)
		return (sqlite3_errcode(sqlite) & 0xff) == SQLITE_NOTADB ? STORE_FILE_FOREIGN
									 : STORE_FILE_UNREADABLE;
	if (application == 0 && *version == 0 && tables == 0)
		return STORE_FILE_EMPTY;
	if (application != STORE_APPLICATION_ID)
		return STORE_FILE_FOREIGN;
	if (*version > STORE_SCHEMA)
		return STORE_FILE_NEWER;
	return *version < STORE_SCHEMA ? STORE_FILE_OLDER : STORE_FILE_OURS;
}

void store_file_explain(enum store_file kind, struct sqlite3 *sqlite, const char *path,
	int64_t version, char *why, size_t size)
{
	switch (kind) {
	case STORE_FILE_EMPTY:
		(void)snprintf(why, size,
			"%s: the file is empty; hookd makes the store in it when it starts", path);
		break;
	case STORE_FILE_FOREIGN:
		(void)snprintf(why, size, "%s: not a hookd store", path);
		break;
	case STORE_FILE_OLDER:
		(void)snprintf(why, size,
			"%s: schema version %lld is older than this hookctl's (%d); restart hookd, "
			"which brings it up to date",
			path, (long long)version, STORE_SCHEMA);
		break;
	case STORE_FILE_NEWER:
		(void)snprintf(why, size,
			"%s: schema version %lld is newer than this hookctl knows (%d); use the "
			"hookctl that came with that hookd",
			path, (long long)version, STORE_SCHEMA);
		break;
	case STORE_FILE_OURS:
	case STORE_FILE_UNREADABLE:
		store_explain_error(sqlite, path, why, size);
		break;
	}
}

static int exec(struct sqlite3 *sqlite, const char *sql)
{
	return sqlite3_exec(sqlite, sql, NULL, NULL, NULL);
}

static int run_migrations(struct sqlite3 *sqlite, int64_t version)
{
	int rc = SQLITE_OK;

	for (int64_t i = version; i < STORE_SCHEMA && rc == SQLITE_OK; i++)
		rc = exec(sqlite, migrations[i]);
	return rc;
}

int store_schema_compare(struct sqlite3 *sqlite, char what[STORE_SCHEMA_WHAT])
{
	struct sqlite3 *made = NULL;

	int rc = sqlite3_open_v2(":memory:", &made,
		SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc == SQLITE_OK)
		rc = run_migrations(made, 0);
	if (rc == SQLITE_OK)
		rc = store_trust_schema(sqlite, made, what, STORE_SCHEMA_WHAT);
	(void)sqlite3_close(made);
	return rc;
}

/* For the writer: it is to run nothing but what the migrations made. */
static bool is_unaltered(struct sqlite3 *sqlite, const char *path)
{
	char what[STORE_SCHEMA_WHAT];
	int rc = store_schema_compare(sqlite, what);

	if (rc == SQLITE_AUTH)
		log_error("store is not as hookd makes one and was left alone; undo the change, or "
			  "restore a backup",
			log_text("reason", what), log_text("file", path));
	else if (rc != SQLITE_OK)
		store_log_error(sqlite, rc, "store cannot be read", path);
	return rc == SQLITE_OK;
}

/* Logs the error `rc`. */
static bool schema_failed(struct store_db *db, int rc, const char *message)
{
	store_log_error(db->sqlite, rc, message, db->path);
	if (rc == SQLITE_IOERR_FSYNC)
		store_stop(db);
	return false;
}

static bool use_wal(struct store_db *db)
{
	struct sqlite3 *sqlite = db->sqlite;
	sqlite3_stmt *s = NULL;
	bool wal = false;

	int rc = sqlite3_prepare_v2(sqlite, "PRAGMA journal_mode = WAL", -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		const char *mode = (const char *)sqlite3_column_text(s, 0);
		wal = mode != NULL && strcmp(mode, "wal") == 0;
		/* Only this step switches the file to a WAL. If its failure were missed, commits
		 * would use a rollback journal, whose removal is not synced. */
		rc = sqlite3_step(s);
	}
	if (rc != SQLITE_DONE)
		(void)schema_failed(db, rc, "store cannot be opened");
	else if (!wal)
		log_error("store needs a file system with shared memory (WAL); put it on a local "
			  "disk",
			log_text("file", db->path));
	(void)sqlite3_finalize(s);
	return rc == SQLITE_DONE && wal;
}

static bool migrate(struct store_db *db, int64_t version)
{
	struct sqlite3 *sqlite = db->sqlite;
	const char *path = db->path;
	char mark[96];

	/* SQLite checks each row of a STRICT table that gets a column. */
	if (version > 0)
		log_info("store is being brought to a newer schema; with many events that takes "
			 "minutes",
			log_int("from", version), log_int("to", STORE_SCHEMA),
			log_text("file", path));
	if (exec(sqlite, "BEGIN IMMEDIATE") != SQLITE_OK ||
		run_migrations(sqlite, version) != SQLITE_OK ||
		(version < STATE_KEYS && store_state_keys_fill(db) != SQLITE_OK))
		goto fail;
	if (!is_unaltered(sqlite, path)) {
		(void)exec(sqlite, "ROLLBACK");
		return false;
	}
	(void)snprintf(mark, sizeof(mark), "PRAGMA application_id = %d; PRAGMA user_version = %d",
		STORE_APPLICATION_ID, STORE_SCHEMA);
	if (exec(sqlite, mark) != SQLITE_OK || exec(sqlite, "COMMIT") != SQLITE_OK)
		goto fail;
	if (version > 0)
		log_info("store has the newer schema", log_int("schema", STORE_SCHEMA),
			log_text("file", path));
	return true;
fail:
	(void)schema_failed(db, sqlite3_errcode(sqlite), "store schema cannot be written");
	if (!sqlite3_get_autocommit(sqlite))
		(void)exec(sqlite, "ROLLBACK");
	return false;
}

/* A migration sorts what goes into a new index. In memory that would grow with the store, so it has
 * temporary files, beside the store: there may be no /tmp. */
static bool migrate_with_files(struct store_db *db, int64_t version)
{
	char *path = strdup(db->path);

	if (path != NULL)
		sqlite3_temp_directory = sqlite3_mprintf("%s", dirname(path));
	free(path);
	bool good = migrate(db, version);
	sqlite3_free(sqlite3_temp_directory);
	sqlite3_temp_directory = NULL;
	return good;
}

/* False: logged. */
static bool is_usable(
	struct sqlite3 *sqlite, enum store_file kind, int64_t version, const char *path, bool make)
{
	if (kind == STORE_FILE_UNREADABLE)
		store_log_error(sqlite, sqlite3_errcode(sqlite), "store cannot be read", path);
	else if (kind == STORE_FILE_FOREIGN)
		log_error("store.path is not a hookd store and was left alone; name another file",
			log_text("file", path));
	else if (kind == STORE_FILE_NEWER)
		log_error("store was written by a newer hookd; install that version again, or "
			  "restore the copy made before the upgrade",
			log_int("schema", version), log_int("known", STORE_SCHEMA),
			log_text("file", path));
	else if (kind == STORE_FILE_OLDER && !make)
		log_error("store has an older schema; restart hookd, which brings it up to date",
			log_int("schema", version), log_int("known", STORE_SCHEMA),
			log_text("file", path));
	else if (kind == STORE_FILE_EMPTY && !make)
		log_error("store is empty; hookd makes the store in it when it starts",
			log_text("file", path));
	else
		return true;
	return false;
}

bool store_schema_open(struct store_db *db)
{
	struct sqlite3 *sqlite = db->sqlite;
	int64_t version;
	enum store_file kind = store_file_kind(sqlite, &version);

	if (!is_usable(sqlite, kind, version, db->path, db->migrate))
		return false;
	/* Page size and auto_vacuum must be set before the first page is written, which
	 * journal_mode does. */
	if (kind == STORE_FILE_EMPTY &&
		exec(sqlite, "PRAGMA page_size = 16384; PRAGMA auto_vacuum = INCREMENTAL") !=
			SQLITE_OK)
		goto fail;
	if (!use_wal(db))
		return false;
	/* journal_size_limit: a WAL that grew because of a slow reader is truncated when it is
	 * reset, to what it may have without one (checkpoint.c). */
	if (exec(sqlite, "PRAGMA synchronous = FULL;"
			 "PRAGMA foreign_keys = ON;"
			 "PRAGMA temp_store = FILE;"
			 "PRAGMA cache_size = -3000;"
			 "PRAGMA journal_size_limit = 33554432") != SQLITE_OK)
		goto fail;
	bool good = kind == STORE_FILE_OURS ? is_unaltered(sqlite, db->path)
					    : migrate_with_files(db, version);
	/* What an operation needs for a moment is small, and a full disk does not fail it. */
	if (!good || exec(sqlite, "PRAGMA temp_store = MEMORY") == SQLITE_OK)
		return good;
fail:
	return schema_failed(db, sqlite3_errcode(sqlite), "store cannot be opened");
}
