/* The curl command, as a shell reads it. */
#include "hookctl/curl_command.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How a shell reads one word. */
static void assert_word(const char *text, size_t len)
{
	struct buf command = {0};
	char got[512];
	FILE *shell;
	size_t n;

	buf_add_text(&command, "printf %s ");
	curl_command_quote(&command, text, len);
	assert_true(buf_ok(&command));
	shell = popen(command.data, "r");
	assert_non_null(shell);
	n = fread(got, 1, sizeof(got), shell);
	assert_int_equal(pclose(shell), 0);
	assert_int_equal(n, len);
	assert_memory_equal(got, text, len);
	buf_free(&command);
}

static void words_reach_the_command_unchanged(void **state)
{
	static const char *const words[] = {"plain", "it's", "''", "a b", "$HOME `id` $(id)",
		"back\\slash\\", "line\nbreak\n", "tail \t\r\n", "\"q\" !x * ? [a] ~ # ; & | < >",
		"\xc3\xa9\xff\x01", "{\"a\":\"N'Guessan\"}"};

	(void)state;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_word(words[i], strlen(words[i]));
	assert_word("", 0);
}

/* Runs the command with a curl that prints its arguments, each followed by a NUL. */
static size_t run_curl(const struct curl_command *c, char *got, size_t room)
{
	struct buf command = {0};
	FILE *shell;
	size_t n;

	buf_add_text(&command, "curl() { printf '%s\\0' \"$@\"; }\n");
	curl_command_write(c, &command);
	assert_true(buf_ok(&command));
	shell = popen(command.data, "r");
	assert_non_null(shell);
	n = fread(got, 1, room, shell);
	assert_int_equal(pclose(shell), 0);
	buf_free(&command);
	return n;
}

static void curl_gets_all_arguments(void **state)
{
	const char *const headers[] = {"Content-Type: application/json", "X-S: t=1,s=a'b", NULL};
	struct curl_command c = {.url = "http://localhost/a?b=c&d",
		.unix_path = "/run/h d/s",
		.headers = headers,
		.insecure = true,
		.no_proxy = true,
		.body = "@body'\n",
		.body_len = 7};
	static const char want[] = "-sS\0-i\0http://localhost/a?b=c&d\0--unix-socket\0/run/h d/s\0"
				   "--insecure\0--noproxy\0*\0-H\0Content-Type: application/json\0"
				   "-H\0X-S: t=1,s=a'b\0--data-raw\0@body'\n";
	char got[1024];

	(void)state;
	assert_int_equal(run_curl(&c, got, sizeof(got)), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
}

static void a_file_is_named_not_copied(void **state)
{
	const char *const headers[] = {NULL};
	struct curl_command c = {.url = "http://h/", .headers = headers, .file = "my body.json"};
	static const char want[] = "-sS\0-i\0http://h/\0--data-binary\0@my body.json";
	char got[256];

	(void)state;
	assert_int_equal(run_curl(&c, got, sizeof(got)), sizeof(want));
	assert_memory_equal(got, want, sizeof(want));
}

static void not_every_body_is_an_argument(void **state)
{
	char *large = calloc(1, 200000);

	(void)state;
	assert_non_null(large);
	memset(large, 'x', 200000);
	assert_true(curl_command_fits("", 0));
	assert_true(curl_command_fits("abc", 3));
	assert_false(curl_command_fits("a\0c", 3));
	assert_false(curl_command_fits(large, 200000));
	free(large);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_reach_the_command_unchanged),
		cmocka_unit_test(curl_gets_all_arguments),
		cmocka_unit_test(a_file_is_named_not_copied),
		cmocka_unit_test(not_every_body_is_an_argument),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
