/* Opening: which files are stores, which versions, one daemon only, recovery. */
#include "fixture.h"
#include "store/private.h"
#include "store/sqlite/db.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

static const char *refused(const char *path, struct capture *capture)
{
	struct store_options options = {.path = path, .migrate = true, .backlog = 10};

	capture_begin(capture);
	struct store *st = store_open(&options);
	const char *text = capture_end(capture);
	assert_null(st);
	assert_non_null(strstr(text, path));
	return text;
}

static void write_file(const char *path, const char *bytes, size_t len)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void test_second_daemon_is_refused_by_pid(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	char pid[32];

	fx_open(fx);
	const char *text = refused(fx->path, &capture);
	assert_non_null(strstr(text, "in use by another hookd"));
	(void)snprintf(pid, sizeof(pid), "pid=%ld", (long)getpid());
	assert_non_null(strstr(text, pid));
	/* It did no harm, and the second may start when the first has ended. */
	(void)fx_put(fx, "id:1", 1);
	fx_close(fx);
	fx_open(fx);
	assert_int_equal(fx_counts(fx).waiting, 1);
}

/* As a script does between vfork and exec when its hookd is killed. */
static void test_a_lock_that_is_soon_released_is_waited_for(void **state)
{
	struct fixture *fx = *state;
	char lock[128];
	int status;

	(void)snprintf(lock, sizeof(lock), "%s.lock", fx->path);
	int fd = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0660);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	pid_t child = fork();
	if (child == 0) {
		usleep(100000);
		_exit(0);
	}
	assert_int_equal(close(fd), 0);
	fx_open(fx);
	assert_int_equal(waitpid(child, &status, 0), child);
}

static void test_other_files_are_left_alone(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	char before[4096];
	static const char text[] = "This is somebody's diary, not a database. It is longer than "
				   "the header of one, which has a hundred bytes, and so on.\n";

	write_file(fx->path, text, sizeof(text));
	assert_non_null(strstr(refused(fx->path, &capture), "not a hookd store"));
	FILE *f = fopen(fx->path, "r");
	assert_non_null(f);
	assert_int_equal(fread(before, 1, sizeof(before), f), sizeof(text));
	(void)fclose(f);
	assert_memory_equal(before, text, sizeof(text));

	assert_int_equal(unlink(fx->path), 0);
	fx_exec(fx->path, "CREATE TABLE events(id); INSERT INTO events VALUES(1)");
	assert_non_null(strstr(refused(fx->path, &capture), "not a hookd store"));
	fx_exec(fx->path, "PRAGMA application_id = 1196444487");
	assert_non_null(strstr(refused(fx->path, &capture), "not a hookd store"));
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM sqlite_schema"), 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 1);
}

static void test_newer_schema_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;

	fx_open(fx);
	fx_close(fx);
	fx_exec(fx->path, "PRAGMA user_version = 99");
	const char *text = refused(fx->path, &capture);
	assert_non_null(strstr(text, "newer hookd"));
	assert_non_null(strstr(text, "schema=99"));
	assert_int_equal(fx_number(fx, "PRAGMA user_version"), 99);
}

static void test_odd_paths_are_refused(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	char missing[128];

	(void)snprintf(missing, sizeof(missing), "%s/no/such/hookd.db", fx->dir);
	assert_non_null(strstr(refused(missing, &capture), "No such file"));
	assert_int_equal(mkfifo(fx->path, 0600), 0);
	assert_non_null(strstr(refused(fx->path, &capture), "not a regular file"));
	(void)snprintf(missing, sizeof(missing), "%s.lock", fx->path);
	assert_int_equal(unlink(missing), 0);
	assert_int_equal(mkfifo(missing, 0600), 0);
	assert_non_null(strstr(refused(fx->path, &capture), "lock is not a regular file"));
	assert_int_equal(unlink(missing), 0);
	/* A lock has the name by which the store was opened. */
	(void)snprintf(missing, sizeof(missing), "%s/link", fx->dir);
	assert_int_equal(unlink(fx->path), 0);
	fx_open(fx);
	assert_int_equal(symlink(fx->path, missing), 0);
	assert_non_null(strstr(refused(missing, &capture), "is a symbolic link"));
}

/* By a hard link it has a lock of its own. In two processes: closing the file in this one would
 * drop SQLite's locks. */
