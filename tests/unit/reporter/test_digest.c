/* What the digest reports about one day of a store. */
#include "reporter/digest.h"
#include "store/fixture.h"

#include <jansson.h>

#define DAY INT64_C(86400000)
#define TO  (20000 * DAY)

static void arrive(struct fixture *fx, const char *key, const char *type, const char *payload,
	int64_t at, size_t hooks)
{
	char key_copy[64], type_copy[64];

	(void)snprintf(key_copy, sizeof(key_copy), "%s", key);
	(void)snprintf(type_copy, sizeof(type_copy), "%s", type);
	struct event ev = fx_event(fx, key_copy, payload, strlen(payload));
	ev.type = type_copy;
	ev.received_at = at;
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = hooks};
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
}

static void approve(struct fixture *fx, const char *key, int id, const char *amount,
	const char *currency, int64_t at)
{
	char payload[256];

	(void)snprintf(payload, sizeof(payload),
		"{\"name\":\"transaction.approved\",\"entity\":{\"id\":%d,\"amount\":%s,"
		"\"currency\":{\"iso\":\"%s\"}}}",
		id, amount, currency);
	arrive(fx, key, "transaction.approved", payload, at, 0);
}

static const struct digest_held held[] = {{"alpha", "answered 503\n", TO}, {"removed", "", TO}};
static size_t held_count;

static json_t *digest(const struct fixture *fx, int64_t from, int64_t to, int64_t *died)
{
	static const struct conf conf; /* no source: FedaPay is assumed */
	char why[STORE_READ_WHY];
	struct store_reader *r = store_reader_open(fx->path, why);
	const struct digest_scope scope = {from, to, held, held_count};
	struct buf body = {0};
	json_t *root;

	if (r == NULL || !digest_make(r, &conf, &scope, &body, died, why))
		fail_msg("%s", why);
	store_reader_close(r);
	root = json_loadb(body.data, body.len, 0, NULL);
	assert_non_null(root);
	buf_free(&body);
	return root;
}

static const char *text_of(const json_t *root)
{
	return json_string_value(json_object_get(root, "text"));
}

static void assert_says(const json_t *root, const char *what)
{
	if (strstr(text_of(root), what) == NULL)
		fail_msg("no \"%s\" in:\n%s", what, text_of(root));
}

static void test_an_empty_day(void **state)
{
	int64_t died = -1;
	json_t *root = digest(*state, TO - DAY, TO, &died);

	assert_int_equal(died, 0);
	assert_string_equal(json_string_value(json_object_get(root, "name")), "hookd.digest");
	assert_string_equal(
		json_string_value(json_object_get(root, "id")), "digest-2024-10-04T00:00:00.000Z");
	assert_says(root, "Nothing is dead.");
	assert_non_null(strstr(json_string_value(json_object_get(root, "subject")), ": 0 events"));
	json_decref(root);
}

static void test_sums_by_currency_each_transaction_once(void **state)
{
	struct fixture *fx = *state;
	int64_t died;
	json_t *root, *sums;

	approve(fx, "a", 1, "4000", "XOF", TO - DAY);
	approve(fx, "b", 2, "6500", "XOF", TO - 1);
	approve(fx, "b again", 2, "6500", "XOF", TO - 1);
	approve(fx, "c", 3, "123456", "EUR", TO - 2);
	approve(fx, "d", 4, "\"no number\"", "XOF", TO - 2);
	approve(fx, "e", 7, "12.00", "EUR", TO - 2);
	approve(fx, "f", 8, "\"0.5\"", "EUR", TO - 2);
	approve(fx, "g", 9, "0.555", "EUR", TO - 2);
	approve(fx, "h", 10, "5", "\u202e", TO - 2);
	approve(fx, "before", 5, "999", "XOF", TO - DAY - 1);
	approve(fx, "after", 6, "999", "XOF", TO);
	root = digest(fx, TO - DAY, TO, &died);
	assert_says(root, "3  for 10 500 FCFA, 1 of them not in the sum");
	assert_says(root, "4  for 1 247,06 EUR, 1 of them not in the sum");
	assert_says(root, "1  for 5 \\xe2\\x80\\xae");
	assert_says(root, "9  transaction.approved from fedapay");
	sums = json_object_get(root, "approved");
	assert_int_equal(json_array_size(sums), 3);
	assert_int_equal(
		json_integer_value(json_object_get(json_array_get(sums, 0), "amount")), 10500);
	json_decref(root);
}

