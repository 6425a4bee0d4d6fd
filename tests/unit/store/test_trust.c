/* What a reader and the writer refuse of a store that somebody has changed: what could be run, what
 * is no plain file, and files of a hookd of the past. */
#include "fixture.h"
#include "store/private.h"
#include "store/read.h"
#include "store/sqlite/db.h"
#include "store/sqlite/session.h"
#include "version_1_fixture.h"

#include <signal.h>
#include <sys/wait.h>

static void see_event(void *arg, const struct store_event_row *row)
{
	(void)row;
	++*(int *)arg;
}

/* -1: refused, with the reason in why. */
static int count_events(struct store_reader *r, char why[STORE_READ_WHY])
{
	struct store_filter filter = {.limit = 100};
	int events = 0;

	return store_read_events(r, &filter, see_event, &events, why) ? events : -1;
}

static struct store_reader *reader(const struct fixture *fx)
{
	char why[STORE_READ_WHY];
	struct store_reader *r = store_reader_open(fx->path, why);

	if (r == NULL)
		fail_msg("%s", why);
	return r;
}

static void reader_refuses(const struct fixture *fx, const char *reason)
{
	char why[STORE_READ_WHY] = "";
	struct store_reader *r = store_reader_open(fx->path, why);

	if (r != NULL || strstr(why, reason) == NULL || strstr(why, fx->path) == NULL)
		fail_msg("%s: \"%s\"", reason, why);
}

static void writer_refuses(const struct fixture *fx, const char *reason)
{
	struct store_options options = {.path = fx->path, .backlog = 10};
	struct capture capture;

	capture_begin(&capture);
	struct store *st = store_open(&options);
	const char *text = capture_end(&capture);
	assert_null(st);
	if (strstr(text, "not as hookd makes one") == NULL || strstr(text, reason) == NULL)
		fail_msg("%s: %s", reason, text);
}

static void name_of(const struct fixture *fx, const char *suffix, char name[160])
{
	(void)snprintf(name, 160, "%s%s", fx->path, suffix);
}

static bool there(const struct fixture *fx, const char *suffix)
{
	char name[160];
	struct stat sb;

	name_of(fx, suffix, name);
	return lstat(name, &sb) == 0;
}

static void make_store(struct fixture *fx)
{
	fx_open(fx);
	(void)fx_put(fx, "id:1", 1);
	fx_close(fx);
}

/* ---- the schema */

static void test_each_change_of_the_schema_is_refused(void **state)
{
	static const struct {
		const char *sql, *reader, *writer;
	} rows[] = {
		{"CREATE TRIGGER t AFTER UPDATE ON hooks BEGIN SELECT raise(ABORT, 'it ran'); END",
			"trigger \"t\" is not hookd's", "trigger \\\"t\\\" is not hookd's"},
		{"CREATE VIEW v AS SELECT 1", "view \"v\" is not hookd's", "is not hookd's"},
		{"CREATE TABLE zz(a)", "table \"zz\" is not hookd's", "is not hookd's"},
		{"CREATE INDEX aa ON events(length(payload))", "index \"aa\" is not hookd's",
			"is not hookd's"},
		{"DROP INDEX events_type", "index \"events_type\" is missing", "is missing"},
		{"DROP TABLE attempts", "table \"attempts\" is missing", "is missing"},
		{"DROP TABLE hooks; CREATE VIEW hooks AS SELECT 1 AS id, 'a' AS name,"
		 " NULL AS paused_at",
			"view \"hooks\" is not hookd's", "is not hookd's"},
		{"DROP TABLE hooks; CREATE VIRTUAL TABLE hooks USING fts5(name, paused_at)",
			"table \"hooks\" is not as hookd makes it", "is not as hookd makes it"},
		{"ALTER TABLE hooks ADD COLUMN also TEXT", "table \"hooks\" is not as",
			"is not as hookd makes it"},
		{"DROP INDEX events_type; CREATE INDEX events_type ON events(received_at, type)",
			"index \"events_type\" is not as", "is not as hookd makes it"},
		{"DROP INDEX events_type; CREATE INDEX events_type ON hooks(name)",
			"index \"events_type\" is not as", "is not as hookd makes it"},
		{"CREATE VIEW \"\033[2J\" AS SELECT 1", "is not hookd's", "\\x1b[2J"},
		{"ANALYZE; PRAGMA writable_schema = ON; UPDATE sqlite_schema"
		 " SET sql = 'CREATE TABLE sqlite_stat1(tbl,idx,stat CHECK(1))'"
		 " WHERE name = 'sqlite_stat1'",
			"table \"sqlite_stat1\" is not hookd's", "is not hookd's"},
	};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		make_store(fx);
		fx_exec(fx->path, rows[i].sql);
		reader_refuses(fx, rows[i].reader);
		writer_refuses(fx, rows[i].writer);
		assert_int_equal(unlink(fx->path), 0);
	}
}

