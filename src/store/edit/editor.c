/* store/edit/editor.c - opens a store to change something in it. */
#include "store/editor.h"
#include "store/query/reader.h"
#include "store/sqlite/db.h"

#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct store_editor {
	char *path; /* absolute */
	struct sqlite3 *db;
};

static bool say_sqlite(const struct store_editor *e, char why[STORE_READ_WHY])
{
	int rc = sqlite3_errcode(e->db) & 0xff;

	if (rc == SQLITE_BUSY)
		(void)snprintf(why, STORE_READ_WHY,
			"%s: another process is writing and does not let go; try again", e->path);
	else if (rc == SQLITE_READONLY || rc == SQLITE_CANTOPEN)
		(void)snprintf(why, STORE_READ_WHY,
			"%s: cannot be written: %s; its directory must be writable too, when "
			"hookd does not run",
			e->path, sqlite3_errmsg(e->db));
	else
		(void)snprintf(why, STORE_READ_WHY, "%s: %s", e->path, sqlite3_errmsg(e->db));
	return false;
}

static bool connect(struct store_editor *e, char why[STORE_READ_WHY])
{
	enum store_file kind;
	int64_t version;

	if (sqlite3_open_v2(e->path, &e->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL) !=
		SQLITE_OK) {
		if (e->db != NULL)
			return say_sqlite(e, why);
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return false;
	}
	(void)sqlite3_busy_timeout(e->db, STORE_BUSY_TIMEOUT);
	kind = store_file_kind(e->db, &version);
	if (kind != STORE_FILE_OURS) {
		store_file_explain(kind, e->db, e->path, version, why, STORE_READ_WHY);
		return false;
	}
	if (sqlite3_exec(e->db,
		    "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
		    "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF;"
		    /* It would not mind a sync that fails: hookd carries over. */
		    "PRAGMA wal_autocheckpoint = 0",
		    NULL, NULL, NULL) != SQLITE_OK)
		return say_sqlite(e, why);
	return true;
}

struct store_editor *store_editor_open(const char *path, char why[STORE_READ_WHY])
{
	struct store_editor *e = calloc(1, sizeof(*e));

	why[0] = '\0';
	if (e == NULL) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return NULL;
	}
	e->path = realpath(path, NULL);
	if (e->path == NULL || access(e->path, R_OK | W_OK) != 0)
		store_say_errno(path, true, why);
	else if (connect(e, why))
		return e;
	store_editor_close(e);
	return NULL;
}

void store_editor_close(struct store_editor *e)
{
	if (e == NULL)
		return;
	(void)sqlite3_close(e->db);
	free(e->path);
	free(e);
}

const char *store_editor_path(const struct store_editor *e)
{
	return e->path;
}

struct sqlite3 *store_editor_begin(struct store_editor *e, char why[STORE_READ_WHY])
{
	if (sqlite3_exec(e->db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK)
		return e->db;
	(void)say_sqlite(e, why);
	return NULL;
}

bool store_editor_end(struct store_editor *e, int rc, char why[STORE_READ_WHY])
{
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(e->db, "COMMIT", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		return true;
	(void)say_sqlite(e, why);
	if (sqlite3_get_autocommit(e->db) == 0)
		(void)sqlite3_exec(e->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

static int deliver(sqlite3_stmt *name, sqlite3_stmt *insert, int64_t event, const char *hook,
	int64_t now, const char *skipped)
{
	int rc = SQLITE_OK;

	store_bind_text(name, 1, hook, &rc);
	rc = store_step(name, rc);
	store_bind_int(insert, 1, event, &rc);
	store_bind_text(insert, 2, hook, &rc);
	store_bind_int(insert, 3, now, &rc);
	if (skipped != NULL)
		store_bind_text(insert, 4, skipped, &rc);
	return store_step(insert, rc);
}

int store_editor_deliver(struct sqlite3 *db, int64_t event, const char *const *hooks, size_t count,
	int64_t now, const char *skipped)
{
	sqlite3_stmt *name = NULL, *insert = NULL;
	int rc = sqlite3_prepare_v2(db,
		"INSERT INTO hooks(name) VALUES(?1) ON CONFLICT(name) DO NOTHING", -1, &name, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
			"INSERT INTO deliveries(event_id, hook_id, state, due_at, reason, ended_at)"
			" SELECT ?1, id, iif(?4 IS NULL, 'READY', 'SKIPPED'), ?3, ?4,"
			" iif(?4 IS NULL, NULL, ?3) FROM hooks WHERE name = ?2",
			-1, &insert, NULL);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = deliver(name, insert, event, hooks[i], now, skipped);
	(void)sqlite3_finalize(name);
	(void)sqlite3_finalize(insert);
	return rc;
}
