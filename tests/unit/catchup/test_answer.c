/* What an API answers: lists of events in all their forms, objects, errors, headers. */
#include "catchup/answer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define ROW                                                                                        \
	"{\"klass\":\"v1/event\",\"id\":\"AX1\",\"type\":\"transaction.approved\","                \
	"\"object\":\"transaction\",\"object_id\":7,\"account_id\":37140,"                         \
	"\"created_at\":\"2026-06-30T22:50:28.841Z\",\"entity\":"
#define LIST(rows, meta) "{\"v1/events\":[" rows "]" meta "}"

static struct answer_list list_of(const char *text)
{
	struct answer_list list;

	assert_int_equal(answer_read_events(text, strlen(text), &list), ANSWER_OK);
	return list;
}

static void test_a_row(void **state)
{
	struct answer_list list = list_of(LIST(ROW "\"{\\\"id\\\":7,\\\"rate\\\":1.10}\"}", ""));
	const struct answer_event *row = &list.rows[0];

	(void)state;
	assert_int_equal(list.count, 1);
	assert_false(row->unreadable);
	assert_string_equal(row->id, "AX1");
	assert_string_equal(row->type, "transaction.approved");
	assert_string_equal(row->object, "transaction");
	assert_int_equal(json_integer_value(row->object_id), 7);
	assert_int_equal(json_integer_value(row->account_id), 37140);
	assert_int_equal(row->created_at, 1782859828841);
	assert_string_equal(row->entity, "{\"id\":7,\"rate\":1.10}");
	answer_list_free(&list);
}

