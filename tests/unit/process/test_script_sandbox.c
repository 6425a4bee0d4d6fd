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

/* Below /run, where only root can write: so these tests need root. */
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
	(void)snprintf(dir, sizeof(dir), "/run/hookd-sandbox-XXXXXX");
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
	struct script_sandbox *s = script_sandbox_new(files, two != NULL ? 2 : 1, true);

	assert_non_null(s);
	return s;
}

/* What a process in the sandbox gets: 0, or errno. */
static int in_sandbox(struct script_sandbox *s, int (*act)(const char *, const char *),
	const char *a, const char *b)
{
	int ruleset, status;

	assert_true(script_sandbox_ready(s, &ruleset));
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

static void secrets_cannot_be_read_but_everything_beside_them_can(void **state)
{
	struct script_sandbox *s;

	(void)state;
	SKIP_UNLESS_ROOT;
	s = make(at(1, "secret"), at(2, "credentials"));
	assert_int_equal(in_sandbox(s, to_read, at(0, "secret"), NULL), EACCES);
	assert_int_equal(in_sandbox(s, to_read, at(0, "credentials/a"), NULL), EACCES);
	assert_int_equal(in_sandbox(s, to_read, at(0, "beside"), NULL), 0);
	assert_int_equal(in_sandbox(s, to_read, "/etc/passwd", NULL), 0);
	assert_int_equal(in_sandbox(s, to_read, "/bin/sh", NULL), 0);
	assert_int_equal(in_sandbox(s, to_read, "/proc/self/status", NULL), 0);
	assert_int_equal(in_sandbox(s, to_read, "/dev/null", NULL), 0);
	assert_int_equal(in_sandbox(s, to_write, at(0, "made"), NULL), 0);
	assert_int_equal(in_sandbox(s, rename, at(0, "made"), "/run/hookd-sandbox-moved"), 0);
	assert_int_equal(unlink("/run/hookd-sandbox-moved"), 0);
	/* nor can a secret be moved to where it could be read */
	assert_int_equal(in_sandbox(s, link, at(0, "secret"), "/tmp/hookd-sandbox"), EXDEV);
	assert_int_equal(
		in_sandbox(s, rename, at(0, "credentials/a"), "/tmp/hookd-sandbox"), EXDEV);
	script_sandbox_free(s);
}

static void changes_beside_secrets_are_noticed(void **state)
{
	struct script_sandbox *s;

	(void)state;
	SKIP_UNLESS_ROOT;
	s = make(at(1, "secret"), at(2, "credentials"));
	for (int round = 0; round < 3; round++) {
		make_file("new");
		assert_int_equal(in_sandbox(s, to_read, at(0, "new"), NULL), 0);
		make_file("credentials/b");
		assert_int_equal(in_sandbox(s, to_read, at(0, "credentials/b"), NULL), EACCES);
		/* a secret that is replaced stays protected */
		assert_int_equal(rename(at(0, "new"), at(1, "secret")), 0);
		assert_int_equal(in_sandbox(s, to_read, at(0, "secret"), NULL), EACCES);
		assert_int_equal(unlink(at(0, "credentials/b")), 0);
	}
	/* a secret that is removed and made again */
	assert_int_equal(unlink(at(0, "secret")), 0);
	assert_int_equal(in_sandbox(s, to_read, at(0, "secret"), NULL), ENOENT);
	make_file("secret");
	assert_int_equal(in_sandbox(s, to_read, at(0, "secret"), NULL), EACCES);
	script_sandbox_free(s);
}

static void a_link_to_a_secret_does_not_help(void **state)
{
	struct script_sandbox *s;

	(void)state;
	SKIP_UNLESS_ROOT;
	assert_int_equal(symlink(at(0, "secret"), at(1, "link")), 0);
	s = make(at(1, "link"), NULL);
	assert_int_equal(in_sandbox(s, to_read, at(0, "link"), NULL), EACCES);
	assert_int_equal(in_sandbox(s, to_read, at(0, "secret"), NULL), EACCES);
	assert_int_equal(in_sandbox(s, to_read, at(0, "credentials/a"), NULL), 0);
	script_sandbox_free(s);
}

/* Scripts may create files in such a directory, and must be able to read them. */
static void nothing_is_protected_where_others_can_write(void **state)
{
	struct script_sandbox *s;

	(void)state;
	SKIP_UNLESS_ROOT;
	assert_int_equal(mkdir(at(0, "writable"), 0700), 0);
	assert_int_equal(chmod(at(0, "writable"), 0777), 0);
	make_file("writable/secret");
	s = make(at(1, "writable/secret"), at(2, "secret"));
	assert_int_equal(in_sandbox(s, to_read, at(0, "writable/secret"), NULL), 0);
	assert_int_equal(in_sandbox(s, to_read, at(0, "secret"), NULL), EACCES);
	script_sandbox_free(s);
	s = make(at(1, "writable/secret"), NULL); /* a sandbox that protects nothing */
	assert_int_equal(in_sandbox(s, to_read, at(0, "secret"), NULL), 0);
	script_sandbox_free(s);
}

static void without_a_sandbox_there_is_no_ruleset(void **state)
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
		TEST(secrets_cannot_be_read_but_everything_beside_them_can),
		TEST(changes_beside_secrets_are_noticed),
		TEST(a_link_to_a_secret_does_not_help),
		TEST(nothing_is_protected_where_others_can_write),
		cmocka_unit_test(without_a_sandbox_there_is_no_ruleset),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
