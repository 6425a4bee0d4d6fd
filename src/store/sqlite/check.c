/* store/sqlite/check.c - checks a store: SQLite's integrity check, then references, attempts and
 * payloads, which that does not cover. */
#include "damage.h"
#include "session.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

enum {
	PROGRESS_STEPS = 10000000, /* of SQLite's virtual machine */
	FAULTS_MAX = 100,
};

struct check {
	store_fault_seen *seen;
	enum store_fault kind;
	store_progress *progress;
	void *arg;
};

static int report_progress(void *arg)
{
	const struct check *c = arg;

	return c->progress(c->arg, 0, 0) ? 0 : 1;
}

/* Each row of the SELECT is a fault, except "ok". */
static int run_check(struct sqlite3 *db, const char *sql, const struct check *c)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
		const char *text = (const char *)sqlite3_column_text(s, 0);

		if (text != NULL && strcmp(text, "ok") != 0)
			c->seen(c->arg, c->kind, text);
	}
	(void)sqlite3_finalize(s);
	/* a row that cannot be read is a fault like the others */
	rc = sqlite3_errcode(db) & 0xff;
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		c->seen(c->arg, STORE_FAULT_STORE, sqlite3_errmsg(db));
	return rc == SQLITE_DONE || rc == SQLITE_ROW || rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB
		       ? SQLITE_OK
		       : rc;
}

static int check_payloads(struct sqlite3 *db, struct check *c)
{
	int rc = store_damage_register(db);

	c->kind = STORE_FAULT_PAYLOAD;
	if (rc == SQLITE_OK)
		rc = run_check(db,
			"SELECT 'event ' || id || ': its payload is not what was received'"
			" FROM events"
			" WHERE checksum <> payload_checksum(payload) LIMIT 100",
			c);
	c->kind = STORE_FAULT_STORE;
	return rc;
}

int store_check_database(
	struct sqlite3 *db, bool full, store_fault_seen *seen, store_progress *progress, void *arg)
{
	static const char *const rest[] = {
		"SELECT 'orphan: a row of ' || \"table\" || ' names one of ' || parent"
		" || ' that is not there' FROM pragma_foreign_key_check LIMIT 100",
		"SELECT 'delivery ' || d.id || ' is RUNNING without an open attempt'"
		" FROM deliveries d WHERE d.state = 'RUNNING' AND NOT EXISTS (SELECT 1"
		" FROM attempts a WHERE a.delivery_id = d.id AND a.number = d.attempts"
		" AND a.result IS NULL) LIMIT 100",
	};
	struct check c = {seen, STORE_FAULT_STORE, progress, arg};
	char sql[64];

	sqlite3_progress_handler(db, PROGRESS_STEPS, report_progress, &c);
	(void)snprintf(sql, sizeof(sql), "PRAGMA %s(%d)", full ? "integrity_check" : "quick_check",
		FAULTS_MAX);
	int rc = run_check(db, sql, &c);
	if (rc == SQLITE_OK && full)
		rc = check_payloads(db, &c);
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]) && rc == SQLITE_OK; i++)
		rc = run_check(db, rest[i], &c);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	return rc;
}

bool store_check_file(struct store_session *s, bool full, store_fault_seen *seen,
	store_progress *progress, void *arg, char why[STORE_READ_WHY])
{
	if (!store_session_begin(s, why))
		return false;
	int rc = store_check_database(s->sqlite, full, seen, progress, arg);
	return store_session_end(s, rc == SQLITE_OK, why);
}
