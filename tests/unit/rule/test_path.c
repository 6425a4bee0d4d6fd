/* Paths: their steps, their errors, the values they find. */
#include "rule/path.h"

#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static struct path *parse(const char *text)
{
	struct fault fault = {0};
	struct path *p = path_parse(text, strlen(text), &fault);

	if (p == NULL)
		fail_msg("%s: %s", text, fault.what);
	assert_string_equal(path_text(p), text);
	return p;
}

static void steps_of_good_paths(void **state)
{
	static const struct {
		const char *text;
		const char *steps[4]; /* up to the first NULL */
	} rows[] = {
		{"a", {"a"}},
		{"entity.customer.email", {"entity", "customer", "email"}},
		{"items.0.sku", {"items", "0", "sku"}},
		{"A_-$@:/9", {"A_-$@:/9"}},
		{"été.日本", {"été", "日本"}},
		{"a\xff\x80.b", {"a\xff\x80", "b"}},
		{"\"a b\"", {"a b"}},
		{"a.\"b.c\".d", {"a", "b.c", "d"}},
		{"\"\"", {""}},
		{"\"a\".\"\".b", {"a", "", "b"}},
		{"\"say \\\"hi\\\"\"", {"say \"hi\""}},
		{"\"back\\\\slash\"", {"back\\slash"}},
		{"\"\\\\\".x", {"\\", "x"}},
		{"\"\\\"\"", {"\""}},
		{"\"a\tb\n\"", {"a\tb\n"}},
		{"\"{{x | y}}\"", {"{{x | y}}"}},
		{"all.any.not", {"all", "any", "not"}},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct path *p = parse(rows[i].text);
		size_t n = 0;

		while (n < COUNT(rows[i].steps) && rows[i].steps[n] != NULL)
			n++;
		assert_int_equal(path_count(p), n);
		for (size_t k = 0; k < n; k++)
			assert_string_equal(path_step(p, k), rows[i].steps[k]);
		path_free(p);
	}
}