static void test_a_store_with_two_names_is_locked(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	char link_path[128];
	int status;

	fx_open(fx);
	(void)snprintf(link_path, sizeof(link_path), "%s/other.db", fx->dir);
	assert_int_equal(link(fx->path, link_path), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		const char *text = refused(link_path, &capture);
		_exit(strstr(text, "in use by another hookd, under another name") != NULL ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fx_close(fx);
	capture_begin(&capture);
	fx_open(fx);
	assert_non_null(strstr(capture_end(&capture), "store has more than one name"));
}

static void test_a_new_file_has_its_header_and_mode(void **state)
{
	struct fixture *fx = *state;
	struct stat sb;
	mode_t mask = umask(0077);

	fx_open(fx);
	(void)fx_put(fx, "id:1", 1);
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	for (size_t i = 0; i < 4; i++) {
		char name[128];
		(void)snprintf(name, sizeof(name), "%s%s", fx->path, suffixes[i]);
		assert_int_equal(stat(name, &sb), 0);
		assert_int_equal(sb.st_mode & 07777, 0660);
	}
	fx_close(fx);
	(void)umask(mask);
	assert_int_equal(fx_number(fx, "PRAGMA application_id"), 0x68756b64);
	assert_int_equal(fx_number(fx, "PRAGMA user_version"), STORE_SCHEMA);
	assert_int_equal(fx_number(fx, "PRAGMA auto_vacuum"), 2);
	assert_int_equal(fx_number(fx, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_table_list"
				       " WHERE schema = 'main' AND name NOT LIKE 'sqlite_%'"
				       " AND strict = 0"),
		0);
}

/* Version 0: an empty database, left by a hookd that was killed before it wrote its first schema.
 */
static void test_an_empty_database_is_taken(void **state)
{
	struct fixture *fx = *state;

	fx_exec(fx->path, "PRAGMA journal_mode = WAL");
	fx_open(fx);
	(void)fx_put(fx, "id:1", 1);
	fx_close(fx);
	assert_int_equal(fx_number(fx, "PRAGMA user_version"), STORE_SCHEMA);
	/* Opening a current store does not write the schema again. */
	int64_t cookie = fx_number(fx, "PRAGMA schema_version");
	fx_open(fx);
	fx_close(fx);
	assert_int_equal(fx_number(fx, "PRAGMA schema_version"), cookie);
}

/* As after a restore from a backup, or a power failure before the switch to WAL was synced. */
static void test_a_store_without_wal_gets_one(void **state)
{
	struct fixture *fx = *state;

	fx_open(fx);
	(void)fx_put(fx, "id:1", 1);
	fx_close(fx);
	fx_exec(fx->path, "PRAGMA journal_mode = DELETE");
	fx_open(fx);
	(void)fx_put(fx, "id:2", 1);
	fx_close(fx);
	assert_int_equal(fx_number(fx, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 2);
}

static void test_the_connection_is_safe(void **state)
{
	struct fixture *fx = *state;
	int64_t value;
	struct store_op ping = {.kind = STORE_OP_PING};

	fx_open(fx);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	assert_int_equal(store_number(fx->st->db->sqlite, "PRAGMA synchronous", &value), SQLITE_OK);
	assert_int_equal(value, 2);
	assert_int_equal(
		store_number(fx->st->db->sqlite, "PRAGMA foreign_keys", &value), SQLITE_OK);
	assert_int_equal(value, 1);
}

/* A hookd that was killed with two deliveries running and one waiting. */
static void die_running(struct fixture *fx)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fx_open(fx);
		(void)fx_put(fx, "id:1", 3);
		struct store_claim c = fx_claim(fx, 2, 2);
		if (c.job_count == 2)
			(void)kill(getpid(), SIGKILL);
		_exit(1);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_what_ran_is_ready_again(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;

	die_running(fx);
	capture_begin(&capture);
	fx_open(fx);
	const char *text = capture_end(&capture);
	assert_non_null(strstr(text, "will run again deliveries=2"));
	struct store_counts counts = fx_counts(fx);
	assert_int_equal(counts.recovered, 2);
	assert_int_equal(counts.waiting, 3);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM attempts WHERE result = 'interrupted'"
				       " AND message = 'hookd ended while it ran'"),
		2);
	struct store_claim c = fx_claim(fx, 3, 10);
	assert_int_equal(c.job_count, 3);
	for (size_t i = 0; i < 3; i++) {
		bool ran = c.jobs[i]->hook != fx->hooks[2];
		assert_int_equal(c.jobs[i]->attempt, ran ? 2 : 1);
		assert_int_equal(c.jobs[i]->crashes, ran ? 1 : 0);
		assert_int_equal(c.jobs[i]->failures, 0);
	}
	fx_claim_free(&c);
}

static void test_a_due_time_from_a_wrong_clock_is_corrected(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	int64_t far = clock_wall() + 40 * INT64_C(86400000);
	int64_t near = clock_wall() + 3600000;

	fx_open(fx);
	(void)fx_put(fx, "id:1", 2);
	struct store_claim c = fx_claim(fx, 2, 2);
	(void)fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, far);
	(void)fx_settle(fx, c.jobs[1]->delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, near);
	fx_claim_free(&c);
	fx_close(fx);
	capture_begin(&capture);
	fx_open(fx);
	assert_non_null(strstr(capture_end(&capture), "was the clock wrong? deliveries=1"));
	c = fx_claim(fx, 2, 2);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->hook, fx->hooks[0]);
	assert_true(c.next_due == near);
	fx_claim_free(&c);
}

#define MADE(test) cmocka_unit_test_setup_teardown(test, fx_make, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MADE(test_second_daemon_is_refused_by_pid),
		MADE(test_a_lock_that_is_soon_released_is_waited_for),
		MADE(test_other_files_are_left_alone),
		MADE(test_newer_schema_is_refused),
		MADE(test_odd_paths_are_refused),
		MADE(test_a_store_with_two_names_is_locked),
		MADE(test_a_new_file_has_its_header_and_mode),
		MADE(test_an_empty_database_is_taken),
		MADE(test_a_store_without_wal_gets_one),
		MADE(test_the_connection_is_safe),
		MADE(test_what_ran_is_ready_again),
		MADE(test_a_due_time_from_a_wrong_clock_is_corrected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
