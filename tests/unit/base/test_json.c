/* JSON that is read and written again: digits, characters, bounds, and where it is wrong. */
#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static json_t *read_text(const char *text)
{
	json_t *json;

	assert_true(json_read(text, strlen(text), NULL, &json, NULL));
	return json;
}

static void assert_written(const char *text, size_t flags, const char *expected)
{
	json_t *json = read_text(text);
	char *written;

	if (json == NULL)
		fail_msg("not JSON: %s", text);
	written = json_text(json, flags);
	assert_non_null(written);
	assert_string_equal(written, expected);
	free(written);
	json_decref(json);
}

static void numbers_keep_their_digits(void **state)
{
	static const char *const numbers[] = {"0", "-0", "7", "-7", "1.10", "12.00", "-0.0",
		"1e400", "-1E-400", "1e+2", "9223372036854775807", "-9223372036854775808",
		"9223372036854775808", "-9223372036854775809", "12345678901234567890",
		"0.1000000000000000055511151231257827021181583404541015625"};

	(void)state;
	for (size_t i = 0; i < COUNT(numbers); i++) {
		json_t *json = read_text(numbers[i]);
		char room[JSON_NUMBER];

		assert_true(json_is_number(json));
		assert_string_equal(json_number_text(json, room), numbers[i]);
		json_decref(json);
		assert_written(numbers[i], 0, numbers[i]);
	}
}

static void integers_and_reals(void **state)
{
	json_t *json = read_text("[9223372036854775807,-9223372036854775808,1.5,1e999,-1e999]");

	(void)state;
	assert_int_equal(json_integer_value(json_array_get(json, 0)), INT64_MAX);
	assert_int_equal(json_integer_value(json_array_get(json, 1)), INT64_MIN);
	assert_true(json_real_value(json_array_get(json, 2)) == 1.5);
	assert_true(json_real_value(json_array_get(json, 3)) > 1e308);
	assert_true(json_real_value(json_array_get(json, 4)) < -1e308);
	json_decref(json);
}

static void a_real_that_was_not_read(void **state)
{
	json_t *json = json_real(0.1), *copy = json_copy(json);
	char room[JSON_NUMBER];

	(void)state;
	assert_true(strtod(json_number_text(copy, room), NULL) == 0.1);
	json_decref(json);
	json_decref(copy);
}

static void many_digits(void **state)
{
	char *text = malloc(100001);
	json_t *json;

	(void)state;
	assert_non_null(text);
	memset(text, '7', 100000);
	text[100000] = '\0';
	json = read_text(text);
	char *written = json_text(json, 0);
	assert_string_equal(written, text);
	free(written);
	free(text);
	json_decref(json);
}

static void texts(void **state)
{
	(void)state;
	assert_written("\"\\u00e9\\ud83d\\ude00/\\/\\b\\f\\n\\r\\t\\u001b\\\"\\\\\"", JSON_COMPACT,
		"\"\xc3\xa9\xf0\x9f\x98\x80//\\b\\f\\n\\r\\t\\u001b\\\"\\\\\"");
	assert_written("\"\xc3\xa9\xf0\x9f\x98\x80/\"", JSON_ENSURE_ASCII | JSON_ESCAPE_SLASH,
		"\"\\u00e9\\ud83d\\ude00\\/\"");
	assert_written("\"\\uD83D\\uDe00\\udbff\\udfff\\ud800\\udc00\"", JSON_ENSURE_ASCII,
		"\"\\ud83d\\ude00\\udbff\\udfff\\ud800\\udc00\"");
	assert_written("\"\\ud83d\\n\\udc00\\ud83d\\ud83d\\ude00\"", JSON_ENSURE_ASCII,
		"\"\\ufffd\\n\\ufffd\\ufffd\\ud83d\\ude00\"");
	assert_written("\"a\\u0000b\"", 0, "\"a\\u0000b\"");
	assert_written("{\"a\\u0000\":1,\"\":{},\"\\u00e9\":[ ]}", 0,
		"{\"a\xef\xbf\xbd\": 1, \"\": {}, \"\xc3\xa9\": []}");
}