/* People may have run it, and SQLite may write texts a little differently in another version. */
static void test_statistics_and_spaces_are_accepted(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY];

	make_store(fx);
	fx_exec(fx->path,
		"ANALYZE; PRAGMA writable_schema = ON; UPDATE sqlite_schema"
		" SET sql = replace(replace(sql, char(9), '  '), 'paused_at', '\"paused_at\"')");
	struct store_reader *r = reader(fx);
	assert_int_equal(count_events(r, why), 1);
	store_reader_close(r);
	fx_open(fx);
	(void)fx_put(fx, "id:2", 1);
}

/* Its tables have other texts than those of a new store, and mean the same. */
static void test_a_store_of_the_first_version_is_accepted(void **state)
{
	struct fixture *fx = *state;

	fx_exec(fx->path, version_1_pragmas);
	fx_exec(fx->path, version_1);
	fx_exec(fx->path, "PRAGMA application_id = 1752525668; PRAGMA user_version = 1");
	fx_open(fx);
	fx_close(fx);
	store_reader_close(reader(fx));
	fx_open(fx);
	(void)fx_put(fx, "id:1", 1);
}

/* A change of the schema is noticed by the next transaction that reads. */
static void test_a_change_while_it_is_open(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY];

	(void)fx_put(fx, "id:1", 1);
	struct store_reader *r = reader(fx);
	assert_true(store_reader_begin(r, why));
	fx_exec(fx->path, "DROP TABLE attempts; CREATE VIEW attempts AS SELECT 1");
	assert_int_equal(count_events(r, why), 1);
	assert_true(store_reader_end(r, why));
	assert_int_equal(count_events(r, why), -1);
	assert_non_null(strstr(why, "view \"attempts\" is not hookd's"));
	assert_int_equal(count_events(r, why), -1);
	store_reader_close(r);
}

/* A trigger that is added while hookd runs does not run in it. */
static void test_the_writer_runs_no_trigger(void **state)
{
	struct fixture *fx = *state;

	fx_exec(fx->path, "CREATE TRIGGER t BEFORE INSERT ON events"
			  " BEGIN SELECT raise(ABORT, 'it ran'); END");
	(void)fx_put(fx, "id:1", 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 1);
}

static void test_what_the_connections_are(void **state)
{
	static const int off[] = {SQLITE_DBCONFIG_ENABLE_TRIGGER, SQLITE_DBCONFIG_ENABLE_VIEW,
		SQLITE_DBCONFIG_TRUSTED_SCHEMA};
	struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	struct store_session *s = store_session_open(fx->path, why);
	sqlite3 *connections[] = {fx->st->db->sqlite, s->sqlite};
	int64_t value;
	int on;

	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(
			sqlite3_db_config(connections[i], SQLITE_DBCONFIG_DEFENSIVE, -1, &on),
			SQLITE_OK);
		assert_int_equal(on, 1);
		for (size_t j = 0; j < sizeof(off) / sizeof(off[0]); j++) {
			assert_int_equal(
				sqlite3_db_config(connections[i], off[j], -1, &on), SQLITE_OK);
			assert_int_equal(on, 0);
		}
		assert_int_equal(sqlite3_limit(connections[i], SQLITE_LIMIT_ATTACHED, -1), 0);
	}
	assert_int_equal(sqlite3_db_readonly(s->sqlite, "main"), 1);
	assert_int_equal(store_number(s->sqlite, "PRAGMA cell_size_check", &value), SQLITE_OK);
	assert_int_equal(value, 1);
	assert_int_equal(store_number(s->sqlite, "PRAGMA mmap_size", &value), SQLITE_OK);
	assert_int_equal(value, 0);
	store_session_close(s);
}

/* ---- the files */

static void test_a_journal_is_refused_and_left_alone(void **state)
{
	struct fixture *fx = *state;
	char name[160];

	make_store(fx);
	name_of(fx, "-journal", name);
	assert_int_equal(mkfifo(name, 0600), 0);
	reader_refuses(fx, "-journal: expected no such file");
	assert_int_equal(unlink(name), 0);
	assert_int_equal(symlink("/nowhere", name), 0);
	reader_refuses(fx, "-journal: expected no such file");
	/* hookctl's writer refuses it, too. */
	struct store_options options = {.path = fx->path, .backlog = 10};
	struct capture capture;
	capture_begin(&capture);
	assert_null(store_open(&options));
	assert_non_null(strstr(capture_end(&capture), "-journal: expected no such file"));
	assert_true(there(fx, "-journal"));
}

