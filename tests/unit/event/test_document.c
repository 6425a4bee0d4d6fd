#include "event/document.h"

#include "base/buf.h"
#include "base/json.h"
#include "rule/path.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static json_t *parse(const char *body)
{
	json_t *root;

	assert_true(document_parse(body, strlen(body), &root));
	return root;
}

/* Takes root, which may be NULL. */
static void assert_json(json_t *root, const char *expected)
{
	char *text = root != NULL ? json_text(root, 0) : NULL;

	if (expected == NULL) {
		assert_null(text);
	} else {
		assert_non_null(text);
		assert_string_equal(text, expected);
	}
	free(text);
	json_decref(root);
}

/* ---- a body ---- */

static void bodies(void **state)
{
	static const struct {
		const char *body, *json; /* NULL: not JSON */
	} rows[] = {
		{"{}", "{}"},
		{"[1]", "[1]"},
		{" \n{\"a\":1}\t", "{\"a\": 1}"},
		{"{\"a\":1,\"a\":2}", "{\"a\": 2}"},
		{"{\"a\":\"\\u0000\"}", "{\"a\": \"\\u0000\"}"},
		{"{\"a\":9223372036854775807}", "{\"a\": 9223372036854775807}"},
		{"{\"a\":-9223372036854775808}", "{\"a\": -9223372036854775808}"},
		/* digits are kept */
		{"{\"a\":9223372036854775808,\"b\":5}", "{\"a\": 9223372036854775808, \"b\": 5}"},
		{"{\"a\":-99999999999999999999,\"b\":\"5\"}",
			"{\"a\": -99999999999999999999, \"b\": \"5\"}"},
		{"[1.10,12.00,-0,1e400,1E-7,0.0]", "[1.10, 12.00, -0, 1e400, 1E-7, 0.0]"},
		{"null", "null"},
		{"5", "5"},
		{"\"text\"", "\"text\""},
		/* a byte order mark */
		{"\xef\xbb\xbf{}", "{}"},
		/* what is no character */
		{"{\"a\":\"\\ud800\"}", "{\"a\": \"\xef\xbf\xbd\"}"},
		{"[\"\\ude00\\ud83d\\ude00\\ud83dx\\ud83d\\u0041\"]",
			"[\"\xef\xbf\xbd\xf0\x9f\x98\x80\xef\xbf\xbdx\xef\xbf\xbd"
			"A\"]"},
		{"{\"\\u0000\":1,\"a\\u0000b\":2}", "{\"\xef\xbf\xbd\": 1, \"a\xef\xbf\xbd"
						    "b\": 2}"},
		{"", NULL},
		{" ", NULL},
		{"{", NULL},
		{"{}x", NULL},
		{"{\"a\":}", NULL},
		{"{'a':1}", NULL},
		{"{\"a\":01}", NULL},
		{"{\"a\":NaN}", NULL},
		{"{\"a\":\"\xff\"}", NULL},
		{"{\"a\":\"\xc0\x80\"}", NULL},
		{"{\"a\":\"\xed\xa0\x80\"}", NULL},
		{"{\"a\":\"\n\"}", NULL},
		{"\xef\xbb\xbf", NULL},
		{"\xef\xbb\xbf\xef\xbb\xbf{}", NULL},
		{"a=1&b=2", NULL},
		{"<xml/>", NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *root = parse(rows[i].body);

		if ((root == NULL) != (rows[i].json == NULL))
			fail_msg("%s: %s", rows[i].body, root != NULL ? "JSON" : "not JSON");
		assert_json(root, rows[i].json);
	}
}

static void only_len_bytes_are_read(void **state)
{
	json_t *root;

	(void)state;
	assert_true(document_parse("{\"a\":1}trailing", 7, &root));
	assert_json(root, "{\"a\": 1}");
	assert_true(document_parse("{}\0", 3, &root));
	assert_null(root);
	assert_true(document_parse("", 0, &root));
	assert_null(root);
	assert_true(document_parse(NULL, 0, &root));
	assert_null(root);
}

static void a_body_nested_too_deep_is_not_json(void **state)
{
	static char text[200000];
	json_t *root;

	(void)state;
	memset(text, '[', sizeof(text));
	assert_true(document_parse(text, sizeof(text), &root));
	assert_null(root);
	memset(text + sizeof(text) / 2, ']', sizeof(text) / 2);
	assert_true(document_parse(text, sizeof(text), &root));
	assert_null(root);
	assert_true(document_parse(
		text + sizeof(text) / 2 - JSON_DEPTH_MAX, 2 * JSON_DEPTH_MAX, &root));
	assert_non_null(root);
	json_decref(root);
}

/* ---- its entity ---- */

static void entities(void **state)
{
	static const struct {
		const char *body;
		const char *entity; /* NULL: none */
		const char *root;   /* afterwards; NULL: as it was */
	} rows[] = {
		{"{\"entity\": {\"id\": 1}}", "{\"id\": 1}", NULL},
		{"{\"entity\": {}}", "{}", NULL},
		{"{\"entity\": \"{\\\"id\\\": 1}\"}", "{\"id\": 1}", "{\"entity\": {\"id\": 1}}"},
		{"{\"entity\": \" {}\\n\", \"x\": 1}", "{}", "{\"entity\": {}, \"x\": 1}"},
		{"{\"entity\": \"{\\\"id\\\": 99999999999999999999}\", \"x\": 1}",
			"{\"id\": 99999999999999999999}",
			"{\"entity\": {\"id\": 99999999999999999999}, \"x\": 1}"},
		/* only once: a text inside stays a text */
		{"{\"entity\": \"{\\\"entity\\\": \\\"{}\\\"}\"}", "{\"entity\": \"{}\"}",
			"{\"entity\": {\"entity\": \"{}\"}}"},
		{"{\"entity\": {\"metadata\": \"{\\\"order_id\\\": 1.5}\","
		 " \"custom_metadata\": \"{}\", \"other\": \"{}\"}}",
			"{\"metadata\": {\"order_id\": 1.5}, \"custom_metadata\": {},"
			" \"other\": \"{}\"}",
			"{\"entity\": {\"metadata\": {\"order_id\": 1.5}, \"custom_metadata\": {},"
			" \"other\": \"{}\"}}"},
		{"{\"entity\": \"{\\\"custom_metadata\\\": \\\"{}\\\"}\"}",
			"{\"custom_metadata\": {}}", "{\"entity\": {\"custom_metadata\": {}}}"},
		{"{\"entity\": {\"metadata\": \"text\", \"custom_metadata\": \"[1]\"}}",
			"{\"metadata\": \"text\", \"custom_metadata\": \"[1]\"}",
			"{\"entity\": {\"metadata\": \"text\", \"custom_metadata\": \"[1]\"}}"},
		{"{\"metadata\": \"{}\"}", NULL, NULL},
		{"{\"entity\": \"\"}", NULL, NULL},
		{"{\"entity\": \"text\"}", NULL, NULL},
		{"{\"entity\": \"[1]\"}", NULL, NULL},
		{"{\"entity\": \"null\"}", NULL, NULL},
		{"{\"entity\": \"{\"}", NULL, NULL},
		{"{\"entity\": \"{}\\u0000\"}", NULL, NULL},
		{"{\"entity\": null}", NULL, NULL},
		{"{\"entity\": [{\"id\": 1}]}", NULL, NULL},
		{"{\"entity\": 5}", NULL, NULL},
		{"{\"object\": {\"id\": 1}}", NULL, NULL},
		{"{}", NULL, NULL},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		json_t *root = parse(rows[i].body), *entity;

		assert_true(document_entity(root, &entity));
		if ((entity == NULL) != (rows[i].entity == NULL))
			fail_msg("%s: %s", rows[i].body, entity != NULL ? "an entity" : "none");
		if (entity != NULL)
			assert_ptr_equal(entity, json_object_get(root, "entity"));
		assert_json(json_incref(entity), rows[i].entity);
		assert_json(root, rows[i].root != NULL ? rows[i].root : rows[i].body);
	}
}

static void unfolding_twice_changes_nothing(void **state)
{
	json_t *root = parse("{\"entity\":\"{\\\"id\\\":1}\"}"), *first, *second;

	(void)state;
	assert_true(document_entity(root, &first));
	assert_true(document_entity(root, &second));
	assert_ptr_equal(first, second);
	json_decref(root);
}

/* ---- the document of a delivery ---- */

static char source[] = "shop", type[] = "transaction.approved", key[] = "shop/id:1/ship";

static struct delivery_job job_of(char *body)
{
	return (struct delivery_job){
		.delivery = 7,
		.event = 5,
		.attempt = 2,
		.source = source,
		.type = type,
		.idempotency_key = key,
		.payload = body,
		.payload_len = strlen(body),
		.received_at = 1782859829001,
	};
}

/* Of the document of the body, the value there as JSON; NULL: it is missing. */
static void assert_at(const struct delivery_job *job, const char *where, const char *expected)
{
	struct fault fault;
	struct path *path = path_parse(where, strlen(where), &fault);
	json_t *root = document_of_job(job, "ship");
	const json_t *found;
	char *text;

	assert_non_null(path);
	assert_true(json_is_object(root));
	found = path_find(path, root);
	text = found != NULL ? json_text(found, 0) : NULL;
	if (text == NULL ? expected != NULL : expected == NULL || strcmp(text, expected) != 0)
		fail_msg("%s: %s", where, text != NULL ? text : "missing");
	free(text);
	json_decref(root);
	path_free(path);
}

#define FACTS                                                                                      \
	"{\"event\": 5, \"type\": \"transaction.approved\", \"source\": \"shop\", \"hook\": "      \
	"\"ship\", \"delivery\": 7, \"attempt\": 2, \"idempotency_key\": \"shop/id:1/ship\", "     \
	"\"received_at\": \"2026-06-30T22:50:29.001Z\", \"origin\": \"manual\"}"

static void facts_of_hookd(void **state)
{
	char body[] = "{\"entity\":\"{\\\"id\\\":1}\",\"name\":\"transaction.approved\"}";
	struct delivery_job job = job_of(body);

	(void)state;
	assert_at(&job, "hookd", FACTS);
	assert_at(&job, "entity.id", "1");
	assert_at(&job, "name", "\"transaction.approved\"");
	assert_at(&job, "failure", NULL);
	assert_string_equal(
		body, "{\"entity\":\"{\\\"id\\\":1}\",\"name\":\"transaction.approved\"}");
}

static void facts_go_before_members_of_the_body(void **state)
{
	char body[] =
		"{\"hookd\":{\"hook\":\"forged\",\"more\":1},\"failure\":{\"hook\":\"forged\"}}";
	char hook[] = "ship", reason[] = "exit status 1";
	struct delivery_failure failure = {
		.delivery = 6, .attempts = 12, .hook = hook, .reason = reason};
	struct delivery_job job = job_of(body);

	(void)state;
	assert_at(&job, "hookd", FACTS);
	assert_at(&job, "hookd.more", NULL);
	/* not a delivery of on_failure: the member is the sender's */
	assert_at(&job, "failure.hook", "\"forged\"");
	job.failure = &failure;
	assert_at(&job, "hookd", FACTS);
	assert_at(&job, "failure",
		"{\"hook\": \"ship\", \"delivery\": 6, \"attempts\": 12, \"reason\": \"exit "
		"status 1\", \"output\": \"\"}");
}

/* As quarantine release --type once took it. */
static void a_type_that_is_not_utf8(void **state)
{
	char odd[] = "caf\xe9", body[] = "{}";
	struct delivery_job job = job_of(body);

	(void)state;
	job.type = odd;
	assert_at(&job, "hookd.type", "\"caf\xef\xbf\xbd\"");
}

/* A script can print any bytes. */
static void output_of_a_failure(void **state)
{
	static const struct {
		const char *output;
		size_t len;
		const char *json;
	} rows[] = {
		{"", 0, "\"\""},
		{"no such order\n", 14, "\"no such order\\n\""},
		{"a\0b", 3, "\"a\\u0000b\""},
		{"\xff\xfe", 2, "\"\xef\xbf\xbd\xef\xbf\xbd\""},
		{"caf\xc3", 4, "\"caf\xef\xbf\xbd\""},
		{"\xa9x", 2, "\"\xef\xbf\xbdx\""},
		{"\"\\\x1b[31m\xff", 8, "\"\\\"\\\\\\u001b[31m\xef\xbf\xbd\""},
		{"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
	};
	char body[] = "{}", hook[] = "ship", reason[] = "caf\xe9";
	struct delivery_failure failure = {.hook = hook, .reason = reason};
	struct delivery_job job = job_of(body);

	(void)state;
	job.failure = &failure;
	assert_at(&job, "failure.output", "\"\"");
	assert_at(&job, "failure.reason", "\"caf\xef\xbf\xbd\"");
	for (size_t i = 0; i < COUNT(rows); i++) {
		char output[16];

		memcpy(output, rows[i].output, rows[i].len);
		failure.output = output;
		failure.output_len = rows[i].len;
		assert_at(&job, "failure.output", rows[i].json);
	}
}

static void a_body_that_is_no_object_leaves_the_facts(void **state)
{
	static const char *const bodies[] = {"", "not JSON", "[{\"entity\":{\"id\":1}}]", "5",
		"null", "{\"entity\":", "\xff\xfe", "{\"a\":\"\xff\"}"};

	(void)state;
	for (size_t i = 0; i < COUNT(bodies); i++) {
		char body[64];
		struct delivery_job job;
		json_t *root;

		memcpy(body, bodies[i], strlen(bodies[i]) + 1);
		job = job_of(body);
		assert_at(&job, "hookd", FACTS);
		assert_at(&job, "entity", NULL);
		root = document_of_job(&job, "ship");
		assert_int_equal(json_object_size(root), 1);
		json_decref(root);
	}
}

static void big_numbers_of_a_delivery(void **state)
{
	char big[] = "{\"entity\":{\"amount\":5,\"id\":99999999999999999999}}";
	char large[] = "{\"entity\":\"{\\\"amount\\\":9007199254740993}\"}";
	struct delivery_job job = job_of(big);

	(void)state;
	assert_at(&job, "entity.amount", "5");
	assert_at(&job, "entity.id", "99999999999999999999");
	assert_at(&job, "hookd.delivery", "7");
	job = job_of(large);
	assert_at(&job, "entity.amount", "9007199254740993");
	job.delivery = job.event = INT64_MAX;
	assert_at(&job, "hookd.event", "9223372036854775807");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies),
		cmocka_unit_test(only_len_bytes_are_read),
		cmocka_unit_test(a_body_nested_too_deep_is_not_json),
		cmocka_unit_test(entities),
		cmocka_unit_test(unfolding_twice_changes_nothing),
		cmocka_unit_test(facts_of_hookd),
		cmocka_unit_test(facts_go_before_members_of_the_body),
		cmocka_unit_test(a_type_that_is_not_utf8),
		cmocka_unit_test(output_of_a_failure),
		cmocka_unit_test(a_body_that_is_no_object_leaves_the_facts),
		cmocka_unit_test(big_numbers_of_a_delivery),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