static void report_state(
	struct fixture *fx, const char *id, const char *state, const char *moment, int64_t at)
{
	char key[64], type[64], payload[256];
	char entity[16], kind[] = "transaction";

	(void)snprintf(key, sizeof(key), "%s %s %s", id, state, moment);
	(void)snprintf(type, sizeof(type), "transaction.%s", state);
	(void)snprintf(entity, sizeof(entity), "%s", id);
	(void)snprintf(payload, sizeof(payload),
		"{\"name\":\"%s\",\"entity\":{\"id\":%s,\"%s_at\":\"2026-06-30T%sZ\"}}", type, id,
		state, moment);
	struct event ev = fx_event(fx, key, payload, strlen(payload));
	ev.type = type;
	ev.received_at = at;
	ev.entity_id = entity;
	ev.entity_kind = kind;
	struct store_put put = {.op.kind = STORE_OP_PUT, .event = &ev};
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
}

/* In the digest of the period in which it became apparent, and in no other. */
static void test_what_cannot_be_is_reported_once(void **state)
{
	struct fixture *fx = *state;
	int64_t died;
	json_t *root;

	report_state(fx, "7", "refunded", "10:00:00", TO - DAY);
	report_state(fx, "7", "approved", "11:00:00", TO - 5);
	report_state(fx, "8", "approved", "10:00:00", TO - 5);
	report_state(fx, "8", "transferred", "11:00:00", TO - 5);
	report_state(fx, "7", "transferred", "12:00:00", TO + 5);
	root = digest(fx, TO - DAY, TO, &died);
	assert_says(root, "What cannot be: ask the sender which is true (hookctl show)\n"
			  "  transaction:7\n"
			  "    \"refunded\" (event 1) was before \"approved\" (event 2)\n\n");
	assert_int_equal(json_array_size(json_object_get(root, "contradictions")), 1);
	json_decref(root);
	root = digest(fx, TO, TO + 6, &died);
	assert_int_equal(json_array_size(json_object_get(root, "contradictions")), 0);
	json_decref(root);
}

static void test_what_is_damaged_is_not_summed(void **state)
{
	struct fixture *fx = *state;
	int64_t died;

	approve(fx, "a", 1, "4000", "XOF", TO - 2);
	approve(fx, "b", 2, "6500", "XOF", TO - 1);
	fx_exec(fx->path, "UPDATE events SET payload = CAST(replace(CAST(payload AS TEXT), '6500',"
			  " '9500') AS BLOB)");
	json_t *root = digest(fx, TO - DAY, TO, &died);
	assert_says(root, "1  for 4 000 FCFA");
	assert_says(root, "1  not counted: their payload is damaged");
	json_decref(root);
}

static void test_hooks_and_what_is_dead(void **state)
{
	struct fixture *fx = *state;
	struct store_claim c;
	int64_t died;
	json_t *root;

	arrive(fx, "k", "transaction.approved", "{}", clock_wall() - 1000, 2);
	c = fx_claim(fx, 2, 2);
	assert_int_equal(c.job_count, 2);
	assert_int_equal(
		fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0), STORE_OK);
	assert_int_equal(fx_settle(fx, c.jobs[1]->delivery, 1, ATTEMPT_PERMFAIL, DELIVERY_DEAD, 0),
		STORE_OK);
	fx_claim_free(&c);
	root = digest(fx, clock_wall() - DAY, clock_wall() + DAY, &died);
	assert_int_equal(died, 1);
	assert_says(root, "1         0         0         0  alpha");
	assert_says(root, "0         1         0         0  beta");
	assert_says(root, "Dead: 1, 1 of them in this period");
	assert_says(root, "event 1  transaction.approved  beta, 1 attempt");
	assert_says(root, "hookctl replay");
	assert_non_null(
		strstr(json_string_value(json_object_get(root, "subject")), "1 dead (1 new)"));
	json_decref(root);
	root = digest(fx, clock_wall() + DAY, clock_wall() + 2 * DAY, &died);
	assert_int_equal(died, 0);
	assert_says(root, "Dead: 1, 0 of them in this period");
	json_decref(root);
}

