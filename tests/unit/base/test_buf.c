/* Growing buffers, and text escaped for terminals and JSON. */
#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void it_grows_and_stays_terminated(void **state)
{
	(void)state;
	struct buf b = {0};

	for (int i = 0; i < 10000; i++)
		buf_printf(&b, "%d,", i % 10);
	assert_true(buf_ok(&b));
	assert_int_equal(b.len, 20000);
	assert_int_equal(strlen(b.data), 20000);
	buf_clear(&b);
	assert_string_equal(b.data, "");
	buf_add(&b, "a\0b", 3);
	buf_add_char(&b, 'c');
	assert_memory_equal(b.data, "a\0bc", 5);
	buf_free(&b);
	assert_null(b.data);
}

static void taking_leaves_it_empty(void **state)
{
	(void)state;
	struct buf b = {0};
	char *text = buf_take(&b);

	assert_string_equal(text, "");
	free(text);
	buf_add_text(&b, "payment");
	text = buf_take(&b);
	assert_string_equal(text, "payment");
	assert_int_equal(b.len, 0);
	free(text);
}

static void what_cannot_be_had_fails_softly(void **state)
{
	(void)state;
	struct buf b = {0};

	buf_add_text(&b, "kept");
	buf_add(&b, "x", SIZE_MAX / 2);
	assert_false(buf_ok(&b));
	buf_add_text(&b, "more");
	assert_string_equal(b.data, "kept");
	assert_null(buf_take(&b));
	assert_true(buf_ok(&b));
}

static void check_escaped(const char *in, size_t len, char quote, const char *expected)
{
	struct buf b = {0};

	buf_add_escaped(&b, in, len, quote);
	assert_string_equal(b.data, expected);
	buf_free(&b);
}

static void nothing_escaped_moves_a_terminal(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out;
	} rows[] = {
		{"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xb0",
			"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x92\xb0"},
		{"a\nb\r\tc", "a\\nb\\r\\tc"}, {"\x1b[31m\x07\x7f", "\\x1b[31m\\x07\\x7f"},
		{"\\n", "\\\\n"}, {"say \"hi\"", "say \\\"hi\\\""},
		{"\xc2\x9b"
		 "31m",
			"\\xc2\\x9b31m"}, /* C1 CSI */
		{"\xe2\x80\xae"
		 "evil",
			"\\xe2\\x80\\xae"
			"evil"},                       /* right-to-left override */
		{"\xe2\x81\xa6x", "\\xe2\\x81\\xa6x"}, /* isolate */
		{"\xe2\x80\xa8x", "\\xe2\\x80\\xa8x"}, /* line separator */
		{"a\u200b\ufeff\u061c", "a\\xe2\\x80\\x8b\\xef\\xbb\\xbf\\xd8\\x9c"},
		{"x\U000e0041", "x\\xf3\\xa0\\x81\\x81"},               /* a tag */
		{"e\xcc\x81", "e\xcc\x81"}, {"\xcc\x81", "\\xcc\\x81"}, /* a mark, alone */
		{"\xff\xfe", "\\xff\\xfe"},                             /* not UTF-8 */
		{"\xc0\xaf", "\\xc0\\xaf"},                             /* overlong */
		{"\xed\xa0\x80", "\\xed\\xa0\\x80"},                    /* surrogate */
		{"\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},           /* beyond Unicode */
		{"\xe2\x82", "\\xe2\\x82"},                             /* cut off */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_escaped(rows[i].in, strlen(rows[i].in), '"', rows[i].out);
	check_escaped("a\0b", 3, '"', "a\\x00b");
	check_escaped("it's \"so\"", 9, '\'', "it\\'s \"so\"");
	check_escaped("it's v1\\/x\n", 11, '\0', "it's v1\\/x\\n");
}

static void json_texts_are_valid(void **state)
{
	(void)state;
	struct buf b = {0};

	buf_add_json(&b, "a\"\\\n\x01\x7f\xc3\xa9\xff", 9);
	assert_string_equal(b.data, "\"a\\\"\\\\\\u000a\\u0001\\u007f\xc3\xa9\xef\xbf\xbd\"");
	buf_clear(&b);
	buf_add_json(&b, "\u202e\U000e0041\xf0\x9f\x92\xb0", 11);
	assert_string_equal(b.data, "\"\\u202e\\udb40\\udc41\xf0\x9f\x92\xb0\"");
	buf_free(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_grows_and_stays_terminated),
		cmocka_unit_test(taking_leaves_it_empty),
		cmocka_unit_test(what_cannot_be_had_fails_softly),
		cmocka_unit_test(nothing_escaped_moves_a_terminal),
		cmocka_unit_test(json_texts_are_valid),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
