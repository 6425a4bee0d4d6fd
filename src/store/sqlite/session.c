#include "session.h"
#include "damage.h"

#include <sqlite3.h>
#include <stdlib.h>

struct store_session *store_session_open(const char *path, char why[STORE_READ_WHY])
{
	struct store_session *s = calloc(1, sizeof(*s));

	why[0] = '\0';
	if (s == NULL) {
		(void)store_session_explain_memory(why);
		return NULL;
	}
	if (store_session_find(s, path, why) && store_session_connect(s, why))
		return s;
	store_session_close(s);
	return NULL;
}

void store_session_close(struct store_session *s)
{
	if (s == NULL)
		return;
	store_session_disconnect(s);
	free(s->shm);
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
	if (s->sqlite != NULL && store_session_is_outdated(s))
		store_session_disconnect(s);
	if (s->sqlite == NULL && !store_session_connect(s, why))
		return false;
	s->no_memory = false;
	if (sqlite3_exec(s->sqlite, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return store_session_explain(s, why);
	if (!store_session_check(s, why)) {
		(void)sqlite3_exec(s->sqlite, "ROLLBACK", NULL, NULL, NULL);
		return false;
	}
	s->depth++;
	return true;
}

bool store_session_end(struct store_session *s, bool good, char why[STORE_READ_WHY])
{
	s->depth--;
	if (!good)
		(void)store_session_explain(s, why);
	if (s->depth > 0)
		return good;
	(void)sqlite3_exec(s->sqlite, "COMMIT", NULL, NULL, NULL);
	if (!store_session_is_outdated(s))
		return good;
	store_session_explain_outdated(s, why);
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

/* Binds as many as the statement has. */
static int bind_values(sqlite3_stmt *statement, const struct store_value *values, size_t count)
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
		rc = bind_values(statement, values, count);
	const struct store_row row = {&columns, statement};
	while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW)
		seen(&row, to);
	int end = sqlite3_finalize(statement); /* returns the error of the step again */
	return rc == SQLITE_OK && end == SQLITE_OK;
}
