#include "trust.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
	SQL_MAX = 64 * 1024,         /* bytes of a statement, and of an object's in the schema */
	ROW_MAX = 256 * 1024 * 1024, /* the largest body has 64 MiB */
};

int store_trust_nothing(struct sqlite3 *sqlite)
{
	static const struct {
		int option, on;
	} options[] = {
		{SQLITE_DBCONFIG_DEFENSIVE, 1},
		{SQLITE_DBCONFIG_ENABLE_TRIGGER, 0}, /* ON DELETE CASCADE works without */
		{SQLITE_DBCONFIG_ENABLE_VIEW, 0},
		{SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
	};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && rc == SQLITE_OK; i++)
		rc = sqlite3_db_config(sqlite, options[i].option, options[i].on, NULL);
	(void)sqlite3_limit(sqlite, SQLITE_LIMIT_ATTACHED, 0);
	(void)sqlite3_limit(sqlite, SQLITE_LIMIT_SQL_LENGTH, SQL_MAX);
	(void)sqlite3_limit(sqlite, SQLITE_LIMIT_LENGTH, ROW_MAX);
	return rc;
}

/* Without spaces and quotes around names. The stores of the first versions have the CHECKs written
 * with IN. */
#define PLAIN_SQL                                                                                  \
	"replace(replace(replace("                                                                 \
	"replace(replace(replace(replace(sql, ' ', ''), char(9), ''), char(10), ''), '\"', ''),"   \
	" 'originIN(''webhook'',''api'',''manual'')',"                                             \
	" 'origin=''webhook''ORorigin=''api''ORorigin=''manual'''),"                               \
	" 'stateIN(''READY'',''RUNNING'',''DONE'',''DEAD'',''SKIPPED'')',"                         \
	" 'state=''READY''ORstate=''RUNNING''ORstate=''DONE''"                                     \
	"ORstate=''DEAD''ORstate=''SKIPPED'''),"                                                   \
	" 'resultIN(''ok'',''tempfail'',''permfail'',''interrupted'')',"                           \
	" 'result=''ok''ORresult=''tempfail''ORresult=''permfail''ORresult=''interrupted''')"

static const char objects[] = "SELECT type, name, tbl_name, " PLAIN_SQL " FROM main.sqlite_schema"
			      " WHERE NOT (type = 'table' AND tbl_name = name"
			      " AND (name = 'sqlite_stat1' AND coalesce(sql, '') = 'CREATE TABLE "
			      "sqlite_stat1(tbl,idx,stat)'"
			      " OR name = 'sqlite_stat4' AND coalesce(sql, '')"
			      " = 'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)'))"
			      " ORDER BY type DESC, name";

enum column { TYPE, NAME, TABLE, SQL };

static const char *text_of(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text != NULL ? text : "";
}

/* < 0: the row of `a` comes first. Tables come before their indexes: one that was replaced is
 * reported itself. */
static int compare_names(sqlite3_stmt *a, sqlite3_stmt *b)
{
	int order = strcmp(text_of(b, TYPE), text_of(a, TYPE));

	return order != 0 ? order : strcmp(text_of(a, NAME), text_of(b, NAME));
}

static bool are_same(sqlite3_stmt *a, sqlite3_stmt *b)
{
	return strcmp(text_of(a, TABLE), text_of(b, TABLE)) == 0 &&
	       strcmp(text_of(a, SQL), text_of(b, SQL)) == 0;
}

/* A text that memory was wanting for reads as "". */
static bool lacks_memory(sqlite3_stmt *s)
{
	return (sqlite3_errcode(sqlite3_db_handle(s)) & 0xff) == SQLITE_NOMEM;
}

static int report(sqlite3_stmt *s, const char *fault, char *what, size_t size)
{
	(void)snprintf(
		what, size, "%.20s \"%.100s\" %s", text_of(s, TYPE), text_of(s, NAME), fault);
	return SQLITE_AUTH;
}

/* Compares the current rows, of which at least one is there. */
static int compare_objects(sqlite3_stmt *found, bool found_row, sqlite3_stmt *made, bool made_row,
	char *what, size_t size)
{
	int order = !found_row ? 1 : !made_row ? -1 : compare_names(found, made);
	bool same = order == 0 && are_same(found, made);

	if (lacks_memory(found) || lacks_memory(made))
		return SQLITE_NOMEM;
	if (same)
		return SQLITE_OK;
	if (order > 0)
		return report(made, "is missing", what, size);
	return report(found, order < 0 ? "is not hookd's" : "is not as hookd makes it", what, size);
}

static int compare_all(sqlite3_stmt *found, sqlite3_stmt *made, char *what, size_t size)
{
	for (;;) {
		int found_rc = sqlite3_step(found), made_rc = sqlite3_step(made);

		if (found_rc != SQLITE_ROW && found_rc != SQLITE_DONE)
			return found_rc;
		if (made_rc != SQLITE_ROW && made_rc != SQLITE_DONE)
			return made_rc;
		if (found_rc == SQLITE_DONE && made_rc == SQLITE_DONE)
			return SQLITE_OK;
		int rc = compare_objects(
			found, found_rc == SQLITE_ROW, made, made_rc == SQLITE_ROW, what, size);
		if (rc != SQLITE_OK)
			return rc;
	}
}

int store_trust_schema(struct sqlite3 *store, struct sqlite3 *made, char *what, size_t size)
{
	sqlite3_stmt *found_row = NULL, *made_row = NULL;

	int rc = sqlite3_prepare_v2(store, objects, -1, &found_row, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(made, objects, -1, &made_row, NULL);
	if (rc == SQLITE_OK)
		rc = compare_all(found_row, made_row, what, size);
	(void)sqlite3_finalize(made_row);
	(void)sqlite3_finalize(found_row);
	return rc;
}
