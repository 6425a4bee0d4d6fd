/* Deliveries that a later state of their entity has overtaken. */
#include "fixture.h"
#include "store/sqlite/db.h"

static const struct store_want stale = {.ordered = true, .skip_stale = fx_states};

static struct store_claim claim(struct fixture *fx)
{
	struct store_claim c = fx_claim_as(fx, 1, 10, stale);

	assert_int_equal(c.op.result, STORE_OK);
	return c;
}

static void test_overtaken_ones_are_skipped(void **state)
{
	struct fixture *fx = *state;
	char sql[512];
	char reason[128];
	int64_t created = fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	int64_t approved = fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 1);
	int64_t before = clock_wall();

	(void)snprintf(reason, sizeof(reason), "overtaken by transaction.approved (event %lld)",
		(long long)approved);
	struct store_claim c = claim(fx);
	assert_int_equal(c.skip_count, 1);
	assert_int_equal(c.skips[0].event, created);
	assert_int_equal(c.skips[0].hook, fx->hooks[0]);
	assert_string_equal(c.skips[0].reason, reason);
	(void)snprintf(sql, sizeof(sql),
		"SELECT count(*) FROM deliveries WHERE id = %lld AND event_id = %lld"
		" AND state = 'SKIPPED' AND reason = '%s' AND attempts = 0 AND ended_at >= %lld",
		(long long)c.skips[0].delivery, (long long)created, reason, (long long)before);
	assert_int_equal(fx_number(fx, sql), 1);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->event, approved);
	assert_int_equal(fx_counts(fx).waiting, 1);
	fx_claim_free(&c);
	/* It stays so. */
	fx_close(fx);
	fx_open(fx);
	assert_int_equal(fx_counts(fx).waiting, 1);
	c = claim(fx);
	assert_int_equal(c.skip_count, 0);
	assert_null(c.skips);
	fx_claim_free(&c);
}

static void test_what_waited_for_a_skipped_one_goes_on_at_once(void **state)
{
	struct fixture *fx = *state;
	int64_t approved = fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 1);

	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	/* The first one read is blocked, then the other one is skipped. */
	struct store_claim c = claim(fx);
	assert_int_equal(c.skip_count, 1);
	assert_int_equal(c.job_count, 0);
	assert_true(c.next_due <= clock_wall());
	fx_claim_free(&c);
	c = claim(fx);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->event, approved);
	fx_claim_free(&c);
}

static size_t skipped_of(struct fixture *fx)
{
	struct store_claim c = claim(fx);
	size_t count = c.skip_count;

	for (size_t i = 0; i < c.job_count; i++)
		(void)fx_settle(
			fx, c.jobs[i]->delivery, c.jobs[i]->attempt, ATTEMPT_OK, DELIVERY_DONE, 0);
	fx_claim_free(&c);
	return count;
}

static void test_what_is_not_overtaken_is_not_skipped(void **state)
{
	struct fixture *fx = *state;

	/* The same rank; no state of a life cycle; another entity. */
	(void)fx_put_entity(fx, "id:1", "transaction.declined", "7", 1000, 1);
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 0);
	(void)fx_put_entity(fx, "id:3", "transaction.updated", "8", 1000, 1);
	(void)fx_put_entity(fx, "id:4", "transaction.approved", "8", 2000, 0);
	(void)fx_put_entity(fx, "id:5", "transaction.created", "9", 1000, 1);
	(void)fx_put_entity(fx, "id:6", "transaction.updated", "9", 2000, 0);
	(void)fx_put(fx, "id:7", 1);
	assert_int_equal(skipped_of(fx), 0);
	assert_int_equal(fx_counts(fx).waiting, 0);
}

static void test_another_source_or_quarantined_does_not_count(void **state)
{
	struct fixture *fx = *state;
	char key[] = "sha256:1";
	char entity[] = "7";
	char kind[] = "transaction";
	struct event ev = fx_event(fx, key, "{}", 2);
	ev.entity_id = entity;
	ev.entity_kind = kind;
	ev.quarantined = "unusable type";
	struct store_put put = {.op.kind = STORE_OP_PUT, .event = &ev};

	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	fx->source = fx_name(fx->st, STORE_NAME_SOURCE, "other");
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 0);
	assert_int_equal(skipped_of(fx), 0);
}

static void test_the_furthest_state_is_named_and_of_those_the_latest(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	(void)fx_put_entity(fx, "id:2", "transaction.refunded", "7", 4000, 0);
	int64_t latest = fx_put_entity(fx, "id:3", "transaction.transferred", "7", 3000, 0);
	(void)fx_put_entity(fx, "id:4", "transaction.approved", "7", 2000, 0);
	struct store_claim c = claim(fx);
	char reason[128];
	(void)snprintf(reason, sizeof(reason), "overtaken by transaction.transferred (event %lld)",
		(long long)latest);
	assert_int_equal(c.skip_count, 1);
	assert_string_equal(c.skips[0].reason, reason);
	fx_claim_free(&c);
}

/* Refunded, then approved once more: what the approval brings was never overtaken. */
static void test_an_earlier_event_of_a_later_state_overtakes_nothing(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_entity(fx, "id:1", "transaction.refunded", "7", 1000, 0);
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 1);
	/* It arrives later, but is of before. */
	(void)fx_put_entity(fx, "id:3", "transaction.approved", "8", 2000, 1);
	(void)fx_put_entity(fx, "id:4", "transaction.transferred", "8", 1999, 0);
	assert_int_equal(skipped_of(fx), 0);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'DONE'"), 2);
}

