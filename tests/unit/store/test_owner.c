/* Root becomes the owner of a store before it opens it; who holds its lock. */
#include "fixture.h"
#include "store/lock.h"
#include "store/owner.h"

#include <grp.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

enum { USER = 61234, OTHER = 61235 };

/* What a child that became the owner found itself to be. */
struct became {
	bool good;
	uid_t users[3];
	gid_t groups[3];
	int supplementary;
	bool root_again;
	char why[STORE_READ_WHY];
};

static struct became become(const char *path)
{
	struct became b = {0};
	int pipes[2], status;

	assert_int_equal(pipe(pipes), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		b.good = store_become_owner(path, b.why);
		(void)getresuid(&b.users[0], &b.users[1], &b.users[2]);
		(void)getresgid(&b.groups[0], &b.groups[1], &b.groups[2]);
		b.supplementary = getgroups(0, NULL);
		b.root_again = setuid(0) == 0;
		_exit(write(pipes[1], &b, sizeof(b)) == (ssize_t)sizeof(b) ? 0 : 1);
	}
	assert_int_equal(read(pipes[0], &b, sizeof(b)), sizeof(b));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	(void)close(pipes[0]);
	(void)close(pipes[1]);
	return b;
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void own(struct fixture *fx, uid_t directory, uid_t file)
{
	fx_exec(fx->path, "CREATE TABLE t(x)");
	assert_int_equal(chown(fx->path, file, file), 0);
	assert_int_equal(chown(fx->dir, directory, directory), 0);
}

static void test_root_becomes_the_owner_for_good(void **state)
{
	struct fixture *fx = *state;

	need_root();
	for (uid_t directory = 0; directory <= USER; directory += USER) {
		own(fx, directory, USER);
		struct became b = become(fx->path);
		assert_true(b.good);
		for (int i = 0; i < 3; i++) {
			assert_int_equal(b.users[i], USER);
			assert_int_equal(b.groups[i], USER);
		}
		assert_int_equal(b.supplementary, 1);
		assert_false(b.root_again);
		assert_int_equal(unlink(fx->path), 0);
	}
}

static void test_a_user_with_a_name_keeps_its_groups(void **state)
{
	struct fixture *fx = *state;

	need_root();
	own(fx, 1, 1); /* daemon */
	struct became b = become(fx->path);
	assert_true(b.good);
	assert_int_equal(b.users[0], 1);
	assert_int_equal(b.groups[2], 1);
	assert_false(b.root_again);
}

static void test_roots_own_store_stays_roots(void **state)
{
	struct fixture *fx = *state;

	need_root();
	own(fx, 0, 0);
	struct became b = become(fx->path);
	assert_true(b.good);
	assert_int_equal(b.users[1], 0);
	assert_true(b.root_again);
	/* … unless others can write to its directory. */
	assert_int_equal(chmod(fx->dir, 01777), 0);
	b = become(fx->path);
	assert_false(b.good);
	assert_non_null(strstr(b.why, "others can write to its directory"));
	assert_int_equal(chmod(fx->dir, 0770), 0);
	assert_true(become(fx->path).good);
	assert_int_equal(chown(fx->dir, 0, USER), 0);
	assert_false(become(fx->path).good);
}

/* A thief who owns the directory can put another user's file there. */
static void test_two_owners_are_refused(void **state)
{
	struct fixture *fx = *state;

	need_root();
	for (uid_t file = 0; file <= OTHER; file += OTHER) {
		own(fx, USER, file);
		struct became b = become(fx->path);
		assert_false(b.good);
		assert_non_null(strstr(b.why, "its directory to user 61234"));
		assert_int_equal(b.users[1], 0);
		assert_int_equal(unlink(fx->path), 0);
	}
}

static void test_what_is_no_store_is_refused(void **state)
{
	struct fixture *fx = *state;
	char target[128];

	need_root();
	(void)snprintf(target, sizeof(target), "%s/other", fx->dir);
	assert_non_null(strstr(become(fx->path).why, "no such file"));
	fx_exec(target, "CREATE TABLE t(x)");
	assert_int_equal(symlink(target, fx->path), 0);
	assert_non_null(strstr(become(fx->path).why, "is a symbolic link"));
	assert_int_equal(unlink(fx->path), 0);
	assert_int_equal(mkfifo(fx->path, 0600), 0);
	assert_non_null(strstr(become(fx->path).why, "not a regular file"));
}

static void test_other_users_stay_what_they_are(void **state)
{
	char why[STORE_READ_WHY];
	int status;

	(void)state;
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && setuid(USER) != 0)
			_exit(1);
		_exit(store_become_owner("/nowhere/hookd.db", why) ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- the lock */

static struct store_lock holder(const struct fixture *fx)
{
	struct store_lock lock;
	char why[STORE_READ_WHY];

	if (!store_lock_holder(fx->path, &lock, why))
		fail_msg("%s", why);
	return lock;
}

static void lock_name(const struct fixture *fx, char name[128])
{
	(void)snprintf(name, 128, "%s.lock", fx->path);
}

static void test_who_holds_the_lock(void **state)
{
	struct fixture *fx = *state;

	assert_false(holder(fx).held);
	fx_open(fx);
	struct store_lock lock = holder(fx);
	assert_true(lock.held);
	assert_int_equal(lock.pid, getpid());
	assert_in_range(lock.taken, clock_wall() - 60000, clock_wall());
	assert_string_equal(lock.socket, "");
	/* Asking has not taken it. */
	(void)fx_put(fx, "id:1", 1);
	assert_true(holder(fx).held);
	fx_close(fx);
	lock = holder(fx);
	assert_false(lock.held);
	assert_int_equal(lock.pid, 0);
}

static void test_its_second_line_is_the_control_socket(void **state)
{
	static const struct {
		const char *text, *socket;
		int64_t pid;
	} rows[] = {
		{"12\n/run/hookd/control\n", "/run/hookd/control", 12},
		{"12\n/run/hookd/control", "/run/hookd/control", 12},
		{"12\n/run/a b\nmore\n", "/run/a b", 12},
		{"12\nrelative\n", "", 12},
		{"12\n\n/x\n", "", 12},
		{"12\n", "", 12},
		{"", "", 0},
		{"x\n/y\n", "/y", 0},
	};
	struct fixture *fx = *state;
	char name[128];

	lock_name(fx, name);
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(flock(fd, LOCK_EX | LOCK_NB), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(
			pwrite(fd, rows[i].text, strlen(rows[i].text), 0), strlen(rows[i].text));
		struct store_lock lock = holder(fx);
		assert_true(lock.held);
		assert_int_equal(lock.pid, rows[i].pid);
		assert_string_equal(lock.socket, rows[i].socket);
	}
	(void)close(fd);
	assert_string_equal(holder(fx).socket, "");
}

static void refuse_lock(const struct fixture *fx)
{
	struct store_lock lock;
	char why[STORE_READ_WHY], name[128];

	assert_false(store_lock_holder(fx->path, &lock, why));
	assert_non_null(strstr(why, "hookd.db.lock: not a lock of hookd's"));
	assert_false(lock.held);
	lock_name(fx, name);
	assert_int_equal(unlink(name), 0);
}

static void test_what_is_no_lock_is_refused_at_once(void **state)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct fixture *fx = *state;
	char name[128];

	lock_name(fx, name);
	assert_int_equal(mkfifo(name, 0600), 0);
	refuse_lock(fx);
	assert_int_equal(symlink("/etc/passwd", name), 0);
	refuse_lock(fx);
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(ftruncate(fd, STORE_LOCK_MAX + 1), 0);
	(void)close(fd);
	refuse_lock(fx);
	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%.100s", name);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	(void)close(fd);
	refuse_lock(fx);
}

#define MADE(test) cmocka_unit_test_setup_teardown(test, fx_make, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MADE(test_root_becomes_the_owner_for_good),
		MADE(test_a_user_with_a_name_keeps_its_groups),
		MADE(test_roots_own_store_stays_roots),
		MADE(test_two_owners_are_refused),
		MADE(test_what_is_no_store_is_refused),
		MADE(test_other_users_stay_what_they_are),
		MADE(test_who_holds_the_lock),
		MADE(test_its_second_line_is_the_control_socket),
		MADE(test_what_is_no_lock_is_refused_at_once),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
