#include "event/event.h"
#include "sender/sender.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct event parse_bytes(const void *body, size_t len)
{
	struct event ev;

	assert_true(event_parse(&ev, &sender_find("fedapay")->shape, body, len));
	assert_non_null(ev.idempotency_key);
	return ev;
}

static struct event parse(const char *body)
{
	return parse_bytes(body, strlen(body));
}

static void the_known_event(void **state)
{
	(void)state;
	static const char body[] =
		"{\"id\": 9876543, \"name\": \"transaction.approved\", \"object\": \"transaction\","
		" \"object_id\": 98446301, \"account_id\": 37140, \"entity\": {\"klass\":"
		" \"v1\\/transaction\", \"id\": 98446301, \"amount\": 5000, \"commission\": "
		"\"0.018\","
		" \"updated_at\": \"2026-06-30T22:50:28.871Z\"},"
		" \"created_at\": \"2026-06-30T22:50:29.001Z\"}";
	struct event ev = parse(body);

	assert_string_equal(ev.provider_event_id, "9876543");
	assert_string_equal(ev.type, "transaction.approved");
	assert_string_equal(ev.entity_kind, "transaction");
	assert_string_equal(ev.entity_id, "98446301");
	assert_int_equal(ev.occurred_at, 1782859829001);
	assert_string_equal(ev.idempotency_key, "id:9876543");
	assert_null(ev.quarantined);
	assert_ptr_equal(ev.payload, body);
	assert_int_equal(ev.payload_len, strlen(body));
	event_free(&ev);
}

struct row {
	const char *body;
	const char *id, *type, *kind, *entity, *key, *quarantined;
};

static void check(const char *what, const char *seen, const char *expected, const char *body)
{
	bool equal = seen == NULL || expected == NULL ? seen == expected : !strcmp(seen, expected);

	if (!equal)
		fail_msg("%s is %s, not %s: %s", what, seen, expected, body);
}

#define HASH "sha256:" /* only the kind is compared */