static void names_that_occur_twice(void **state)
{
	static const struct json_rules strict = {100, true};
	static const char text[] = "{\"a\":1,\"b\":2,\"a\":{\"a\":3}}", nul[] = "\"\\u0000\"";
	struct json_wrong wrong;
	json_t *json;

	(void)state;
	assert_written(text, JSON_COMPACT, "{\"a\":{\"a\":3},\"b\":2}");
	assert_true(json_read(text, strlen(text), &strict, &json, &wrong));
	assert_null(json);
	assert_string_equal(wrong.what, "a name that the object has already");
	assert_true(json_read(nul, strlen(nul), &strict, &json, &wrong));
	assert_null(json);
	assert_string_equal(wrong.what, "a NUL in a text");
}

static void values_have_a_bound(void **state)
{
	static const struct json_rules four = {4, false};
	static const char fits[] = "[1,{\"a\":2},3]", more[] = "[1,{\"a\":2},\n3,4]";
	struct json_wrong wrong;
	json_t *json;

	(void)state;
	assert_true(json_read(fits, strlen(fits), &four, &json, &wrong));
	assert_null(json);
	static const struct json_rules five = {5, false};
	assert_true(json_read(fits, strlen(fits), &five, &json, &wrong));
	assert_non_null(json);
	json_decref(json);
	assert_true(json_read(more, strlen(more), &five, &json, &wrong));
	assert_null(json);
	assert_string_equal(wrong.what, "too many values");
	assert_int_equal(wrong.line, 2);
	assert_int_equal(wrong.column, 3);
}

static void what_is_wrong(void **state)
{
	static const struct {
		const char *text;
		size_t line, column;
		const char *what;
	} rows[] = {
		{"", 1, 1, "it ends where a value is expected"},
		{"\xef\xbb\xbf ", 1, 2, "it ends where a value is expected"},
		{"[1,\n  2,\n  x]", 3, 3, "expected a value"},
		{"{\"a\":1,}", 1, 8, "expected a name in double quotes"},
		{"{'a':1}", 1, 2, "expected a name in double quotes"},
		{"{\"a\" 1}", 1, 6, "expected a colon after the name"},
		{"{\"a\":1 \"b\":2}", 1, 8, "expected , or }"},
		{"[1 2]", 1, 4, "expected , or ]"},
		{"[1,]", 1, 4, "expected a value"},
		{"[1", 1, 3, "it ends inside an object or a list"},
		{"{\"a\":", 1, 6, "it ends where a value is expected"},
		{"\"a", 1, 3, "it ends inside a string"},
		{"\"\xc3\xa9\xe9\"", 1, 3, "a byte that is not UTF-8"},
		{"\"a\nb\"", 1, 3, "a control character in a string"},
		{"\"\\x\"", 1, 2, "expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX"},
		{"\"\\u12g4\"", 1, 2, "expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX"},
		{"01", 1, 2, "a number with a leading zero"},
		{"-", 1, 2, "expected a digit"},
		{"1.", 1, 3, "expected a digit"},
		{"1e+", 1, 4, "expected a digit"},
		{"+1", 1, 1, "expected a value"},
		{"NaN", 1, 1, "expected a value"},
		{"nul", 1, 1, "expected a value"},
		{"nullx", 1, 5, "something behind the value"},
		{"{} {}", 1, 4, "something behind the value"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct json_wrong wrong = {0};
		json_t *json;

		assert_true(json_read(rows[i].text, strlen(rows[i].text), NULL, &json, &wrong));
		assert_null(json);
		if (wrong.line != rows[i].line || wrong.column != rows[i].column ||
			strcmp(wrong.what, rows[i].what) != 0)
			fail_msg("%s: %zu:%zu: %s", rows[i].text, wrong.line, wrong.column,
				wrong.what);
	}
}

static void numbers_as_another_program_writes_them(void **state)
{
	(void)state;
	assert_written(
		"[1.10,12.00,5,0.1]", JSON_COMPACT | JSON_REAL_PRECISION(15), "[1.1,12.0,5,0.1]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_keep_their_digits),
		cmocka_unit_test(integers_and_reals),
		cmocka_unit_test(a_real_that_was_not_read),
		cmocka_unit_test(many_digits),
		cmocka_unit_test(texts),
		cmocka_unit_test(names_that_occur_twice),
		cmocka_unit_test(values_have_a_bound),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(numbers_as_another_program_writes_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
