/* store/sqlite/open.c - opens and closes the daemon's connection. */
#include "damage.h"
#include "db.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <unistd.h>

/* After a failed sync Linux still serves pages that it did not write: the WAL of an earlier
 * hookd may be complete in memory but not on disk, and what we append to it would be lost with
 * it in a power failure. So the WAL is checkpointed before anything is acknowledged. Frames that
 * cannot be checkpointed (full disk, a reader) stay in the WAL. */
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
	return false;
}

static bool connect_sqlite(struct store_db *db)
{
	int rc = sqlite3_open_v2(
		db->path, &db->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, store_vfs());
	if (rc != SQLITE_OK) {
		if (db->sqlite == NULL)
			log_error("out of memory");
		else
			store_log_error(db->sqlite, rc, "store cannot be opened", db->path);
		return false;
	}
	(void)sqlite3_extended_result_codes(db->sqlite, 1);
	(void)sqlite3_busy_timeout(db->sqlite, STORE_BUSY_TIMEOUT);
	/* It ignores a sync that fails; checkpoint.c does not. */
	(void)sqlite3_wal_autocheckpoint(db->sqlite, 0);
	return store_schema_open(db->sqlite, db->path) && checkpoint_found_wal(db);
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
	struct sqlite3 *first = NULL;

	/* Its memory statistics cost a lock for each allocation, and nobody reads them. */
	(void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
	int rc = store_checkpoint_clear_backfill(db->path, &first);
	/* A file that is not a database is reported better by store_schema_open. */
	bool connected = (rc == SQLITE_OK || rc == SQLITE_NOTADB) && connect_sqlite(db);
	if (rc != SQLITE_OK && rc != SQLITE_NOTADB)
		store_log_error(first, rc, "store cannot be opened", db->path);
	(void)sqlite3_close(first);
	return connected && prepare(db);
}

void store_db_close(struct store_db *db)
{
	store_checkpoint_stop(db);
	if (db->sqlite != NULL) {
		store_sql_finalize(db);
		if (sqlite3_close(db->sqlite) != SQLITE_OK)
			store_log_error(db->sqlite, sqlite3_errcode(db->sqlite),
				"store was not closed", db->path);
	}
	if (db->lock >= 0)
		(void)close(db->lock); /* last: the next hookd may start now */
	(void)pthread_mutex_destroy(&db->mutex);
	free(db->ordered);
	free(db->paused);
	free(db);
}

struct store_db *store_db_open(const char *path, struct store_counts *counts)
{
	struct store_db *db = calloc(1, sizeof(*db));

	if (db == NULL) {
		log_error("out of memory");
		return NULL;
	}
	db->path = path;
	(void)pthread_mutex_init(&db->mutex, NULL); /* cannot fail with glibc's defaults */
	db->lock = store_lock_take(path);
	if (db->lock >= 0 && store_file_make(path) && database_open(db) &&
		store_recover(db, counts) && store_checkpoint_start(db))
		return db;
	store_db_close(db);
	return NULL;
}