static void many_shapes_are_read(void **state)
{
	(void)state;
	static const struct row rows[] = {
		{"{\"id\":7,\"name\":\"a.b\"}", "7", "a.b", "a", NULL, "id:7", NULL},
		{"{\"id\":\"7\",\"name\":\"a.b\"}", "7", "a.b", "a", NULL, "id:7", NULL},
		{"{\"id\":\"evt_1\",\"type\":\"a.b\"}", "evt_1", "a.b", "a", NULL, "id:evt_1",
			NULL},
		{"{\"id\":-7,\"name\":\"a\"}", "-7", "a", NULL, NULL, "id:-7", NULL},
		{"{\"id\":9223372036854775807,\"name\":\"a\"}", "9223372036854775807", "a", NULL,
			NULL, "id:9223372036854775807", NULL},
		{"{\"id\":null,\"name\":\"a\"}", NULL, "a", NULL, NULL, HASH, NULL},
		{"{\"id\":\"\",\"name\":\"a\"}", NULL, "a", NULL, NULL, HASH, NULL},
		{"{\"id\":1.50,\"name\":\"a\"}", "1.50", "a", NULL, NULL, "id:1.50", NULL},
		{"{\"id\":-0,\"name\":\"a\"}", "-0", "a", NULL, NULL, "id:-0", NULL},
		/* a sender that writes an exponent has rounded */
		{"{\"id\":1.234567E+19,\"name\":\"a\"}", NULL, "a", NULL, NULL, HASH, NULL},
		{"{\"id\":{},\"name\":\"a\"}", NULL, "a", NULL, NULL, HASH, NULL},
		{"{\"id\":99999999999999999999,\"name\":\"a\"}", "99999999999999999999", "a", NULL,
			NULL, "id:99999999999999999999", NULL},
		{"{\"id\":5,\"name\":\"a\",\"big\":99999999999999999999,\"real\":1e999}", "5", "a",
			NULL, NULL, "id:5", NULL},
		/* by the tree, as the name shows */
		{"{\"n\\u0061me\":\"a\",\"id\":12345678901234567890}", "12345678901234567890", "a",
			NULL, NULL, "id:12345678901234567890", NULL},
		{"{\"n\\u0061me\":\"a\",\"id\":-0,\"object_id\":1.10}", "-0", "a", NULL, "1.10",
			"id:-0", NULL},
		{"{\"name\":\"a\",\"entity\":\"{\\\"id\\\":12345678901234567891,\\\"updated_at\\\":"
		 "\\\"u\\\"}\"}",
			NULL, "a", NULL, "12345678901234567891", "entity:a:12345678901234567891:u",
			NULL},
		{"{\"name\":\"a.b\",\"type\":\"c\"}", NULL, "a.b", "a", NULL, HASH, NULL},
		{"{\"name\":\"\",\"type\":\"c\"}", NULL, "c", NULL, NULL, HASH, NULL},
		{"{\"name\":5,\"type\":\"c\"}", NULL, "c", NULL, NULL, HASH, NULL},
		{"{\"name\":\"a b\\n\",\"id\":1}", "1", "a b\n", NULL, NULL, "id:1", NULL},
		{"{\"name\":\"a\",\"object\":\"o\",\"object_id\":3}", NULL, "a", "o", "3", HASH,
			NULL},
		{"{\"name\":\"a\",\"entity\":{\"id\":3,\"updated_at\":\"u\"}}", NULL, "a", NULL,
			"3", "entity:a:3:u", NULL},
		{"{\"name\":\"a\",\"entity\":{\"id\":\"x\",\"klass\":\"v1/payout\"}}", NULL, "a",
			"payout", "x", HASH, NULL},
		{"{\"name\":\"a\",\"object_id\":4,\"entity\":{\"updated_at\":\"u\"}}", NULL, "a",
			NULL, "4", "entity:a:4:u", NULL},
		{"{\"name\":\"a\",\"entity\":\"{\\\"id\\\":3,\\\"updated_at\\\":\\\"u\\\"}\"}",
			NULL, "a", NULL, "3", "entity:a:3:u", NULL},
		{"{\"name\":\"a\",\"entity\":\"no json\"}", NULL, "a", NULL, NULL, HASH, NULL},
		{"{\"name\":\"a b\",\"entity\":{\"id\":3,\"updated_at\":\"u\"}}", NULL, "a b", NULL,
			"3", HASH, NULL},
		{"{\"name\":\"a\",\"name\":\"b\",\"id\":1}", "1", "b", NULL, NULL, "id:1", NULL},
		{"{\"id\":1}", NULL, NULL, NULL, NULL, HASH, "no type"},
		{"{\"id\":1,\"name\":null}", NULL, NULL, NULL, NULL, HASH, "no type"},
		{"{\"id\":1,\"name\":\"a\\u0000b\"}", NULL, NULL, NULL, NULL, HASH,
			"unusable type"},
		{"[]", NULL, NULL, NULL, NULL, HASH, "not an object"},
		{"\"text\"", NULL, NULL, NULL, NULL, HASH, "not an object"},
		{"\xef\xbb\xbf{\"name\":\"a\"}", NULL, "a", NULL, NULL, HASH, NULL},
		{"{\"name\":\"a\\ud83d\",\"x\\u0000\":1}", NULL, "a\xef\xbf\xbd", NULL, NULL, HASH,
			NULL},
		{"", NULL, NULL, NULL, NULL, HASH,
			"not JSON: line 1, column 1: it ends where a value is expected"},
		{"{\"name\":\"a\"", NULL, NULL, NULL, NULL, HASH,
			"not JSON: line 1, column 12: it ends inside an object or a list"},
		{"{\"name\":\"\xc3\xa9\"} x", NULL, NULL, NULL, NULL, HASH,
			"not JSON: line 1, column 14: something behind the value"},
		{"{\n \"name\":\"\xff\"}", NULL, NULL, NULL, NULL, HASH,
			"not JSON: line 2, column 10: a byte that is not UTF-8"},
		{"name=a", NULL, NULL, NULL, NULL, HASH,
			"not JSON: line 1, column 1: expected a value"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct row *r = &rows[i];
		struct event ev = parse(r->body);

		check("id", ev.provider_event_id, r->id, r->body);
		check("type", ev.type, r->type, r->body);
		check("entity kind", ev.entity_kind, r->kind, r->body);
		check("entity id", ev.entity_id, r->entity, r->body);
		check("quarantined", ev.quarantined, r->quarantined, r->body);
		if (strcmp(r->key, HASH) == 0)
			assert_int_equal(strncmp(ev.idempotency_key, HASH, 7), 0);
		else
			check("key", ev.idempotency_key, r->key, r->body);
		event_free(&ev);
	}
}

#define ENTITY(members) "{\"name\":\"transaction.approved\",\"entity\":{\"id\":7" members "}}"
#define TIME(name, ms)  ",\"" name "\":\"2026-06-30T22:50:28." ms "Z\""

static void check_state_key(const char *body, const char *expected)
{
	struct event ev = parse(body);

	check("state key", ev.state_key, expected, body);
	event_free(&ev);
}

/* 2026-06-30T22:50:28Z */
#define STATE "state:transaction.approved:7:1782859828"

static void state_keys_name_the_moment_of_the_state(void **state)
{
	(void)state;
	static const struct {
		const char *body, *key;
	} rows[] = {
		{ENTITY(TIME("approved_at", "841") TIME("updated_at", "871")), STATE "841"},
		{ENTITY(TIME("updated_at", "900") TIME("approved_at", "841")), STATE "841"},
		{ENTITY(TIME("approved_at", "1") TIME("approved_at", "841")), STATE "841"},
		{ENTITY(",\"approved_at\":null" TIME("updated_at", "871")), STATE "871"},
		{ENTITY(TIME("approved_at", "1") ",\"approved_at\":5" TIME("updated_at", "871")),
			STATE "871"},
		{ENTITY(",\"approved_at\":\"soon\"" TIME("updated_at", "871")), STATE "871"},
		{ENTITY(TIME("canceled_at", "841") TIME("created_at", "842")), NULL},
		/* The same moment, written differently. */
		{ENTITY(",\"approved_at\":\"2026-07-01T00:50:28.841999+02:00\""), STATE "841"},
		{"{\"entity\":{\"id\":\"7\"" TIME(
			 "approved_at", "841") "},"
					       "\"type\":\"transaction.approved\"}",
			STATE "841"},
		{"{\"name\":\"transaction.approved\",\"entity\":\"{\\\"id\\\":7,"
		 "\\\"approved_at\\\":\\\"2026-06-30T22:50:28.841Z\\\"}\"}",
			STATE "841"},
		{"{\"name\":\"transaction.approved\",\"object_id\":7" TIME("created_at", "841") "}",
			STATE "841"},
		{"{\"name\":\"paid\",\"entity\":{\"id\":7" TIME("paid_at", "1") "}}",
			"state:paid:7:1782859828100"},
		{"{\"name\":\"a.approved_partially_refunded\",\"entity\":{\"id\":7" TIME(
			 "approved_partially_refunded_at", "1") TIME("refunded_at", "2") "}}",
			"state:a.approved_partially_refunded:7:1782859828100"},
		/* Its own id says which event it is. */
		{"{\"id\":1,\"name\":\"a.b\",\"entity\":{\"id\":7" TIME("b_at", "1") "}}", NULL},
		{"{\"name\":\"a.b\",\"entity\":{" TIME("b_at", "1") "}}", NULL},
		{"{\"name\":\"a.b\",\"entity\":{\"id\":7}}", NULL},
		{"{\"entity\":{\"id\":7" TIME("b_at", "1") "}}", NULL},
		{"{\"name\":\"a.b\",\"entity\":{\"id\":7,\"in\":{\"id\":8" TIME("b_at", "1") "}}}",
			NULL},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_state_key(rows[i].body, rows[i].key);
}

static void more_moments_than_expected_are_read(void **state)
{
	(void)state;
	char body[4096] = "{\"name\":\"a.m9\",\"entity\":{\"id\":7";

	for (int i = 0; i < 60; i++)
		(void)snprintf(body + strlen(body), sizeof(body) - strlen(body),
			",\"m%d_at\":\"2026-06-30T22:50:28.%03dZ\"", i, i);
	(void)snprintf(body + strlen(body), sizeof(body) - strlen(body), "}}");
	check_state_key(body, "state:a.m9:7:1782859828009");
}

static void a_type_given_later_makes_the_state_key(void **state)
{
	(void)state;
	struct event ev = parse("{\"entity\":{\"id\":7" TIME("approved_at", "841") "}}");

	assert_string_equal(ev.quarantined, "no type");
	assert_null(ev.state_key);
	char *key = strdup(ev.idempotency_key);
	assert_true(event_set_type(&ev, &sender_find("fedapay")->shape, "transaction.approved"));
	assert_null(ev.quarantined);
	assert_string_equal(ev.type, "transaction.approved");
	assert_string_equal(ev.state_key, STATE "841");
	assert_string_equal(ev.idempotency_key, key);
	free(key);
	event_free(&ev);
	ev = parse("no JSON");
	assert_true(event_set_type(&ev, &sender_find("fedapay")->shape, "transaction.approved"));
	assert_null(ev.state_key);
	event_free(&ev);
}

static void keys_of_bodies_are_their_hashes(void **state)
{
	(void)state;
	struct event ev = parse("hello");

	/* printf hello | sha256sum */
	assert_string_equal(ev.idempotency_key,
		"sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
	event_free(&ev);
	ev = parse_bytes("a\0b", 3);
	struct event other = parse_bytes("a\0c", 3);
	assert_string_not_equal(ev.idempotency_key, other.idempotency_key);
	event_free(&ev);
	event_free(&other);
}

static void strange_ids_are_used_as_their_hash(void **state)
{
	(void)state;
	struct event ev = parse("{\"id\":\"a b\",\"name\":\"x\"}");

	/* printf 'a b' | sha256sum */
	assert_string_equal(ev.idempotency_key,
		"id:idhash:c8687a08aa5d6ed2044328fa6a697ab8e96dc34291e8c2034ae8c38e6fcc6d65");
	event_free(&ev);
}

static void lengths_are_bounded(void **state)
{
	(void)state;
	char body[1024], name[EVENT_TYPE_MAX + 2] = "", id[EVENT_ID_MAX + 2] = "";

	memset(name, 'n', EVENT_TYPE_MAX);
	memset(id, 'i', EVENT_ID_MAX);
	(void)snprintf(body, sizeof(body), "{\"name\":\"%s\",\"id\":\"%s\"}", name, id);
	struct event ev = parse(body);
	assert_null(ev.quarantined);
	assert_string_equal(ev.type, name);
	assert_string_equal(ev.provider_event_id, id);
	event_free(&ev);
	name[EVENT_TYPE_MAX] = 'n';
	id[EVENT_ID_MAX] = 'i';
	(void)snprintf(body, sizeof(body), "{\"name\":\"a\",\"id\":\"%s\"}", id);
	ev = parse(body);
	assert_int_equal(strncmp(ev.idempotency_key, "id:idhash:", 10), 0);
	event_free(&ev);
	(void)snprintf(body, sizeof(body), "{\"name\":\"%s\"}", name);
	ev = parse(body);
	assert_string_equal(ev.quarantined, "unusable type");
	event_free(&ev);
}

static void deep_nesting_is_quarantined(void **state)
{
	(void)state;
	size_t depth = 1000000;
	char *body = malloc(depth);

	assert_non_null(body);
	memset(body, '[', depth);
	struct event ev = parse_bytes(body, depth);
	assert_string_equal(ev.quarantined, "not JSON: line 1, column 2049: nested too deep");
	event_free(&ev);
	free(body);
}

static void times_of_the_event(void **state)
{
	(void)state;
	static const struct {
		const char *body;
		int64_t at;
	} rows[] = {
		{"{\"name\":\"a\",\"created_at\":\"1970-01-01T00:00:01Z\"}", 1000},
		{"{\"name\":\"a\",\"entity\":{\"updated_at\":\"1970-01-01T00:00:02Z\"}}", 2000},
		{"{\"name\":\"a\",\"created_at\":5,\"entity\":{\"updated_at\":\"1970-01-01T00:00:"
		 "02Z\"}}",
			2000},
		{"{\"name\":\"a\",\"created_at\":\"yesterday\"}", 0},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct event ev = parse(rows[i].body);

		assert_int_equal(ev.occurred_at, rows[i].at);
		event_free(&ev);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_known_event),
		cmocka_unit_test(many_shapes_are_read),
		cmocka_unit_test(state_keys_name_the_moment_of_the_state),
		cmocka_unit_test(more_moments_than_expected_are_read),
		cmocka_unit_test(a_type_given_later_makes_the_state_key),
		cmocka_unit_test(keys_of_bodies_are_their_hashes),
		cmocka_unit_test(strange_ids_are_used_as_their_hash),
		cmocka_unit_test(lengths_are_bounded),
		cmocka_unit_test(deep_nesting_is_quarantined),
		cmocka_unit_test(times_of_the_event),
	};
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