static void test_hooks_that_are_held(void **state)
{
	struct fixture *fx = *state;
	int64_t died;
	json_t *root, *list;

	arrive(fx, "k", "transaction.approved", "{}", TO - 1, 2);
	arrive(fx, "l", "transaction.approved", "{}", TO - 1, 1);
	root = digest(fx, TO - DAY, TO, &died);
	assert_null(strstr(text_of(root), "Held"));
	assert_int_equal(json_array_size(json_object_get(root, "held")), 0);
	json_decref(root);
	held_count = 2;
	root = digest(fx, TO - DAY, TO, &died);
	held_count = 0;
	assert_says(
		root, "Held, because the target is down\n        2  wait for alpha, held since 20");
	assert_says(root, "\n    answered 503\\n\n");
	assert_non_null(strstr(json_string_value(json_object_get(root, "subject")), ", 1 held"));
	list = json_object_get(root, "held");
	assert_int_equal(json_array_size(list), 1);
	list = json_array_get(list, 0);
	assert_string_equal(json_string_value(json_object_get(list, "hook")), "alpha");
	assert_string_equal(
		json_string_value(json_object_get(list, "since")), "2024-10-04T00:00:00.000Z");
	assert_string_equal(json_string_value(json_object_get(list, "reason")), "answered 503\n");
	assert_int_equal(json_integer_value(json_object_get(list, "waiting")), 2);
	json_decref(root);
}

/* Names come from the config, but types and keys from outside. */
static void test_lines_stay_lines(void **state)
{
	struct fixture *fx = *state;
	int64_t died;
	json_t *root;

	arrive(fx, "k", "evil\nHooks: none\x1b[31m", "{}", TO - 1, 0);
	root = digest(fx, TO - DAY, TO, &died);
	assert_says(root, "evil\\nHooks: none\\x1b[31m");
	json_decref(root);
	arrive(fx, "l", "tr\xe9s", "{}", TO - 1, 0); /* of hookctl release --type, once */
	root = digest(fx, TO - DAY, TO, &died);
	assert_says(root, "tr\\xe9s");
	assert_int_equal(json_array_size(json_object_get(root, "events")), 2);
	json_decref(root);
}

static void test_a_transfer_is_no_second_payment(void **state)
{
	struct fixture *fx = *state;
	int64_t died;

	approve(fx, "a", 1, "5000", "XOF", TO - 2000);
	arrive(fx, "b", "transaction.transferred",
		"{\"name\":\"transaction.transferred\",\"entity\":{\"id\":1,\"amount\":5000,"
		"\"currency\":{\"iso\":\"XOF\"}}}",
		TO - 1000, 0);
	json_t *root = digest(fx, TO - DAY, TO, &died);
	const json_t *sum = json_array_get(json_object_get(root, "approved"), 0);
	assert_int_equal(json_array_size(json_object_get(root, "approved")), 1);
	assert_int_equal(json_integer_value(json_object_get(sum, "count")), 1);
	json_decref(root);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_what_cannot_be_is_reported_once, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(test_an_empty_day, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_sums_by_currency_each_transaction_once, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_a_transfer_is_no_second_payment, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_what_is_damaged_is_not_summed, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_hooks_and_what_is_dead, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(test_hooks_that_are_held, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(test_lines_stay_lines, fx_make_open, fx_remove),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
