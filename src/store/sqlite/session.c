#include "session.h"
#include "damage.h"
#include "db.h"

#include <errno.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool explain_no_memory(char why[STORE_READ_WHY])
{
	(void)snprintf(why, STORE_READ_WHY, "out of memory");
	return false;
}

/* The connection's current error. */
static bool explain_error(const struct store_session *s, char why[STORE_READ_WHY])
{
	int primary = sqlite3_errcode(s->sqlite) & 0xff;

	if (s->no_memory)
		return explain_no_memory(why);
	if (s->edits && primary == SQLITE_BUSY)
		(void)snprintf(why, STORE_READ_WHY,
			"%s: another process keeps the store locked; try again", s->path);
	else if (s->edits && (primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN))
		(void)snprintf(why, STORE_READ_WHY,
			"%s: cannot be written: %s; while hookd is stopped, its directory must be "
			"writable too",
			s->path, sqlite3_errmsg(s->sqlite));
	else
		(void)snprintf(why, STORE_READ_WHY, "%s: %s", s->path, sqlite3_errmsg(s->sqlite));
	return false;
}

/* "file://" and the path, with the characters escaped that mean something in a URI. */
static char *uri_of(const char *path, const char *query)
{
	size_t len = strlen(path);
	char *uri = malloc(len * 3 + strlen(query) + sizeof("file://"));
	char *to = uri;

	if (uri == NULL)
		return NULL;
	to = stpcpy(to, "file://");
	for (size_t i = 0; i < len; i++) {
		if (strchr("%?#", path[i]) != NULL) {
			static const char hex[] = "0123456789ABCDEF";
			*to++ = '%';
			*to++ = hex[(unsigned char)path[i] >> 4];
			*to++ = hex[(unsigned char)path[i] & 15];
		} else {
			*to++ = path[i];
		}
	}
	(void)stpcpy(to, query);
	return uri;
}

static bool wal_exists(const struct store_session *s)
{
	struct stat sb;

	return stat(s->wal, &sb) == 0;
}

static void disconnect_session(struct store_session *s)
{
	for (int i = 0; i < EDIT_COUNT; i++) {
		(void)sqlite3_finalize(s->edit[i]);
		s->edit[i] = NULL;
	}
	(void)sqlite3_close(s->sqlite);
	s->sqlite = NULL;
}

