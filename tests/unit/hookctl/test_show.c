/* What `hookctl show` prints about order, skipping, failures and conditions. */
#include "hookctl/command_fixture.h"

#include <jansson.h>

/* What `hookctl show --store FILE ...` prints. */
static const char *run_show(const struct fixture *fx, const char *option, int64_t event)
{
	char path[128];
	char id[32];
	char option_text[16];
	char *argv[] = {(char[]){"show"}, (char[]){"--store"}, path, option_text, id, NULL};

	(void)snprintf(path, sizeof(path), "%s", fx->path);
	(void)snprintf(option_text, sizeof(option_text), "%s", option);
	(void)snprintf(id, sizeof(id), "%lld", (long long)event);
	return run_command(&ctl_show, 5, argv);
}

static void expect(const char *text, const char *line)
{
	if (strstr(text, line) == NULL)
		fail_msg("\"%s\" is missing in:\n%s", line, text);
}

/* An event whose deliveries are: DEAD with a status, one that reports it, one that was skipped, one
 * that is blocked. */
static int64_t make(struct fixture *fx, int64_t ids[2])
{
	char key[] = "id:2";
	char kind[] = "transaction";
	char entity[] = "7";
	char created[] = "transaction.created";
	int64_t held_hook[] = {fx->hooks[2]};

	/* gamma: one of the same entity goes before. */
	struct event first = fx_event(fx, key, "{}", 2);
	first.entity_kind = kind;
	first.entity_id = entity;
	first.type = created;
	first.occurred_at = 1000;
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &first, .hooks = held_hook, .hook_count = 1};
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);

	char own_key[] = "id:1";
	struct event ev = fx_event(fx, own_key, "{}", 2);
	ev.entity_kind = kind;
	ev.entity_id = entity;
	ev.type = created;
	ev.occurred_at = 2000;
	put.event = &ev;
	put.hooks = fx->hooks;
	put.hook_count = 3;
	put.declined = "mail-small\tentity.amount is \x1b[31m\nship\tentity.mode is moov\n";
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	int64_t event = put.event_id;
	(void)fx_put_entity(fx, "id:3", "transaction.approved", "7", 3000, 0);

	struct store_want wants[] = {{.hook = fx->hooks[0], .max = 1},
		{.hook = fx->hooks[1], .max = 1, .skip_stale = fx_states},
		{.hook = fx->hooks[2], .max = 1, .ordered = true}};
	struct store_claim c = {.op.kind = STORE_OP_CLAIM,
		.wants = wants,
		.want_count = 3,
		.total = 10,
		.now = clock_wall()};
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.job_count, 2);
	assert_int_equal(c.skip_count, 1);
	fx_claim_free(&c);
	c = (struct store_claim){.op.kind = STORE_OP_CLAIM,
		.wants = wants,
		.want_count = 3,
		.total = 10,
		.now = clock_wall()};
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK); /* blocks the second of gamma */
	assert_int_equal(c.job_count, 0);

	ids[0] = fx_number(fx, "SELECT id FROM deliveries WHERE hook_id = 1");
	ids[1] = fx_number(fx, "SELECT min(id) FROM deliveries WHERE hook_id = 3");
	struct attempt_outcome outcome = {
		.result = ATTEMPT_PERMFAIL, .exit_code = -1, .status = 404};
	struct store_settle s = {.op.kind = STORE_OP_SETTLE,
		.delivery = ids[0],
		.attempt = 1,
		.outcome = &outcome,
		.ended_at = clock_wall(),
		.state = DELIVERY_DEAD,
		.failure_hook = fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure")};
	assert_int_equal(store_wait(fx->st, &s.op), STORE_OK);
	return event;
}

static void test_for_people(void **state)
{
	struct fixture *fx = *state;
	int64_t ids[2];
	char line[128];
	int64_t event = make(fx, ids);
	const char *text = run_show(fx, "--", event);

	expect(text, "  declined         mail-small: entity.amount is \\x1b[31m\n");
	expect(text, "  declined         ship: entity.mode is moov\n");
	expect(text, ", status 404, took ");
	expect(text, "  state            SKIPPED, 0 attempts, 0 failed\n"
		     "  reason           overtaken by transaction.approved (event 3)\n");
	(void)snprintf(line, sizeof(line), "  blocked by delivery %lld\n", (long long)ids[1]);
	expect(text, line);
	(void)snprintf(line, sizeof(line),
		"  hook             alpha/on_failure\n"
		"  for delivery %lld, which was given up\n",
		(long long)ids[0]);
	expect(text, line);
}

static const char *text_at(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	assert_non_null(text);
	return text;
}

static void test_for_programs(void **state)
{
	struct fixture *fx = *state;
	int64_t ids[2];
	int64_t event = make(fx, ids);
	json_t *root = json_loads(run_show(fx, "--json", event), 0, NULL);

	assert_non_null(root);
	const json_t *declined = json_object_get(root, "declined");
	assert_int_equal(json_array_size(declined), 2);
	assert_string_equal(text_at(json_array_get(declined, 0), "hook"), "mail-small");
	assert_string_equal(
		text_at(json_array_get(declined, 0), "reason"), "entity.amount is \x1b[31m");
	assert_string_equal(text_at(json_array_get(declined, 1), "hook"), "ship");
	const json_t *deliveries = json_object_get(root, "deliveries");
	assert_int_equal(json_array_size(deliveries), 4);
	const json_t *dead = json_array_get(deliveries, 0);
	const json_t *skipped = json_array_get(deliveries, 1);
	const json_t *held = json_array_get(deliveries, 2);
	const json_t *telling = json_array_get(deliveries, 3);
	const json_t *attempt = json_array_get(json_object_get(dead, "attempts"), 0);
	assert_int_equal(json_integer_value(json_object_get(attempt, "status")), 404);
	assert_true(json_is_null(json_object_get(dead, "reason")));
	assert_true(json_is_null(json_object_get(dead, "behind")));
	assert_true(json_is_null(json_object_get(dead, "failed_id")));
	assert_string_equal(
		text_at(skipped, "reason"), "overtaken by transaction.approved (event 3)");
	assert_int_equal(json_integer_value(json_object_get(held, "behind")), ids[1]);
	assert_int_equal(json_integer_value(json_object_get(telling, "failed_id")), ids[0]);
	json_decref(root);
}

static void test_an_event_that_nobody_declined(void **state)
{
	struct fixture *fx = *state;
	int64_t event = fx_put(fx, "id:1", 1);

	assert_null(strstr(run_show(fx, "--", event), "declined"));
	json_t *root = json_loads(run_show(fx, "--json", event), 0, NULL);
	assert_int_equal(json_array_size(json_object_get(root, "declined")), 0);
	assert_true(json_is_array(json_object_get(root, "declined")));
	json_decref(root);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_for_people),
		OPEN(test_for_programs),
		OPEN(test_an_event_that_nobody_declined),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