/* Senders' times are often whole seconds: then the state decides, whichever came first. */
static void test_of_one_time_the_later_state_overtakes(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_entity(fx, "id:1", "transaction.approved", "7", 1000, 0);
	(void)fx_put_entity(fx, "id:2", "transaction.created", "7", 1000, 1);
	(void)fx_put_entity(fx, "id:3", "transaction.created", "8", 1000, 1);
	(void)fx_put_entity(fx, "id:4", "transaction.approved", "8", 1000, 0);
	assert_int_equal(skipped_of(fx), 2);
}

/* Then the time at which it was received counts. */
static void test_without_a_time_of_its_own_the_arrival_counts(void **state)
{
	struct fixture *fx = *state;
	int64_t now = clock_wall();

	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 0, 1);
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", now - 60000, 0);
	assert_int_equal(skipped_of(fx), 0);
	(void)fx_put_entity(fx, "id:3", "transaction.created", "8", 0, 1);
	(void)fx_put_entity(fx, "id:4", "transaction.approved", "8", now + 60000, 0);
	(void)fx_put_entity(fx, "id:5", "transaction.created", "9", now - 60000, 1);
	(void)fx_put_entity(fx, "id:6", "transaction.approved", "9", 0, 0);
	assert_int_equal(skipped_of(fx), 2);
}

static void test_an_event_without_a_hook_overtakes_too(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 0);
	assert_int_equal(skipped_of(fx), 1);
	assert_int_equal(fx_counts(fx).waiting, 0);
}

/* A retry is checked again, as it may be overtaken by then. */
static void test_a_retry_may_be_overtaken(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	struct store_claim c = claim(fx);
	assert_int_equal(c.job_count, 1);
	(void)fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, 0);
	fx_claim_free(&c);
	(void)fx_put_entity(fx, "id:2", "transaction.deleted", "7", 2000, 0);
	assert_int_equal(skipped_of(fx), 1);
	assert_int_equal(fx_number(fx, "SELECT failures FROM deliveries"), 1);
}

static void test_what_runs_is_not_skipped(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	struct store_claim c = claim(fx);
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 0);
	assert_int_equal(skipped_of(fx), 0);
	assert_int_equal(
		fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0), STORE_OK);
	assert_int_equal(fx_number(fx, "SELECT state = 'DONE' FROM deliveries"), 1);
	fx_claim_free(&c);
}

/* Skipped deliveries do not count towards the wanted number. */
static void test_skipped_ones_take_no_room(void **state)
{
	struct fixture *fx = *state;

	for (int i = 0; i < 50; i++) {
		char key[16];
		char entity[16];
		(void)snprintf(entity, sizeof(entity), "%d", i);
		(void)snprintf(key, sizeof(key), "c:%d", i);
		(void)fx_put_entity(fx, key, "transaction.created", entity, 1000, 1);
		(void)snprintf(key, sizeof(key), "a:%d", i);
		(void)fx_put_entity(fx, key, "transaction.approved", entity, 2000, i == 49);
	}
	struct store_claim c = fx_claim_as(fx, 1, 1, stale);
	assert_int_equal(c.skip_count, 50);
	assert_int_equal(c.job_count, 1);
	assert_string_equal(c.jobs[0]->idempotency_key, "fedapay/a:49/alpha");
	fx_claim_free(&c);
}

/* A claim that fails leaves nothing skipped or blocked. */
static void test_a_claim_that_fails_skips_nothing(void **state)
{
	struct fixture *fx = *state;
	struct store_op ping = {.kind = STORE_OP_PING};
	struct capture capture;

	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 1);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	fx_exec(fx->path, "INSERT INTO attempts(delivery_id, number, started_at) VALUES(2, 1, 1)");
	capture_begin(&capture);
	struct store_claim c = fx_claim_as(fx, 1, 10, stale);
	assert_non_null(strstr(capture_end(&capture), "UNIQUE constraint"));
	assert_int_equal(c.op.result, STORE_ERROR);
	assert_null(c.skips);
	assert_int_equal(c.skip_count, 0);
	assert_int_equal(fx_counts(fx).waiting, 2);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'READY'"
				       " AND blocked_by IS NULL AND ordering_key IS NULL"),
		2);
	fx_exec(fx->path, "DELETE FROM attempts");
	assert_int_equal(skipped_of(fx), 1);
	(void)skipped_of(fx);
	assert_int_equal(fx_counts(fx).waiting, 0);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_overtaken_ones_are_skipped),
		OPEN(test_what_waited_for_a_skipped_one_goes_on_at_once),
		OPEN(test_what_is_not_overtaken_is_not_skipped),
		OPEN(test_another_source_or_quarantined_does_not_count),
		OPEN(test_the_furthest_state_is_named_and_of_those_the_latest),
		OPEN(test_an_earlier_event_of_a_later_state_overtakes_nothing),
		OPEN(test_of_one_time_the_later_state_overtakes),
		OPEN(test_without_a_time_of_its_own_the_arrival_counts),
		OPEN(test_an_event_without_a_hook_overtakes_too),
		OPEN(test_a_retry_may_be_overtaken),
		OPEN(test_what_runs_is_not_skipped),
		OPEN(test_skipped_ones_take_no_room),
		OPEN(test_a_claim_that_fails_skips_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
