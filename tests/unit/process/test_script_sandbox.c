#include "process/script_sandbox.h"

#include "process/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* Below /run, where root alone can write: so these are root's tests. */
static char dir[64];
static char path_room[4][128];

/* dir/name; the i-th of four that are valid at once. */
static const char *at(int i, const char *name)
{
	(void)snprintf(path_room[i], sizeof(path_room[i]), "%s/%s", dir, name);
	return path_room[i];
}

static void make_file(const char *name)
{
	int fd = open(at(0, name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static int set_up(void **state)
{
	(void)state;
	(void)snprintf(dir, sizeof(dir), "/run/hookd-wall-XXXXXX");
	if (geteuid() != 0 || landlock_abi() < 2)
		return 0; /* the tests skip */
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) != 0 || mkdir(at(0, "credentials"), 0700) != 0)
		return -1;
	make_file("secret");
	make_file("beside");
	make_file("credentials/a");
	return 0;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"secret", "beside", "made", "new", "link",
		"credentials/a", "credentials/b", "writable/secret"};

	(void)state;
	if (geteuid() != 0 || landlock_abi() < 2)
		return 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)unlink(at(0, names[i]));
	(void)rmdir(at(0, "credentials"));
	(void)rmdir(at(0, "writable"));
	return rmdir(dir);
}

static struct script_sandbox *make(const char *one, const char *two)
{
	char *files[] = {(char *)(uintptr_t)one, (char *)(uintptr_t)two};
	struct script_sandbox *w = script_sandbox_new(files, two != NULL ? 2 : 1, true);

	assert_non_null(w);
	return w;
}

/* What a process behind the wall gets: 0, or errno. */
static int behind(struct script_sandbox *w, int (*act)(const char *, const char *), const char *a,
	const char *b)
{
	int ruleset, status;

	assert_true(script_sandbox_ready(w, &ruleset));
	assert_true(ruleset > 0);
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0)
		_exit(!script_sandbox_enter(ruleset) ? 255 : act(a, b) < 0 ? errno : 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int to_read(const char *path, const char *unused)
{
	(void)unused;
	return open(path, O_RDONLY | O_CLOEXEC);
}

static int to_write(const char *path, const char *unused)
{
	(void)unused;
	return open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

#define SKIP_UNLESS_ROOT                                                                           \
	if (geteuid() != 0 || landlock_abi() < 2)                                                  \
	skip()

static void secrets_are_shut_and_all_beside_is_open(void **state)
{
	struct script_sandbox *w;

	(void)state;
	SKIP_UNLESS_ROOT;
	w = make(at(1, "secret"), at(2, "credentials"));
	assert_int_equal(behind(w, to_read, at(0, "secret"), NULL), EACCES);
	assert_int_equal(behind(w, to_read, at(0, "credentials/a"), NULL), EACCES);
	assert_int_equal(behind(w, to_read, at(0, "beside"), NULL), 0);
	assert_int_equal(behind(w, to_read, "/etc/passwd", NULL), 0);
	assert_int_equal(behind(w, to_read, "/bin/sh", NULL), 0);
	assert_int_equal(behind(w, to_read, "/proc/self/status", NULL), 0);
	assert_int_equal(behind(w, to_read, "/dev/null", NULL), 0);
	assert_int_equal(behind(w, to_write, at(0, "made"), NULL), 0);
	assert_int_equal(behind(w, rename, at(0, "made"), "/run/hookd-wall-moved"), 0);
	assert_int_equal(unlink("/run/hookd-wall-moved"), 0);
	/* neither may a secret come to where it could be read */
	assert_int_equal(behind(w, link, at(0, "secret"), "/tmp/hookd-wall"), EXDEV);
	assert_int_equal(behind(w, rename, at(0, "credentials/a"), "/tmp/hookd-wall"), EXDEV);
	script_sandbox_free(w);
}

static void what_changes_beside_secrets_is_seen(void **state)
{
	struct script_sandbox *w;

	(void)state;
	SKIP_UNLESS_ROOT;
	w = make(at(1, "secret"), at(2, "credentials"));
	for (int round = 0; round < 3; round++) {
		make_file("new");
		assert_int_equal(behind(w, to_read, at(0, "new"), NULL), 0);
		make_file("credentials/b");
		assert_int_equal(behind(w, to_read, at(0, "credentials/b"), NULL), EACCES);
		/* a secret that is replaced stays one */
		assert_int_equal(rename(at(0, "new"), at(1, "secret")), 0);
		assert_int_equal(behind(w, to_read, at(0, "secret"), NULL), EACCES);
		assert_int_equal(unlink(at(0, "credentials/b")), 0);
	}
	/* one that goes, and comes again */
	assert_int_equal(unlink(at(0, "secret")), 0);
	assert_int_equal(behind(w, to_read, at(0, "secret"), NULL), ENOENT);
	make_file("secret");
	assert_int_equal(behind(w, to_read, at(0, "secret"), NULL), EACCES);
	script_sandbox_free(w);
}

static void a_link_to_a_secret_leads_nowhere(void **state)
{
	struct script_sandbox *w;

	(void)state;
	SKIP_UNLESS_ROOT;
	assert_int_equal(symlink(at(0, "secret"), at(1, "link")), 0);
	w = make(at(1, "link"), NULL);
	assert_int_equal(behind(w, to_read, at(0, "link"), NULL), EACCES);
	assert_int_equal(behind(w, to_read, at(0, "secret"), NULL), EACCES);
	assert_int_equal(behind(w, to_read, at(0, "credentials/a"), NULL), 0);
	script_sandbox_free(w);
}

/* Scripts make files in such a place, and read them. */
static void where_others_can_write_nothing_is_shut(void **state)
{
	struct script_sandbox *w;

	(void)state;
	SKIP_UNLESS_ROOT;
	assert_int_equal(mkdir(at(0, "writable"), 0700), 0);
	assert_int_equal(chmod(at(0, "writable"), 0777), 0);
	make_file("writable/secret");
	w = make(at(1, "writable/secret"), at(2, "secret"));
	assert_int_equal(behind(w, to_read, at(0, "writable/secret"), NULL), 0);
	assert_int_equal(behind(w, to_read, at(0, "secret"), NULL), EACCES);
	script_sandbox_free(w);
	w = make(at(1, "writable/secret"), NULL); /* there is a wall, with nothing behind it */
	assert_int_equal(behind(w, to_read, at(0, "secret"), NULL), 0);
	script_sandbox_free(w);
}

static void without_a_wall_there_is_no_ruleset(void **state)
{
	int ruleset = 0;

	(void)state;
	assert_true(script_sandbox_ready(NULL, &ruleset));
	assert_int_equal(ruleset, -1);
	script_sandbox_free(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(secrets_are_shut_and_all_beside_is_open),
		TEST(what_changes_beside_secrets_is_seen),
		TEST(a_link_to_a_secret_leads_nowhere),
		TEST(where_others_can_write_nothing_is_shut),
		cmocka_unit_test(without_a_wall_there_is_no_ruleset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
