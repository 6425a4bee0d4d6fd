/* store/sqlite/open.c - opens and closes the daemon's connection. */
#include "damage.h"
#include "db.h"
#include "trust.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The WAL of an earlier hookd is checkpointed before anything is acknowledged. Frames that cannot
 * be checkpointed (full disk, a reader) stay in the WAL. */
static bool checkpoint_found_wal(struct store_db *db)
{
	int rc = sqlite3_wal_checkpoint_v2(db->sqlite, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);

	/* For the WAL's own name: SQLite syncs the directory too, but ignores a failure. */
	if (!store_directory_sync(db->path)) {
		store_log_errno("store cannot be opened: its directory cannot be synced", db->path);
		return false;
	}
	if (rc != SQLITE_IOERR_FSYNC)
		return true;
	store_log_error(db->sqlite, rc, "store cannot be opened", db->path);
	store_stop(db);
	return false;
}

static bool connect_sqlite(struct store_db *db)
{
	int rc = sqlite3_open_v2(
		db->path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK) {
		if (db->sqlite == NULL)
			log_error("out of memory");
		else
			store_log_error(db->sqlite, rc, "store cannot be opened", db->path);
		return false;
	}
	(void)sqlite3_extended_result_codes(db->sqlite, 1);
	(void)sqlite3_busy_timeout(db->sqlite, STORE_BUSY_TIMEOUT);
	/* SQLite's own ignores a sync that fails; checkpoint.c does not. */
	(void)sqlite3_wal_autocheckpoint(db->sqlite, 0);
	rc = store_trust_nothing(db->sqlite);
	if (rc != SQLITE_OK)
		store_log_error(db->sqlite, rc, "store cannot be opened", db->path);
	return rc == SQLITE_OK && store_schema_open(db) && checkpoint_found_wal(db);
}

static bool prepare(struct store_db *db)
{
	int rc = store_put_register(db);

	if (rc == SQLITE_OK)
		rc = store_damage_register(db->sqlite);
	if (rc == SQLITE_OK)
		rc = store_sql_prepare(db);
	if (rc != SQLITE_OK)
		store_log_error(db->sqlite, rc, "store cannot be opened", db->path);
	return rc == SQLITE_OK;
}

static bool database_open(struct store_db *db)
{
	/* SQLite's memory statistics cost a lock for each allocation, and nobody reads them. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	return store_files_sync(db->file, db->path) && connect_sqlite(db) && prepare(db);
}

void store_db_close(struct store_db *db)
{
	store_checkpoint_stop(db);
	if (db->sqlite != NULL) {
		if (store_is_stopped(db)) /* during the start */
			(void)sqlite3_db_config(
				db->sqlite, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
		store_place_keep_others(db);
		store_sql_finalize(db);
		if (sqlite3_close(db->sqlite) != SQLITE_OK)
			store_log_error(db->sqlite, sqlite3_errcode(db->sqlite),
				"store was not closed", db->path);
	}
	if (db->file >= 0)
		(void)close(db->file);
	if (db->lock >= 0)
		(void)close(db->lock); /* last: the next hookd may start now */
	(void)pthread_mutex_destroy(&db->mutex);
	store_place_free(db);
	free(db->ordered);
	free(db->unreadable);
	free(db->paused);
	free(db);
}

/* hookctl, which may be a member's of the store's group, does not roll back a journal that somebody
 * has left there; hookd must, if it was killed while it made the store. */
static bool has_trusted_files(const char *path)
{
	char why[STORE_READ_WHY];
	bool trusted = store_trust_files(path, why);

	if (!trusted)
		log_error(
			"store cannot be opened", log_text("reason", why), log_text("file", path));
	return trusted;
}

struct store_db *store_db_open(
	const char *path, const struct store_options *options, struct store_counts *counts)
{
	struct store_db *db = calloc(1, sizeof(*db));

	if (db == NULL) {
		log_error("out of memory");
		return NULL;
	}
	db->path = path;
	db->migrate = options->migrate;
	db->on_failure = options->on_failure;
	db->on_failure_arg = options->on_failure_arg;
	db->shape_of = options->shape_of;
	db->shape_arg = options->shape_arg;
	(void)pthread_mutex_init(&db->mutex, NULL); /* cannot fail with glibc's defaults */
	db->lock = store_lock_take(path);
	db->file = db->lock >= 0 ? store_file_open(path, db->migrate) : -1;
	if (db->file >= 0 && (db->migrate || has_trusted_files(path)) && database_open(db) &&
		store_place_find(db) && store_recover(db, counts) && store_checkpoint_start(db))
		return db;
	store_db_close(db);
	return NULL;
}

bool store_db_trouble(struct store_db *db, char *text, size_t size)
{
	(void)pthread_mutex_lock(&db->mutex);
	const char *misplaced = db->misplaced;
	int64_t wal = db->wal_bytes;
	(void)pthread_mutex_unlock(&db->mutex);
	if (misplaced != NULL)
		(void)snprintf(text, size,
			"%s was removed, replaced or moved: requests get 503 until it is back, or "
			"hookd is restarted",
			misplaced);
	else if (wal > 0)
		(void)snprintf(text, size,
			"the WAL has grown to %" PRId64
			" MiB: a process keeps a transaction open on the store",
			wal >> 20);
	return misplaced != NULL || wal > 0;
}

bool store_db_announce(struct store_db *db, const char *control)
{
	return store_lock_write(db->lock, control);
}