static void faults_of_bad_paths(void **state)
{
	static const struct {
		const char *text;
		size_t at;
		const char *what; /* its beginning */
	} rows[] = {
		{"", 0, "has an empty step"},
		{".", 0, "has an empty step"},
		{".a", 0, "has an empty step"},
		{"a.", 2, "has an empty step"},
		{"a..b", 2, "has an empty step"},
		{"a.b..", 4, "has an empty step"},
		{" a", 0, "has a character that is not allowed in a step"},
		{"a b", 1, "has a character that is not allowed in a step"},
		{"a ", 1, "has a character that is not allowed in a step"},
		{"a[0]", 1, "has a character that is not allowed in a step"},
		{"a.[0]", 2, "has a character that is not allowed in a step"},
		{"a.*", 2, "has a character that is not allowed in a step"},
		{"a.b\n", 3, "has a character that is not allowed in a step"},
		{"a|b", 1, "has a character that is not allowed in a step"},
		{"a\\b", 1, "has a character that is not allowed in a step"},
		{"a\x7f", 1, "has a character that is not allowed in a step"},
		{"\"a", 0, "has an unclosed \""},
		{"x.\"a", 2, "has an unclosed \""},
		{"\"", 0, "has an unclosed \""},
		{"\"a\\\"", 0, "has an unclosed \""},
		{"\"a\\n\"", 2, "has a \\ before something other than"},
		{"\"a\\u0041\"", 2, "has a \\ before something other than"},
		{"\"a\\", 2, "has a \\ before something other than"},
		{"\"a\"b", 3, "has no dot between two steps"},
		{"\"a\"\"b\"", 3, "has no dot between two steps"},
		{"a\"b\"", 1, "has no dot between two steps"},
		{"\"a\".", 4, "has an empty step"},
		{"'a'", 0, "has a character that is not allowed in a step"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct fault fault = {.at = SIZE_MAX};

		if (path_parse(rows[i].text, strlen(rows[i].text), &fault) != NULL)
			fail_msg("%s was taken", rows[i].text);
		if (fault.at != rows[i].at ||
			strncmp(fault.what, rows[i].what, strlen(rows[i].what)) != 0)
			fail_msg("%s: %zu: %s", rows[i].text, fault.at, fault.what);
		assert_null(strchr(fault.what, '\n'));
	}
}

/* The text need not end where len says. */
static void only_len_bytes_are_read(void **state)
{
	struct fault fault;
	struct path *p = path_parse("a.b }}", 3, &fault);

	(void)state;
	assert_non_null(p);
	assert_string_equal(path_text(p), "a.b");
	assert_int_equal(path_count(p), 2);
	path_free(p);
	assert_null(path_parse("\"a\" }}", 2, &fault));
	assert_int_equal(fault.at, 0);
	assert_null(path_parse("\"a\\\"\"", 3, &fault));
	assert_int_equal(fault.at, 2);
}

static void a_path_has_no_nul(void **state)
{
	struct fault fault = {0};

	(void)state;
	assert_null(path_parse("a\0b", 3, &fault));
	assert_true(strlen(fault.what) > 0);
	assert_null(path_parse("\"a\0b\"", 5, &fault));
	assert_null(path_parse("a\0", 2, &fault));
}

static void limits(void **state)
{
	struct buf text = {0};
	char longest[PATH_TEXT + 2];
	struct fault fault = {0};
	struct path *p;

	(void)state;
	buf_add_text(&text, "a");
	for (int i = 1; i < PATH_STEPS; i++)
		buf_add_text(&text, ".\"b\"");
	p = path_parse(text.data, text.len, &fault);
	assert_non_null(p);
	assert_int_equal(path_count(p), PATH_STEPS);
	path_free(p);
	buf_add_text(&text, ".c");
	assert_null(path_parse(text.data, text.len, &fault));
	assert_int_equal(fault.at, text.len - 1);
	assert_string_equal(fault.what, "has more than 16 steps");
	buf_free(&text);

	memset(longest, 'x', sizeof(longest));
	p = path_parse(longest, PATH_TEXT, &fault);
	assert_non_null(p);
	assert_int_equal(strlen(path_step(p, 0)), PATH_TEXT);
	path_free(p);
	assert_null(path_parse(longest, PATH_TEXT + 1, &fault));
	assert_non_null(strstr(fault.what, "at most 256 bytes"));

	longest[0] = longest[PATH_TEXT - 1] = '"';
	p = path_parse(longest, PATH_TEXT, &fault);
	assert_non_null(p);
	assert_int_equal(strlen(path_step(p, 0)), PATH_TEXT - 2);
	path_free(p);
}

/* The value found is written as JSON; NULL: none. */
static void values_found(void **state)
{
	static const char body[] =
		"{\"a\":{\"b\":{\"c\":1}},\"n\":null,\"l\":[10,[20,21],{\"x\":30}],\"o\":{\"0\":"
		"40,\"01\":41,\"-1\":42},\"e\":[],\"\":50,\"b c\":{\"d.e\":60},\"q\\\"\\\\\":70,"
		"\"t\":\"text\",\"f\":false,\"\xc3\xa9\":80,\"a.b\":90}";
	static const struct {
		const char *path, *found;
	} rows[] = {
		{"a.b.c", "1"},
		{"a.b", "{\"c\": 1}"},
		{"a.b.c.d", NULL},
		{"a.x.c", NULL},
		{"A", NULL},
		{"n", "null"},
		{"n.x", NULL},
		{"f", "false"},
		{"f.x", NULL},
		{"t", "\"text\""},
		{"t.0", NULL},
		{"t.length", NULL},
		{"l.0", "10"},
		{"l.1.1", "21"},
		{"l.2.x", "30"},
		{"l.\"0\"", "10"},
		{"l.3", NULL},
		{"l.00", NULL},
		{"l.01", NULL},
		{"l.-1", NULL},
		{"l.-0", NULL},
		{"l.x", NULL},
		{"l.\"\"", NULL},
		{"l.\" 0\"", NULL},
		{"l.\"+0\"", NULL},
		{"l.0x0", NULL},
		{"l.1e0", NULL},
		{"l.4294967296", NULL},
		{"l.18446744073709551615", NULL},
		{"l.18446744073709551616", NULL},
		{"l.99999999999999999999999999999999999999", NULL},
		{"e.0", NULL},
		{"o.0", "40"},
		{"o.01", "41"},
		{"o.-1", "42"},
		{"o.1", NULL},
		{"\"\"", "50"},
		{"\"b c\".\"d.e\"", "60"},
		{"\"b c\".d.e", NULL},
		{"\"q\\\"\\\\\"", "70"},
		{"é", "80"},
		{"\"é\"", "80"},
		{"\"a.b\"", "90"},
	};
	json_t *root = json_loads(body, 0, NULL);

	(void)state;
	assert_non_null(root);
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct path *p = parse(rows[i].path);
		const json_t *found = path_find(p, root);
		char *text = found != NULL ? json_dumps(found, JSON_ENCODE_ANY) : NULL;

		if ((text == NULL) != (rows[i].found == NULL))
			fail_msg("%s: %s", rows[i].path, text != NULL ? text : "nothing");
		if (text != NULL)
			assert_string_equal(text, rows[i].found);
		free(text);
		path_free(p);
	}
	json_decref(root);
}

static void a_root_that_is_not_an_object(void **state)
{
	struct path *p = parse("0"), *q = parse("a");
	json_t *list = json_pack("[s]", "x"), *text = json_string("x");

	(void)state;
	assert_string_equal(json_string_value(path_find(p, list)), "x");
	assert_null(path_find(q, list));
	assert_null(path_find(p, text));
	assert_null(path_find(p, NULL));
	json_decref(list);
	json_decref(text);
	path_free(p);
	path_free(q);
	path_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_of_good_paths),
		cmocka_unit_test(faults_of_bad_paths),
		cmocka_unit_test(only_len_bytes_are_read),
		cmocka_unit_test(a_path_has_no_nul),
		cmocka_unit_test(limits),
		cmocka_unit_test(values_found),
		cmocka_unit_test(a_root_that_is_not_an_object),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