static void test_no_special_file_is_opened(void **state)
{
	static const char *const suffixes[] = {"-wal", "-shm"};
	struct fixture *fx = *state;
	char name[160];

	make_store(fx);
	for (size_t i = 0; i < 2; i++) {
		name_of(fx, suffixes[i], name);
		assert_int_equal(mkfifo(name, 0600), 0);
		reader_refuses(fx, "expected a regular file of hookd's");
		assert_int_equal(unlink(name), 0);
		assert_int_equal(symlink("/etc/passwd", name), 0);
		reader_refuses(fx, "expected a regular file of hookd's");
		assert_int_equal(unlink(name), 0);
	}
}

static void test_the_store_is_no_symbolic_link(void **state)
{
	struct fixture *fx = *state;
	char real[160], directory[160], through[320], why[STORE_READ_WHY];

	make_store(fx);
	(void)snprintf(real, sizeof(real), "%s/real", fx->dir);
	assert_int_equal(rename(fx->path, real), 0);
	assert_int_equal(symlink(real, fx->path), 0);
	reader_refuses(fx, "is a symbolic link");
	/* On the way to it there may be some. */
	(void)snprintf(directory, sizeof(directory), "%s/link", fx->dir);
	(void)snprintf(through, sizeof(through), "%s/real", directory);
	assert_int_equal(symlink(".", directory), 0);
	struct store_reader *r = store_reader_open(through, why);
	assert_non_null(r);
	assert_int_equal(count_events(r, why), 1);
	store_reader_close(r);
}

/* SQLite removes the WAL beside an empty database. */
static void test_nothing_is_removed_beside_an_empty_file(void **state)
{
	struct fixture *fx = *state;
	char name[160];

	fx_exec(fx->path, "");
	name_of(fx, "-wal", name);
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(write(fd, "kept", 4), 4);
	(void)close(fd);
	reader_refuses(fx, "the file is empty");
	assert_true(there(fx, "-wal"));
}

/* ---- a hookd that is started while it is read */

/* A hookd with an event, in a process of its own: SQLite shares a -shm file within a process. */
static pid_t start_hookd(struct fixture *fx)
{
	int ready[2];
	char byte;
	pid_t pid;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		char key[32];
		(void)snprintf(key, sizeof(key), "id:%d", getpid());
		fx_open(fx);
		(void)fx_put(fx, key, 1);
		(void)!write(ready[1], "r", 1);
		for (;;)
			(void)pause();
	}
	(void)close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	return pid;
}

static void kill_hookd(pid_t pid)
{
	int status;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
}

/* As after a failed sync. */
static void test_a_wal_index_that_was_removed(void **state)
{
	struct fixture *fx = *state;
	char name[160], why[STORE_READ_WHY];
	pid_t hookd = start_hookd(fx);
	struct store_reader *r = reader(fx);

	assert_int_equal(count_events(r, why), 1);
	kill_hookd(hookd);
	name_of(fx, "-shm", name);
	assert_int_equal(unlink(name), 0);
	hookd = start_hookd(fx);
	assert_int_equal(count_events(r, why), 2);

	assert_true(store_reader_begin(r, why));
	assert_int_equal(count_events(r, why), 2);
	kill_hookd(hookd);
	assert_int_equal(unlink(name), 0);
	hookd = start_hookd(fx);
	assert_false(store_reader_end(r, why));
	assert_non_null(strstr(why, "hookd was started while it was being read; try again"));
	assert_int_equal(count_events(r, why), 3);
	store_reader_close(r);
	kill_hookd(hookd);
}

/* The reader makes one, and does not take its own for another hookd's. */
static void test_without_a_wal_index(void **state)
{
	struct fixture *fx = *state;
	char name[160], why[STORE_READ_WHY];

	kill_hookd(start_hookd(fx));
	name_of(fx, "-shm", name);
	assert_int_equal(unlink(name), 0);
	for (int i = 0; i < 2; i++) {
		struct store_reader *r = reader(fx);
		assert_int_equal(count_events(r, why), 1);
		assert_int_equal(count_events(r, why), 1);
		store_reader_close(r);
		assert_true(there(fx, "-shm"));
		assert_true(there(fx, "-wal"));
	}
}

#define MADE(test) cmocka_unit_test_setup_teardown(test, fx_make, fx_remove)
#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MADE(test_each_change_of_the_schema_is_refused),
		MADE(test_statistics_and_spaces_are_accepted),
		MADE(test_a_store_of_the_first_version_is_accepted),
		OPEN(test_a_change_while_it_is_open),
		OPEN(test_the_writer_runs_no_trigger),
		OPEN(test_what_the_connections_are),
		MADE(test_a_journal_is_refused_and_left_alone),
		MADE(test_no_special_file_is_opened),
		MADE(test_the_store_is_no_symbolic_link),
		MADE(test_nothing_is_removed_beside_an_empty_file),
		MADE(test_a_wal_index_that_was_removed),
		MADE(test_without_a_wal_index),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
