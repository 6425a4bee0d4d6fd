/* The scan of a body: what it accepts means the same as in the tree, and it accepts the events
 * that senders send. */
#include "base/clock.h"
#include "base/json_cursor.h"
#include "event/document.h"
#include "event/scan.h"
#include "sender/sender.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Is it accepted? If so, the tree says the same. */
static bool taken(const char *body, size_t len)
{
	struct event_fields quick, sure;
	const struct event_shape *shape = &sender_find("fedapay")->shape;
	json_t *root = NULL, *entity = NULL;

	if (!event_scan(&quick, shape, body, len))
		return false;
	assert_true(document_parse(body, len, &root));
	if (!json_is_object(root))
		fail_msg("no object: %.*s", (int)len, body);
	assert_true(document_entity(root, &entity));
	event_fields_of(&sure, shape, root);
	for (int i = 0; i < EVENT_FIELDS; i++) {
		const struct event_value *a = &quick.values[i], *b = &sure.values[i];

		if ((a->bytes == NULL) != (b->bytes == NULL) || a->number != b->number ||
			a->len != b->len || (a->len > 0 && memcmp(a->bytes, b->bytes, a->len) != 0))
			fail_msg("value %d differs: %.*s", i, (int)len, body);
	}
	json_decref(root);
	return true;
}

static const struct {
	const char *body;
	bool taken;
} rows[] = {
	{"{}", true},
	{" {\t} \r\n", true},
	{"{\"id\":1,\"name\":\"a.b\"}", true},
	{"{\"id\":\"x\",\"entity\":{\"id\":2,\"klass\":\"v1\\/transaction\"}}", true},
	{"{\"id\":1,\"id\":2}", true},
	{"{\"entity\":{\"id\":1},\"entity\":{\"klass\":\"b\"}}", true},
	{"{\"entity\":{\"id\":1},\"entity\":null}", true},
	{"{\"entity\":[{\"id\":5}],\"id\":true}", true},
	{"{\"id\":1.5,\"object_id\":-7,\"name\":null}", true},
	{"{\"x\":[1,[2,{}],\"\\u00e9\\n\",-0.5,true,false,null]}", true},
	{"{\"x\":\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"}", true},
	{"{\"id\":123456789012345678}", true},
	{"{\"name\":\"a\\\"b\\\\c\\/d\\b\\f\\n\\r\\t\"}", true},
	{"{\"x\":\"\\u0000\"}", true},
	{"{\"id\":0,\"x\":0.10}", true},
	{"{\"x\":\"\x7f\"}", true},
	{"{\"id\":1234567890123456789012}", true},
	{"{\"id\":-0}", true},
	{"{\"id\":1e3}", true},
	{"{\"id\":1.10,\"object_id\":12.00}", true},
	{"{\"x\":\"\\ud83d\\ude00\\ud83d\"}", true},
	{"\xef\xbb\xbf{}", true},
	/* the tree decides: */
	{"{\"entity\":\"{\\\"id\\\":1}\"}", false},
	{"{\"name\":\"\\u0061\"}", false},
	{"{\"na\\u006de\":\"a\"}", false},
	{"[1]", false},
	/* not JSON: */
	{"", false},
	{"{", false},
	{"{\"id\"}", false},
	{"{\"id\":}", false},
	{"{\"id\":1,}", false},
	{"{\"id\":01}", false},
	{"{\"id\":1.}", false},
	{"{\"id\":.5}", false},
	{"{\"id\":-}", false},
	{"{\"id\":+1}", false},
	{"{\"id\":tru}", false},
	{"{\"id\":nullx}", false},
	{"{\"id\":\"a\nb\"}", false},
	{"{\"id\":\"\\x\"}", false},
	{"{\"id\":\"\\u12g4\"}", false},
	{"{\"id\":\"\\ud83d\"}", false},
	{"{\"id\":\"\xff\"}", false},
	{"{\"id\":\"\xc0\x80\"}", false},
	{"{\"id\":\"\xed\xa0\x80\"}", false},
	{"{\"id\":1}x", false},
	{"{\"id\":1}{}", false},
	{"{\"id\":1]", false},
	{"{\"x\":[1}", false},
	{"{\"x\":[1,]}", false},
	{"{id:1}", false},
	{"{'id':1}", false},
};

static void what_is_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (taken(rows[i].body, strlen(rows[i].body)) != rows[i].taken)
			fail_msg("%s", rows[i].body);
	assert_false(taken("{\"x\":\"a\0b\"}", 11));
	assert_false(taken("{}\0", 3));
	assert_false(taken("{\"x\":\"\\\0\"}", 10));
}

static void nesting_has_a_bound(void **state)
{
	static char body[2 * JSON_DEPTH_MAX + 100] = "{\"x\":";

	(void)state;
	for (int depth = JSON_DEPTH_MAX - 2; depth <= JSON_DEPTH_MAX + 1; depth++) {
		memset(body + 5, '[', (size_t)depth);
		memset(body + 5 + depth, ']', (size_t)depth);
		body[5 + 2 * depth] = '}';
		assert_int_equal(taken(body, (size_t)(6 + 2 * depth)), depth < JSON_DEPTH_MAX);
	}
}

/* Each row truncated at every byte, and with every byte replaced. */
static void what_is_damaged_is_judged_as_the_tree_does(void **state)
{
	static const char damage[] = "\"\\{}[]:,0-.eEtnu/ \x01\xc3\xff";

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t len = strlen(rows[i].body);
		char *copy = malloc(len + 1);

		assert_non_null(copy);
		for (size_t at = 0; at < len; at++) {
			(void)taken(rows[i].body, at);
			for (size_t k = 0; k < sizeof(damage); k++) {
				memcpy(copy, rows[i].body, len);
				copy[at] = damage[k];
				(void)taken(copy, len);
			}
		}
		free(copy);
	}
}

static void the_senders_events_are_taken(void **state)
{
	static const char *const types[] = {
		"transaction.approved", "customer.created", "payout.sent", "x.y"};

	(void)state;
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		const struct sender_sample sample = {types[i], 5000, clock_wall()};
		struct buf body = {0};

		assert_true(sender_find("fedapay")->sample(&sample, &body));
		assert_true(taken(body.data, body.len));
		buf_free(&body);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_taken),
		cmocka_unit_test(nesting_has_a_bound),
		cmocka_unit_test(what_is_damaged_is_judged_as_the_tree_does),
		cmocka_unit_test(the_senders_events_are_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
