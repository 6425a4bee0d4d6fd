/* A sync of the database file fails, and everything written to it since the last sync is lost, as
 * on Linux: the store is complete all the same, whichever process closes it last. */
#include "fixture.h"
#include "store/import.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#define BODY  100000
#define LONG  100 /* events of that size: many times what makes a checkpoint worthwhile */
#define SHORT 20  /* few enough to stay in the WAL */

static char *synced; /* the database file as of its last sync */
static size_t synced_len;
static atomic_bool to_fail; /* the syncs of it */
static atomic_bool failed;
static int count;

static bool is_database(int fd)
{
	static const char name[] = "/hookd.db";
	const size_t len = sizeof(name) - 1;
	char link[64];
	char path[256] = "";

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	return n > (ssize_t)len && strcmp(path + (size_t)n - len, name) == 0;
}

/* By pread: opening and closing the file would drop SQLite's locks. */
static void keep(int fd)
{
	struct stat sb;

	assert_int_equal(fstat(fd, &sb), 0);
	free(synced);
	synced_len = (size_t)sb.st_size;
	synced = malloc(synced_len + 1);
	assert_non_null(synced);
	assert_true(pread(fd, synced, synced_len, 0) == (ssize_t)synced_len);
}

static void drop(int fd)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_true(pwrite(fd, synced, synced_len, 0) == (ssize_t)synced_len);
}

/* Replaces libc's. */
int fdatasync(int fd)
{
	if (!is_database(fd))
		return (int)syscall(SYS_fdatasync, fd);
	if (!atomic_load(&to_fail)) {
		keep(fd);
		return 0;
	}
	drop(fd);
	atomic_store(&failed, true);
	errno = EIO;
	return -1;
}

int fsync(int fd)
{
	return is_database(fd) ? fdatasync(fd) : (int)syscall(SYS_fsync, fd);
}

static void put(struct fixture *fx, int events)
{
	static char body[BODY];

	for (int i = 0; i < events; i++) {
		char key[32];
		(void)snprintf(key, sizeof(key), "e:%d", count++);
		struct event ev = fx_event(fx, key, body, sizeof(body));
		struct store_put p = {.op.kind = STORE_OP_PUT, .event = &ev};
		assert_int_equal(store_wait(fx->st, &p.op), STORE_OK);
	}
}

static sqlite3 *look(const struct fixture *fx, const char *sql)
{
	sqlite3 *db;

	assert_int_equal(sqlite3_open(fx->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
	return db;
}

static off_t size_of(const struct fixture *fx)
{
	struct stat sb;

	assert_int_equal(stat(fx->path, &sb), 0);
	return sb.st_size;
}

/* Checkpoints a part that is never synced by itself, because a reader, which is returned, keeps the
 * rest from being checkpointed. */
static sqlite3 *checkpoint_part(struct fixture *fx)
{
	count = 0;
	put(fx, SHORT);
	sqlite3 *reader = look(fx, "BEGIN; SELECT count(*) FROM events");
	off_t before = size_of(fx);
	put(fx, LONG);
	for (int i = 0; i < 1000 && size_of(fx) == before; i++) {
		put(fx, 1);
		usleep(10000);
	}
	assert_true(size_of(fx) > before);
	return reader;
}

/* Then the sync of the rest fails, as often as this hookd tries. */
static void lose(struct fixture *fx)
{
	sqlite3 *reader = checkpoint_part(fx);

	atomic_store(&failed, false);
	atomic_store(&to_fail, true);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	for (int i = 0; i < 1000 && !atomic_load(&failed); i++) {
		put(fx, 1);
		usleep(10000);
	}
	assert_true(atomic_load(&failed));
	put(fx, 2);
	usleep(100000);
	atomic_store(&to_fail, false);
}

static void check(struct fixture *fx)
{
	fx_open(fx);
	put(fx, 1);
	fx_close(fx);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_integrity_check"
				       " WHERE integrity_check = 'ok'"),
		1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), count);
}

static void the_next_hookd_has_all(void **state)
{
	struct fixture *fx = *state;

	lose(fx);
	fx_close(fx);
	check(fx);
}

static void a_hookctl_that_ends_after_hookd_loses_nothing(void **state)
{
	struct fixture *fx = *state;

	lose(fx);
	sqlite3 *editor = look(fx, "SELECT count(*) FROM events");
	fx_close(fx);
	assert_int_equal(sqlite3_close(editor), SQLITE_OK);
	check(fx);
}

static void a_hookctl_that_sees_two_hookds_loses_nothing(void **state)
{
	struct fixture *fx = *state;

	lose(fx);
	sqlite3 *editor = look(fx, "SELECT count(*) FROM events");
	fx_close(fx);
	check(fx);
	assert_int_equal(sqlite3_close(editor), SQLITE_OK);
}

/* No process syncs it, and the kernel drops it when it cannot be written. */
static void what_was_never_synced_is_checkpointed_by_the_next_hookd(void **state)
{
	struct fixture *fx = *state;
	sqlite3 *reader = checkpoint_part(fx);
	sqlite3 *editor = look(fx, "SELECT count(*) FROM events");
	/* Closed after SQLite's: closing it earlier would drop SQLite's locks. */
	int fd = open(fx->path, O_RDWR | O_CLOEXEC);

	assert_true(fd >= 0);
	fx_close(fx);
	assert_int_equal(sqlite3_close(reader), SQLITE_OK);
	drop(fd);
	check(fx);
	assert_int_equal(sqlite3_close(editor), SQLITE_OK);
	assert_int_equal(close(fd), 0);
}

/* Only hookd handles syncs that fail. */
static void hookctl_does_not_checkpoint(void **state)
{
	enum { EVENTS = 200 };
	struct fixture *fx = *state;
	static char body[BODY];
	char why[STORE_READ_WHY];
	off_t before = size_of(fx);
	struct store_editor *e = store_editor_open(fx->path, why);

	assert_non_null(e);
	for (int i = 0; i < EVENTS; i++) {
		char key[32];
		(void)snprintf(key, sizeof(key), "imported:%d", i);
		struct event ev = fx_event(fx, key, body, sizeof(body));
		struct store_import import = {.event = &ev};
		assert_true(store_import(e, &import, 1, clock_wall(), why));
	}
	store_editor_close(e);
	assert_int_equal(size_of(fx), before);
	count = EVENTS;
	fx_close(fx);
	check(fx);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fx_make_open, fx_remove)
	const struct CMUnitTest tests[] = {
		TEST(the_next_hookd_has_all),
		TEST(a_hookctl_that_ends_after_hookd_loses_nothing),
		TEST(a_hookctl_that_sees_two_hookds_loses_nothing),
		TEST(what_was_never_synced_is_checkpointed_by_the_next_hookd),
		TEST(hookctl_does_not_checkpoint),
	};
	int failures = cmocka_run_group_tests(tests, NULL, NULL);

	free(synced);
	return failures;
}