static void test_forms_of_an_entity(void **state)
{
	static const struct {
		const char *text, *entity;
	} forms[] = {
		{LIST(ROW "{\"id\":7}}", ""), "{\"id\":7}"},
		{LIST(ROW "[]}", ""), NULL},
		{LIST(ROW "null}", ""), NULL},
		{LIST(ROW "\"{\\\"id\\\":7\"}", ""), NULL},
		{LIST(ROW "\"[7]\"}", ""), NULL},
		{LIST(ROW "7}", ""), NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		struct answer_list list = list_of(forms[i].text);

		assert_false(list.rows[0].unreadable);
		if (forms[i].entity == NULL)
			assert_null(list.rows[0].entity);
		else
			assert_string_equal(list.rows[0].entity, forms[i].entity);
		answer_list_free(&list);
	}
}

static void test_rows_that_cannot_be_read(void **state)
{
	struct answer_list list =
		list_of(LIST("7,null,{},{\"id\":\"a\",\"type\":\"x.y\"},"
			     "{\"id\":\"a\",\"created_at\":\"2026-06-30T22:50:28Z\"},"
			     "{\"type\":\"x.y\",\"created_at\":\"2026-06-30T22:50:28Z\"},"
			     "{\"id\":\"a\",\"type\":\"x.y\",\"created_at\":\"yesterday\"},"
			     "{\"id\":12,\"name\":\"x.y\",\"created_at\":\"2026-06-30T22:50:28Z\"}",
			""));

	(void)state;
	assert_int_equal(list.count, 8);
	for (size_t i = 0; i < 7; i++)
		assert_true(list.rows[i].unreadable);
	assert_false(list.rows[7].unreadable);
	assert_string_equal(list.rows[7].id, "12");
	assert_string_equal(list.rows[7].type, "x.y");
	answer_list_free(&list);
}

static void test_meta(void **state)
{
	static const struct {
		const char *text;
		enum answer_next next;
		int64_t per_page;
	} metas[] = {
		{LIST("", ""), ANSWER_NEXT_UNKNOWN, 0},
		{LIST("", ",\"meta\":{\"page\":1}"), ANSWER_NEXT_UNKNOWN, 0},
		{LIST("", ",\"meta\":{\"next_page\":2,\"per_page\":25}"), ANSWER_NEXT_MORE, 25},
		{LIST("", ",\"meta\":{\"next_page\":null,\"per_page\":100}"), ANSWER_NEXT_NONE,
			100},
		{LIST("", ",\"meta\":{\"next_page\":\"two\",\"per_page\":null}"),
			ANSWER_NEXT_UNKNOWN, 0},
		{LIST("", ",\"meta\":{\"next_page\":2.5,\"per_page\":-3}"), ANSWER_NEXT_UNKNOWN, 0},
		{LIST("", ",\"meta\":[]"), ANSWER_NEXT_UNKNOWN, 0},
		{"{\"meta\":[7],\"v1/events\":[]}", ANSWER_NEXT_UNKNOWN, 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(metas) / sizeof(metas[0]); i++) {
		struct answer_list list = list_of(metas[i].text);

		assert_int_equal(list.count, 0);
		assert_int_equal(list.next, metas[i].next);
		assert_int_equal(list.per_page, metas[i].per_page);
		answer_list_free(&list);
	}
}

static void test_what_is_no_list(void **state)
{
	static const char *const texts[] = {"", "[]", "7", "<html>", "{", "{}",
		"{\"v1/events\":{}}", "{\"v1/events\":[", "{\"meta\":[]}", "{\"a\":[],\"a\":[]}"};
	struct answer_list list;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_int_equal(
			answer_read_events(texts[i], strlen(texts[i]), &list), ANSWER_UNREADABLE);
}

static void test_objects(void **state)
{
	static const char one[] = "{\"v1/transaction\":{\"id\":7}}";
	static const char many[] = "{\"v1/webhooks\":[{\"id\":1},7,{\"id\":2},null],\"meta\":{}}";
	json_t *json;

	(void)state;
	assert_int_equal(answer_read_object(one, strlen(one), &json), ANSWER_OK);
	assert_int_equal(json_integer_value(json_object_get(json, "id")), 7);
	json_decref(json);
	assert_int_equal(answer_read_objects(many, strlen(many), &json), ANSWER_OK);
	assert_int_equal(json_array_size(json), 2);
	json_decref(json);
	assert_int_equal(answer_read_object(many, strlen(many), &json), ANSWER_UNREADABLE);
	assert_null(json);
	assert_int_equal(answer_read_objects("[", 1, &json), ANSWER_UNREADABLE);
	assert_null(json);
}

static void assert_error(const char *text, const char *expected)
{
	struct buf out = {0};

	answer_error_text(text, strlen(text), &out);
	if (expected[0] == '\0')
		assert_int_equal(out.len, 0);
	else
		assert_string_equal(out.data, expected);
	buf_free(&out);
}

static void test_errors(void **state)
{
	char longer[600];

	(void)state;
	assert_error("{\"message\":\"Transaction non trouvée\",\"errors\":{}}",
		"Transaction non trouvée");
	assert_error("{\"message\":\"a\\nb\\u001b[31m\"}", "a\\nb\\x1b[31m");
	assert_error("<html>", "");
	assert_error("{\"message\":7}", "");
	snprintf(longer, sizeof(longer), "{\"message\":\"%0500d\"}", 0);
	struct buf out = {0};
	answer_error_text(longer, strlen(longer), &out);
	assert_int_equal(out.len, ANSWER_MESSAGE);
	buf_free(&out);
}

static void test_headers(void **state)
{
	const int64_t now = 1796040000000; /* Mon, 30 Nov 2026 12:00:00 GMT */
	const int64_t hour = 3600000;

	(void)state;
	assert_int_equal(answer_date("Mon, 30 Nov 2026 12:00:00 GMT"), now);
	assert_int_equal(answer_date("soon"), 0);
	assert_int_equal(answer_date(""), 0);
	assert_int_equal(answer_retry_after("2", now, hour), 2000);
	assert_int_equal(answer_retry_after("0", now, hour), 0);
	assert_int_equal(answer_retry_after("86400", now, hour), hour);
	assert_int_equal(answer_retry_after("99999999999999999999", now, hour), hour);
	assert_int_equal(answer_retry_after("Mon, 30 Nov 2026 12:00:30 GMT", now, hour), 30000);
	assert_int_equal(answer_retry_after("Mon, 30 Nov 2026 18:00:00 GMT", now, hour), hour);
	assert_int_equal(answer_retry_after("Mon, 30 Nov 2026 11:00:00 GMT", now, hour), 0);
	assert_int_equal(answer_retry_after("-5", now, hour), 0);
	assert_int_equal(answer_retry_after("", now, hour), 0);
	assert_int_equal(answer_retry_after("a while", now, hour), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_row),
		cmocka_unit_test(test_forms_of_an_entity),
		cmocka_unit_test(test_rows_that_cannot_be_read),
		cmocka_unit_test(test_meta),
		cmocka_unit_test(test_what_is_no_list),
		cmocka_unit_test(test_objects),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
