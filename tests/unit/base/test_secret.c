/* Secrets from files, credentials and the environment. */
#include "base/secret.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/hookd-secret-XXXXXX";
static char path[64];

static void write_file(const void *bytes, size_t len, mode_t mode)
{
	(void)unlink(path);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(bytes, 1, len, file), len);
	(void)fclose(file);
	assert_int_equal(chmod(path, mode), 0);
}

static void check_good(enum secret_origin origin, const char *name, const char *expected)
{
	char why[SECRET_WHY] = "";
	struct secret *s = secret_load(origin, name, why);

	if (s == NULL)
		fail_msg("%s: %s", name, why);
	assert_int_equal(secret_len(s), strlen(expected));
	assert_memory_equal(secret_bytes(s), expected, strlen(expected));
	secret_free(s);
}

/* The reason names where it came from, and never shows a part of it. */
static void check_bad(enum secret_origin origin, const char *name, const char *reason)
{
	char why[SECRET_WHY] = "";

	assert_null(secret_load(origin, name, why));
	if (strstr(why, reason) == NULL)
		fail_msg("\"%s\" does not say \"%s\"", why, reason);
	assert_null(strstr(why, "wh_"));
}

static void files(void **state)
{
	(void)state;
	char large[SECRET_MAX + 1];

	write_file("wh_live_1", 9, 0600);
	check_good(SECRET_FILE, path, "wh_live_1");
	write_file("wh_live_1\n", 10, 0640);
	check_good(SECRET_FILE, path, "wh_live_1");
	write_file("wh live", 7, 0400);
	check_good(SECRET_FILE, path, "wh live");
	write_file("", 0, 0600);
	check_bad(SECRET_FILE, path, "empty");
	write_file("\n", 1, 0600);
	check_bad(SECRET_FILE, path, "empty");
	write_file("wh_live_1\n\n", 11, 0600);
	check_bad(SECRET_FILE, path, "white space");
	write_file(" wh_live_1", 10, 0600);
	check_bad(SECRET_FILE, path, "white space");
	write_file("wh_live_1\t", 10, 0600);
	check_bad(SECRET_FILE, path, "white space");
	write_file("wh_\0live", 8, 0600);
	check_bad(SECRET_FILE, path, "NUL");
	static const struct {
		const char *text, *reason;
	} copied[] = {{"\xef\xbb\xbfwh_live_1\n", "byte order mark"},
		{"wh_live_1\xc2\xa0", "invisible"}, {"\xe2\x80\x8bwh_live_1", "invisible"},
		{"wh_live\xe2\x80\xaf_1", "invisible"}, {"wh_live_1\xef\xbb\xbf", "invisible"},
		{"wh_live_1\xc2\xad", "invisible"},
		{"wh_live_1\nwh_live_2\n", "more than one line"},
		{"# FedaPay\nwh_live_1", "more than one line"}, {"wh_live\t1", "control"},
		{"\"wh_live_1\"", "in quotes"}, {"'wh_live_1'\n", "in quotes"},
		{"\xc2\xabwh_live_1\xc2\xbb", "in quotes"},
		{"FEDAPAY_SECRET=wh_live_1\n", "NAME=VALUE"},
		{"export SECRET=wh_live_1", "NAME=VALUE"}, {NULL, NULL}};
	for (size_t i = 0; copied[i].reason != NULL; i++) {
		write_file(copied[i].text, strlen(copied[i].text), 0600);
		check_bad(SECRET_FILE, path, copied[i].reason);
	}
	static const char *const fine[] = {"correct horse battery", "ABCDEFGH==", "a_b=c", "it's",
		"pass\"word", "mot de passe \xc3\xa9"};
	for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
		write_file(fine[i], strlen(fine[i]), 0600);
		check_good(SECRET_FILE, path, fine[i]);
	}
	memset(large, 'w', sizeof(large));
	write_file(large, SECRET_MAX, 0600);
	char why[SECRET_WHY];
	struct secret *s = secret_load(SECRET_FILE, path, why);
	assert_non_null(s);
	assert_int_equal(secret_len(s), SECRET_MAX);
	secret_free(s);
	write_file(large, sizeof(large), 0600);
	check_bad(SECRET_FILE, path, path);
	static const mode_t open_to_others[] = {0604, 0602, 0601, 0644, 0666};
	for (size_t i = 0; i < sizeof(open_to_others) / sizeof(open_to_others[0]); i++) {
		write_file("wh_live_1", 9, open_to_others[i]);
		check_bad(SECRET_FILE, path, path);
	}
	(void)unlink(path);
	check_bad(SECRET_FILE, path, "No such file");
	assert_int_equal(mkfifo(path, 0600), 0); /* without a writer: it must not wait */
	check_bad(SECRET_FILE, path, "regular");
	check_bad(SECRET_FILE, dir, dir);
}

static void credentials(void **state)
{
	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	check_bad(SECRET_CREDENTIAL, "s", "LoadCredential");
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	write_file("wh_live_1\n", 10, 0400);
	check_good(SECRET_CREDENTIAL, "s", "wh_live_1");
	check_bad(SECRET_CREDENTIAL, "missing", "missing");
	check_bad(SECRET_CREDENTIAL, "../s", "../s");
	check_bad(SECRET_CREDENTIAL, "..", "..");
	check_bad(SECRET_CREDENTIAL, "", "credential");
	unsetenv("CREDENTIALS_DIRECTORY");
}

static void environment(void **state)
{
	(void)state;
	setenv("TEST_SECRET", "wh_live_1", 1);
	check_good(SECRET_ENV, "TEST_SECRET", "wh_live_1");
	setenv("TEST_SECRET", "wh_live_1\n", 1);
	check_bad(SECRET_ENV, "TEST_SECRET", "white space");
	setenv("TEST_SECRET", "", 1);
	check_bad(SECRET_ENV, "TEST_SECRET", "empty");
	unsetenv("TEST_SECRET");
	check_bad(SECRET_ENV, "TEST_SECRET", "TEST_SECRET");
}

static void prefixes(void **state)
{
	(void)state;
	struct secret *s = secret_new("wh_live_1", 9);

	assert_non_null(s);
	assert_true(secret_starts_with(s, "wh_live_"));
	assert_false(secret_starts_with(s, "wh_sandbox_"));
	assert_false(secret_starts_with(s, "wh_live_12"));
	secret_free(s);
	secret_free(NULL);
}

static int tear_down(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(credentials),
		cmocka_unit_test(environment),
		cmocka_unit_test(prefixes),
	};
	if (sodium_init() < 0 || mkdtemp(dir) == NULL)
		return 1;
	(void)snprintf(path, sizeof(path), "%s/s", dir);
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
