/* Bad configs: each directory of tests/conf is refused with exactly its messages. */
#include "base/buf.h"
#include "conf/conf.h"
#include "conf/keys.h"

#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <limits.h>
#include <pwd.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define CASES_MAX 300

static char scratch[] = "/tmp/hookd-conf-XXXXXX";

/* The environment that the bad configs refer to. */
static void set_environment(void)
{
	setenv("TEST_SECRET", "first secret of the tests", 1);
	setenv("TEST_OLD_SECRET", "second secret of the tests", 1);
	setenv("TEST_SANDBOX", "wh_sandbox_abcdef", 1);
	setenv("TEST_LIVE", "wh_live_abcdef", 1);
	setenv("TEST_API_KEY", "sk_live_abcdef", 1);
	setenv("TEST_PUBLIC_KEY", "pk_live_abcdef", 1);
	setenv("TEST_EMPTY", "", 1);
	setenv("TEST_SPACE", " secret", 1);
	setenv("TEST_LEAK", "must not be seen", 1);
	setenv("TEST_PORT", "8081", 1);
	unsetenv("TEST_UNSET");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static char *read_whole(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	struct buf b = {0};
	char chunk[4096];
	size_t n;

	if (f == NULL)
		return NULL;
	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(&b, chunk, n);
	fclose(f);
	if (len != NULL)
		*len = b.len;
	return buf_take(&b);
}

static void write_file(const char *path, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

/* A case's file by its name: git keeps no modes, and the modes matter. */
static mode_t mode_of(const char *name)
{
	size_t len = strlen(name);

	if (len > 3 && strcmp(name + len - 3, ".sh") == 0)
		return 0755;
	return strncmp(name, "open", 4) == 0 ? 0644 : 0600;
}

static void copy_case(const char *from, const char *to)
{
	DIR *dir = opendir(from);
	struct dirent *entry;

	assert_non_null(dir);
	assert_int_equal(mkdir(to, 0755), 0);
	while ((entry = readdir(dir)) != NULL) {
		char source[PATH_MAX], target[PATH_MAX];
		char *bytes;
		size_t len;

		if (entry->d_name[0] == '.')
			continue;
		assert_in_range(snprintf(source, sizeof(source), "%s/%s", from, entry->d_name), 1,
			sizeof(source) - 1);
		assert_in_range(snprintf(target, sizeof(target), "%s/%s", to, entry->d_name), 1,
			sizeof(target) - 1);
		bytes = read_whole(source, &len);
		assert_non_null(bytes);
		write_file(target, bytes, len, mode_of(entry->d_name));
		free(bytes);
	}
	closedir(dir);
}

/* Replaces `from`, which differs between machines, with `to`. */
static char *replace(char *text, const char *from, const char *to)
{
	struct buf b = {0};
	const char *at = text, *hit;

	while ((hit = strstr(at, from)) != NULL) {
		buf_add(&b, at, (size_t)(hit - at));
		buf_add_text(&b, to);
		at = hit + strlen(from);
	}
	buf_add_text(&b, at);
	free(text);
	return buf_take(&b);
}

/* tests/conf/NAME: the config is refused with exactly the text of `expected`,
 * in which FILE is the config's path and DIR its directory. HOOKD_ACCEPT=1
 * writes `expected` again; read the difference before you commit it. */
static void test_bad_config(void **state)
{
	const char *name = *state;
	char from[PATH_MAX], dir[PATH_MAX], file[PATH_MAX + 16], expected_file[PATH_MAX];
	struct buf errors = {0};
	struct conf *conf;
	char *found, *expected;

	set_environment();
	snprintf(from, sizeof(from), "tests/conf/%s", name);
	snprintf(dir, sizeof(dir), "%s/%s", scratch, name);
	snprintf(file, sizeof(file), "%s/hookd.yaml", dir);
	snprintf(expected_file, sizeof(expected_file), "tests/conf/%s/expected", name);
	copy_case(from, dir);
	conf = conf_load(file, &errors);
	assert_null(conf);
	found = replace(replace(buf_take(&errors), file, "FILE"), dir, "DIR");
	assert_null(strstr(found, "first secret"));
	assert_null(strstr(found, "plainsecret"));
	assert_null(strstr(found, "abcdef"));
	assert_null(strstr(found, "must not be seen"));
	if (getenv("HOOKD_ACCEPT") != NULL)
		write_file(expected_file, found, strlen(found), 0644);
	expected = read_whole(expected_file, NULL);
	assert_non_null(expected);
	assert_string_equal(found, expected);
	free(found);
	free(expected);
}

static void test_missing_file(void **state)
{
	struct buf errors = {0};

	(void)state;
	assert_null(conf_load("/nonexistent/hookd.yaml", &errors));
	assert_string_equal(errors.data,
		"/nonexistent/hookd.yaml: cannot be read: No such file or directory\n");
	buf_clear(&errors);
	assert_null(conf_load("/dev/zero", &errors));
	assert_string_equal(errors.data, "/dev/zero: cannot be read: not a regular file\n");
	buf_clear(&errors);
	assert_null(conf_load("/etc", &errors));
	assert_string_equal(errors.data, "/etc: cannot be read: not a regular file\n");
	buf_free(&errors);
}

/* Must neither hang nor be read. */
static void test_fifo(void **state)
{
	char path[PATH_MAX], expected[PATH_MAX + 64];
	struct buf errors = {0};

	(void)state;
	snprintf(path, sizeof(path), "%s/fifo", scratch);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(conf_load(path, &errors));
	snprintf(expected, sizeof(expected), "%s: cannot be read: not a regular file\n", path);
	assert_string_equal(errors.data, expected);
	buf_free(&errors);
}

static void test_large_file(void **state)
{
	const size_t len = 1024 * 1024 + 1;
	char path[PATH_MAX], *bytes = malloc(len);
	struct buf errors = {0};

	(void)state;
	assert_non_null(bytes);
	memset(bytes, '#', len);
	snprintf(path, sizeof(path), "%s/large.yaml", scratch);
	write_file(path, bytes, len, 0600);
	assert_null(conf_load(path, &errors));
	assert_non_null(strstr(errors.data, "cannot be read: larger than 1MiB"));
	buf_clear(&errors);
	write_file(path, bytes, len - 1, 0600);
	assert_null(conf_load(path, &errors));
	assert_non_null(strstr(errors.data, "is empty"));
	buf_free(&errors);
	free(bytes);
}

/* Runs in a process of its own that is not root: only root may name another user. */
static int load_as_nobody(void)
{
	static const char text[] =
		"sources:\n"
		"  - {name: a, path: /a, scheme: fedapay, secrets: [{env: TEST_SECRET}]}\n"
		"hooks:\n"
		"  - {name: h, source: a, on: '*', run: [/bin/true], user: root}\n";
	static const char expected[] = "/etc/x.yaml:4:59: hooks[1] \"h\": user: \"root\": expected "
				       "hookd's own user, since "
				       "only root can run as another\n";
	const struct passwd *nobody = getpwnam("nobody");
	struct buf errors = {0};

	if (geteuid() == 0 && (nobody == NULL || setgroups(0, NULL) < 0 ||
				      setgid(nobody->pw_gid) < 0 || setuid(nobody->pw_uid) < 0))
		return 2;
	if (conf_parse("/etc/x.yaml", text, strlen(text), &errors) != NULL)
		return 3;
	if (strcmp(errors.data, expected) != 0) {
		fprintf(stderr, "%s", errors.data);
		return 4;
	}
	buf_free(&errors);
	return 0;
}

static void test_user_without_root(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	set_environment();
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(load_as_nobody());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(scratch) != NULL && sodium_init() >= 0 ? 0 : -1;
}

static int tear_down(void **state)
{
	char command[PATH_MAX];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf '%s'", scratch);
	return system(command);
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int is_case(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(void)
{
	static const struct CMUnitTest others[] = {
		cmocka_unit_test(test_missing_file),
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_large_file),
		cmocka_unit_test(test_user_without_root),
	};
	const size_t other_count = sizeof(others) / sizeof(others[0]);
	struct CMUnitTest tests[CASES_MAX] = {{0}};
	struct dirent **cases;
	size_t count = other_count;
	int found = scandir("tests/conf", &cases, is_case, by_name), failed;

	if (found < 36 || (size_t)found > CASES_MAX - other_count) {
		fprintf(stderr,
			"tests/conf: %d cases: expected 36 or more, and the repository's "
			"root as the working directory\n",
			found);
		return 1;
	}
	memcpy(tests, others, sizeof(others));
	for (int i = 0; i < found; i++)
		tests[count++] = (struct CMUnitTest){.name = cases[i]->d_name,
			.test_func = test_bad_config,
			.initial_state = cases[i]->d_name};
	failed = _cmocka_run_group_tests("conf", tests, count, set_up, tear_down);
	for (int i = 0; i < found; i++)
		free(cases[i]);
	free(cases);
	return failed;
}