static int open_file(struct store_session *s)
{
	if (s->edits)
		return sqlite3_open_v2(
			s->path, &s->sqlite, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	s->immutable = !wal_exists(s);
	char *uri = uri_of(s->path, s->immutable ? "?immutable=1" : "");
	if (uri == NULL)
		return SQLITE_NOMEM;
	int rc = sqlite3_open_v2(uri, &s->sqlite,
		SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	free(uri);
	return rc;
}

static int set_up(const struct store_session *s)
{
	int rc = sqlite3_exec(s->sqlite, "PRAGMA trusted_schema = OFF", NULL, NULL, NULL);

	if (rc == SQLITE_OK && s->edits)
		rc = sqlite3_exec(s->sqlite,
			"PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;"
			"PRAGMA temp_store = MEMORY;"
			/* SQLite's own checkpoint ignores a failed sync, so checkpoints are left to
			 * hookd. */
			"PRAGMA wal_autocheckpoint = 0",
			NULL, NULL, NULL);
	return rc == SQLITE_OK && s->edits ? store_damage_register(s->sqlite) : rc;
}

static bool connect_session(struct store_session *s, char why[STORE_READ_WHY])
{
	int64_t version;

	int rc = open_file(s);
	if (s->sqlite == NULL)
		return explain_no_memory(why);
	if (rc != SQLITE_OK) {
		(void)explain_error(s, why);
		disconnect_session(s);
		return false;
	}
	(void)sqlite3_busy_timeout(s->sqlite, STORE_BUSY_TIMEOUT);
	enum store_file kind = store_file_kind(s->sqlite, &version);
	if (kind != STORE_FILE_OURS)
		store_file_explain(kind, s->sqlite, s->path, version, why, STORE_READ_WHY);
	else if (set_up(s) != SQLITE_OK)
		(void)explain_error(s, why);
	else
		return true;
	disconnect_session(s);
	return false;
}

static bool find_file(struct store_session *s, const char *path, char why[STORE_READ_WHY])
{
	struct stat sb;

	s->path = realpath(path, NULL);
	if (s->path == NULL || access(s->path, s->edits ? R_OK | W_OK : R_OK) != 0) {
		store_explain_errno(path, s->edits, why);
		return false;
	}
	if (stat(s->path, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		(void)snprintf(
			why, STORE_READ_WHY, "%s: not a hookd store: not a regular file", path);
		return false;
	}
	if (asprintf(&s->wal, "%s-wal", s->path) < 0) {
		s->wal = NULL;
		return explain_no_memory(why);
	}
	return true;
}

struct store_session *store_session_open(const char *path, bool edit, char why[STORE_READ_WHY])
{
	struct store_session *s = calloc(1, sizeof(*s));

	why[0] = '\0';
	if (s == NULL) {
		(void)explain_no_memory(why);
		return NULL;
	}
	s->edits = edit;
	if (find_file(s, path, why) && connect_session(s, why))
		return s;
	store_session_close(s);
	return NULL;
}

void store_session_close(struct store_session *s)
{
	if (s == NULL)
		return;
	disconnect_session(s);
	free(s->wal);
	free(s->path);
	free(s);
}

const char *store_session_path(const struct store_session *s)
{
	return s->path;
}

bool store_session_begin(struct store_session *s, char why[STORE_READ_WHY])
{
	if (s->depth > 0) {
		s->depth++;
		return true;
	}
	if (s->sqlite != NULL && s->immutable && wal_exists(s))
		disconnect_session(s); /* hookd has been started since */
	if (s->sqlite == NULL && !connect_session(s, why))
		return false;
	s->no_memory = false;
	if (sqlite3_exec(s->sqlite, s->edits ? "BEGIN IMMEDIATE" : "BEGIN", NULL, NULL, NULL) !=
		SQLITE_OK)
		return explain_error(s, why);
	s->depth++;
	return true;
}

static bool end_edit(struct store_session *s, bool good, char why[STORE_READ_WHY])
{
	if (good && sqlite3_exec(s->sqlite, "COMMIT", NULL, NULL, NULL) == SQLITE_OK)
		return true;
	(void)explain_error(s, why);
	if (sqlite3_get_autocommit(s->sqlite) == 0)
		(void)sqlite3_exec(s->sqlite, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

bool store_session_end(struct store_session *s, bool good, char why[STORE_READ_WHY])
{
	s->depth--;
	if (s->edits)
		return end_edit(s, good, why);
	if (!good)
		(void)explain_error(s, why);
	if (s->depth > 0)
		return good;
	(void)sqlite3_exec(s->sqlite, "COMMIT", NULL, NULL, NULL);
	if (!s->immutable || !wal_exists(s))
		return good;
	(void)snprintf(why, STORE_READ_WHY,
		"%s: hookd was started while it was being read; try again", s->path);
	return false;
}

static int bind_value(sqlite3_stmt *statement, int column, const struct store_value *value)
{
	if (value->null)
		return sqlite3_bind_null(statement, column);
	if (value->text != NULL)
		return sqlite3_bind_text(statement, column, value->text, -1, SQLITE_STATIC);
	if (value->bytes != NULL)
		return sqlite3_bind_blob64(
			statement, column, value->bytes, value->len, SQLITE_STATIC);
	return sqlite3_bind_int64(statement, column, value->number);
}

int store_bind_values(sqlite3_stmt *statement, const struct store_value *values, size_t count)
{
	size_t known = (size_t)sqlite3_bind_parameter_count(statement);
	int rc = SQLITE_OK;

	for (size_t i = 0; i < count && i < known && rc == SQLITE_OK; i++)
		rc = bind_value(statement, (int)i + 1, &values[i]);
	return rc;
}

static int64_t column_number(void *cursor, int column)
{
	return sqlite3_column_int64(cursor, column);
}

static const char *column_text(void *cursor, int column)
{
	return (const char *)sqlite3_column_text(cursor, column);
}

static const void *column_bytes(void *cursor, int column, size_t *len)
{
	const void *bytes = sqlite3_column_blob(cursor, column);

	*len = (size_t)sqlite3_column_bytes(cursor, column);
	return bytes;
}

static bool column_is_null(void *cursor, int column)
{
	return sqlite3_column_type(cursor, column) == SQLITE_NULL;
}

static bool column_is_damaged(void *cursor, int payload, int checksum)
{
	return store_is_damaged(cursor, payload, checksum);
}

bool store_select_sql(struct store_session *s, const char *sql, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to)
{
	static const struct store_columns columns = {
		.number = column_number,
		.text = column_text,
		.bytes = column_bytes,
		.is_null = column_is_null,
		.is_damaged = column_is_damaged,
	};
	sqlite3_stmt *statement = NULL;

	int rc = sqlite3_prepare_v2(s->sqlite, sql, -1, &statement, NULL);
	if (rc == SQLITE_OK)
		rc = store_bind_values(statement, values, count);
	const struct store_row row = {&columns, statement};
	while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		seen(&row, to);
	int end = sqlite3_finalize(statement); /* returns the error of the step again */
	return rc == SQLITE_OK && end == SQLITE_OK;
}
