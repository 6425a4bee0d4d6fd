/* Members are left out byte for byte. */
#include "action/cut.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PATHS_MAX 4

static enum cut_result cut(struct buf *out, const char *text, const char *const *names)
{
	struct path *paths[PATHS_MAX] = {0};
	struct fault fault;
	size_t count = 0;

	for (; count < PATHS_MAX && names[count] != NULL; count++) {
		paths[count] = path_parse(names[count], strlen(names[count]), &fault);
		assert_non_null(paths[count]);
	}
	enum cut_result result = cut_paths(out, text, strlen(text), paths, count);
	for (size_t i = 0; i < count; i++)
		path_free(paths[i]);
	return result;
}

static void what_is_left(void **state)
{
	static const struct {
		const char *text, *paths[PATHS_MAX], *left;
	} rows[] = {
		{"{\"a\":1,\"b\":2,\"c\":3}", {"a"}, "{\"b\":2,\"c\":3}"},
		{"{\"a\":1,\"b\":2,\"c\":3}", {"b"}, "{\"a\":1,\"c\":3}"},
		{"{\"a\":1,\"b\":2,\"c\":3}", {"c"}, "{\"a\":1,\"b\":2}"},
		{"{\"a\":1,\"b\":2,\"c\":3}", {"c", "a"}, "{\"b\":2}"},
		{"{\"a\":1,\"b\":2}", {"a", "b"}, "{}"},
		{"{\"a\":1}", {"b", "a.x"}, "{\"a\":1}"},
		{"{}", {"a"}, "{}"},
		{" { } ", {"a"}, " { } "},
		/* nothing else changes: digits, escapes, white space */
		{" {\"n\" : 1.10 , \"a\": {\"x\":[1,{}]} ,\n\"big\":12345678901234567890,"
		 "\"t\":\"\\u0026\\/\" }\n",
			{"a"},
			" {\"n\" : 1.10 ,\n\"big\":12345678901234567890,\"t\":\"\\u0026\\/\" }\n"},
		{"{\"e\":{\"c\":{\"p\":1,\"q\":1e400},\"d\":-0}}", {"e.c.p"},
			"{\"e\":{\"c\":{\"q\":1e400},\"d\":-0}}"},
		{"{\"e\":{\"c\":{\"p\":1}},\"c\":2}", {"e.c", "c"}, "{\"e\":{}}"},
		{"{\"l\":[1,[2],{\"a\":3}]}", {"l.0", "l.1"}, "{\"l\":[{\"a\":3}]}"},
		{"{\"l\":[1,{\"a\":3,\"b\":4}]}", {"l.1.a"}, "{\"l\":[1,{\"b\":4}]}"},
		{"[1,2]", {"0"}, "[2]"},
		{"{ \"a\":1 , \"b\" : 2 , \"a\":3 }", {"a"}, "{ \"b\" : 2 }"},
		{"[ 1 , 2 ]", {"1"}, "[ 1 ]"},
		{"[ 1 , 2 ]", {"0", "1"}, "[]"},
		/* a name that occurs twice, or is written otherwise */
		{"{\"a\":1,\"b\":2,\"a\":3}", {"a"}, "{\"b\":2}"},
		{"{\"\\u0061\":1,\"b\":2}", {"a"}, "{\"b\":2}"},
		{"{\"b\":\"}{\\\"],\",\"a\":\"\\\\\"}", {"a"}, "{\"b\":\"}{\\\"],\"}"},
		{"{\"x\":{\"a\":1},\"a\":2}", {"a"}, "{\"x\":{\"a\":1}}"},
		{"\xef\xbb\xbf{\"a\":1}", {"a"}, "\xef\xbb\xbf{}"},
		{"{\"a\":\"text\",\"b\":null}", {"a.b", "b.c"}, "{\"a\":\"text\",\"b\":null}"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = {0};

		assert_int_equal(cut(&out, rows[i].text, rows[i].paths), CUT_OK);
		assert_true(buf_ok(&out));
		assert_string_equal(out.data, rows[i].left);
		buf_free(&out);
	}
}

/* Rather nothing than what was to be left out. */
static void what_cannot_be_cut(void **state)
{
	static const struct {
		const char *text;
		enum cut_result result;
	} rows[] = {
		{"{\"a\":\"{\\\"b\\\":1}\"}", CUT_INSIDE_TEXT},
		{"{\"a\":\" \\n\\u007b\\\"b\\\":1}\"}", CUT_INSIDE_TEXT},
		{"", CUT_UNREADABLE},
		{"{", CUT_UNREADABLE},
		{"{\"a\"", CUT_UNREADABLE},
		{"{\"a\":", CUT_UNREADABLE},
		{"{\"a\":{\"b\":1}", CUT_UNREADABLE},
		{"{\"a\":1,}", CUT_UNREADABLE},
		{"{\"a\":{\"b\"}}", CUT_UNREADABLE},
		{"{\"a\":[}", CUT_UNREADABLE},
		{"{\"a\":\"", CUT_UNREADABLE},
		{"{\"a\":\"\\", CUT_UNREADABLE},
		{"{\"a\":\"\\n{", CUT_UNREADABLE},
		{"{\"b\":1 ,", CUT_UNREADABLE},
		{"{\"b\":01}", CUT_UNREADABLE},
		{"{\"b\":nul}", CUT_UNREADABLE},
		{"{\"b\":\"\xff\"}", CUT_UNREADABLE},
		{"{\"a\":1}{\"a\":1}", CUT_UNREADABLE},
		{"{a:1}", CUT_UNREADABLE},
		{"a=1", CUT_UNREADABLE},
	};
	static const char *const paths[PATHS_MAX] = {"a.b"};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct buf out = {0};

		if (cut(&out, rows[i].text, paths) != rows[i].result)
			fail_msg("%s", rows[i].text);
		buf_free(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left),
		cmocka_unit_test(what_cannot_be_cut),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
