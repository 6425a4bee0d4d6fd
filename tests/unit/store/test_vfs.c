/* A transaction too large for the page cache is rolled back, and another process commits at the
 * same place in the WAL: the first must not overwrite the second. */
#include "fixture.h"
#include "store/sqlite/db.h"

#define LARGE                                                                                      \
	"INSERT INTO t SELECT NULL, zeroblob(5000) FROM"                                           \
	" (WITH RECURSIVE n(i) AS (VALUES(1) UNION ALL SELECT i + 1 FROM n WHERE i < 400)"         \
	" SELECT i FROM n)"

static void run(sqlite3 *db, const char *sql)
{
	char *error = NULL;

	if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", sql, error);
}

/* A connection like the writer's, with a small page cache. */
static sqlite3 *writer_open(const struct fixture *fx)
{
	sqlite3 *db;

	assert_non_null(store_vfs());
	assert_int_equal(sqlite3_open_v2(fx->path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE,
				 store_vfs()),
		SQLITE_OK);
	run(db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA cache_size = 10;"
		" PRAGMA wal_autocheckpoint = 0;"
		" CREATE TABLE t(id INTEGER PRIMARY KEY, b); CREATE TABLE other(id INTEGER);"
		/* Otherwise the first page would be read from the WAL after a rollback. */
		" PRAGMA wal_checkpoint(PASSIVE)");
	return db;
}

static void other_commits(const struct fixture *fx)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fx->path, &db), SQLITE_OK);
	run(db, "INSERT INTO other VALUES(1); INSERT INTO other VALUES(2);"
		" INSERT INTO t VALUES(1000, zeroblob(4000000))"); /* beyond the end of LARGE */
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static int64_t number(sqlite3 *db, const char *sql)
{
	int64_t value = -1;

	assert_int_equal(store_number(db, sql, &value), SQLITE_OK);
	return value;
}

/* The writer and the next process to open the files see what the other one committed. */
static void check(const struct fixture *fx, sqlite3 *db)
{
	assert_int_equal(number(db, "SELECT count(*) FROM other"), 2);
	assert_int_equal(number(db, "SELECT count(*) FROM t"), 1);
	run(db, "INSERT INTO other VALUES(3)");
	sqlite3 *next;
	assert_int_equal(sqlite3_open(fx->path, &next), SQLITE_OK);
	assert_int_equal(number(next, "SELECT count(*) FROM other"), 3);
	assert_int_equal(number(next, "SELECT count(*) FROM pragma_integrity_check"
				      " WHERE integrity_check = 'ok'"),
		1);
	assert_int_equal(sqlite3_close(next), SQLITE_OK);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void test_rollback(void **state)
{
	const struct fixture *fx = *state;
	sqlite3 *db = writer_open(fx);

	run(db, "BEGIN IMMEDIATE; " LARGE "; ROLLBACK");
	other_commits(fx);
	check(fx, db);
}

/* A single statement fails and is rolled back. */
static void test_failed_statement(void **state)
{
	const struct fixture *fx = *state;
	sqlite3 *db = writer_open(fx);

	run(db, "PRAGMA max_page_count = 300");
	assert_int_equal(sqlite3_exec(db, LARGE, NULL, NULL, NULL), SQLITE_FULL);
	other_commits(fx);
	run(db, "PRAGMA max_page_count = 100000");
	check(fx, db);
}

/* A failed statement ends the transaction around it. */
static void test_failed_transaction(void **state)
{
	const struct fixture *fx = *state;
	sqlite3 *db = writer_open(fx);

	run(db, "PRAGMA max_page_count = 300; BEGIN IMMEDIATE; INSERT INTO t VALUES(1, 'x')");
	assert_int_equal(sqlite3_exec(db, LARGE, NULL, NULL, NULL), SQLITE_FULL);
	if (!sqlite3_get_autocommit(db))
		run(db, "ROLLBACK");
	other_commits(fx);
	run(db, "PRAGMA max_page_count = 100000");
	check(fx, db);
}

/* A part of the transaction is rolled back, the rest committed. */
static void test_savepoint(void **state)
{
	const struct fixture *fx = *state;
	sqlite3 *db = writer_open(fx);

	run(db, "BEGIN IMMEDIATE; SAVEPOINT s; " LARGE "; ROLLBACK TO s; COMMIT");
	other_commits(fx);
	check(fx, db);
}

/* The connection is closed during its transaction, while another has the store open. */
static void test_close(void **state)
{
	const struct fixture *fx = *state;
	sqlite3 *db = writer_open(fx);
	sqlite3 *kept;

	assert_int_equal(sqlite3_open(fx->path, &kept), SQLITE_OK);
	assert_int_equal(number(kept, "SELECT count(*) FROM other"), 0);
	run(db, "BEGIN IMMEDIATE; " LARGE);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
	other_commits(fx);
	check(fx, kept);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_rollback, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(test_failed_statement, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(test_failed_transaction, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(test_savepoint, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(test_close, fx_make, fx_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
