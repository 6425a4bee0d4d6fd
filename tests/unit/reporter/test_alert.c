/* What an alert says, and by which id a state is told from the next. */
#include "reporter/alert.h"

#include "verify/verify.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SINCE INT64_C(1700000000000)

static json_t *body_of(const struct alert *a, bool over)
{
	struct buf body = {0};
	json_error_t error;
	json_t *root;

	assert_true(alert_body(a, over, SINCE + 60000, &body));
	root = json_loadb(body.data, body.len, 0, &error);
	assert_non_null(root);
	buf_free(&body);
	return root;
}

static const char *text_of(const json_t *body, const char *name)
{
	return json_string_value(json_object_get(body, name));
}

static void a_hook_that_is_held(void **state)
{
	const struct alert a = {.kind = ALERT_HELD,
		.name = "erp",
		.since = SINCE,
		.count = 3,
		.reason = "connection \"refused\"\n\u202e"};
	json_t *body = body_of(&a, false), *over = body_of(&a, true);

	(void)state;
	assert_string_equal(text_of(body, "kind"), "held");
	assert_string_equal(text_of(body, "hook"), "erp");
	assert_string_equal(text_of(body, "reason"), "connection \"refused\"\n\u202e");
	assert_non_null(strstr(text_of(body, "text"), "connection \"refused\"\\n\\xe2\\x80\\xae."));
	assert_string_equal(text_of(body, "id"), "held:erp:1700000000000");
	assert_non_null(strstr(text_of(body, "subject"), "its target is down"));
	assert_null(json_object_get(body, "cause"));
	assert_string_equal(text_of(over, "id"), "held:erp:1700000000000:over");
	assert_true(json_is_true(json_object_get(over, "over")));
	assert_non_null(strstr(text_of(over, "text"), "answers again"));
	json_decref(body);
	json_decref(over);
}

static void ids_of_names_that_begin_alike(void **state)
{
	const struct alert a = {.kind = ALERT_REFUSED, .name = "shop"};
	const struct alert b = {.kind = ALERT_REFUSED, .name = "shop-2", .since = SINCE};
	char prefix[ALERT_ID], id[ALERT_ID];

	(void)state;
	alert_id(&a, false, prefix);
	alert_id(&b, false, id);
	assert_string_equal(prefix, "refused:shop:");
	assert_int_not_equal(strncmp(id, prefix, strlen(prefix)), 0);
}

static void each_reason_has_a_cause(void **state)
{
	char name[] = "shop";
	const struct conf_source source = {.name = name, .sender = sender_default()};

	(void)state;
	for (int i = VERIFY_NO_HEADER; i <= VERIFY_TOO_NEW; i++) {
		const char *cause = alert_cause(&source, verify_reason((enum verify_result)i));

		assert_null(strstr(cause, "see hookd's log"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hook_that_is_held),
		cmocka_unit_test(ids_of_names_that_begin_alike),
		cmocka_unit_test(each_reason_has_a_cause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
