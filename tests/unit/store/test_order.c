/* One delivery of an entity at a time, in order: which one blocks which, and when it releases it.
 */
#include "order_fixture.h"

#define HOUR  3600000
#define READY "SELECT count(*) FROM deliveries WHERE state = 'READY'"

static void test_one_at_a_time_by_occurrence(void **state)
{
	struct fixture *fx = *state;
	int64_t third = put(fx, "id:3", "7", 3000);
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t second = put(fx, "id:2", "7", 2000);

	struct delivery_job job = claim_only(fx, first);
	assert_int_equal(fx_number(fx, BLOCKED), 2);
	claim_none(fx);
	finish(fx, job, DELIVERY_DONE);
	job = claim_only(fx, second);
	finish(fx, job, DELIVERY_DEAD); /* given up: the next one runs nevertheless */
	job = claim_only(fx, third);
	finish(fx, job, DELIVERY_DONE);
	assert_int_equal(fx_counts(fx).waiting, 0);
}

static void test_same_time_goes_by_arrival(void **state)
{
	struct fixture *fx = *state;
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t second = put(fx, "id:2", "7", 1000);

	struct delivery_job job = claim_only(fx, first);
	finish(fx, job, DELIVERY_DONE);
	(void)claim_only(fx, second);
}

static void test_without_occurrence_by_arrival(void **state)
{
	struct fixture *fx = *state;
	int64_t now = clock_wall();
	int64_t plain = put(fx, "id:1", "7", 0); /* received now */
	int64_t later = put(fx, "id:2", "7", now + HOUR);
	int64_t earlier = put(fx, "id:3", "7", now - HOUR);

	finish(fx, claim_only(fx, earlier), DELIVERY_DONE);
	finish(fx, claim_only(fx, plain), DELIVERY_DONE);
	finish(fx, claim_only(fx, later), DELIVERY_DONE);
}

static void test_entities_do_not_wait_for_each_other(void **state)
{
	struct fixture *fx = *state;

	(void)put(fx, "id:1", "7", 1000);
	(void)put(fx, "id:2", "7", 2000);
	(void)put(fx, "id:3", "8", 1500);
	(void)put(fx, "id:4", "8", 2500);
	/* The same id of another source, and of another kind, is another entity. */
	int64_t source = fx->source;
	fx->source = fx_name(fx->st, STORE_NAME_SOURCE, "other");
	(void)put(fx, "id:5", "7", 1500);
	fx->source = source;
	char key[] = "id:6";
	char entity[] = "7";
	char kind[] = "payout";
	struct event ev = fx_event(fx, key, "{}", 2);
	ev.entity_id = entity;
	ev.entity_kind = kind;
	struct store_put p = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = 1};
	assert_int_equal(store_wait(fx->st, &p.op), STORE_OK);

	struct store_claim c = claim(fx, 10);
	assert_int_equal(c.job_count, 4);
	assert_int_equal(fx_number(fx, BLOCKED), 2);
	fx_claim_free(&c);
}

static void test_hooks_do_not_wait_for_each_other(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_entity(fx, "id:1", "a.b", "7", 1000, 2);
	(void)fx_put_entity(fx, "id:2", "a.b", "7", 2000, 2);
	/* alpha's deliveries run in order, beta's do not. */
	struct store_want wants[] = {{.hook = fx->hooks[0], .max = 5, .ordered = true},
		{.hook = fx->hooks[1], .max = 5}};
	struct store_claim c = {.op.kind = STORE_OP_CLAIM,
		.wants = wants,
		.want_count = 2,
		.total = 10,
		.now = clock_wall()};
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.job_count, 3);
	assert_int_equal(fx_number(fx, BLOCKED), 1);
	fx_claim_free(&c);
}

static void test_without_an_entity_there_is_no_order(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	(void)fx_put(fx, "id:2", 1);
	struct store_claim c = claim(fx, 10);
	assert_int_equal(c.job_count, 2);
	fx_claim_free(&c);
}

static void test_a_retry_keeps_the_others_blocked(void **state)
{
	struct fixture *fx = *state;
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t second = put(fx, "id:2", "7", 2000);
	int64_t due = clock_wall() + HOUR;

	requeue(fx, claim_only(fx, first), due);
	struct store_claim c = claim(fx, 10);
	assert_int_equal(c.job_count, 0);
	assert_true(c.next_due == due); /* without the blocked one, which is due now */
	fx_claim_free(&c);
	struct store_shift shift = {.op.kind = STORE_OP_SHIFT, .delta = -2 * HOUR};
	assert_int_equal(store_wait(fx->st, &shift.op), STORE_OK);
	finish(fx, claim_only(fx, first), DELIVERY_DONE);
	finish(fx, claim_only(fx, second), DELIVERY_DONE);
}

static void test_one_that_comes_late_goes_before_those_that_wait(void **state)
{
	struct fixture *fx = *state;
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t third = put(fx, "id:3", "7", 3000);

	struct delivery_job job = claim_only(fx, first);
	int64_t second = put(fx, "id:2", "7", 2000);
	claim_none(fx);
	finish(fx, job, DELIVERY_DONE);
	finish(fx, claim_only(fx, second), DELIVERY_DONE);
	finish(fx, claim_only(fx, third), DELIVERY_DONE);
}

static void test_one_that_comes_too_late_waits_for_what_runs(void **state)
{
	struct fixture *fx = *state;
	int64_t second = put(fx, "id:2", "7", 2000);
	struct delivery_job running = claim_only(fx, second);
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t third = put(fx, "id:3", "7", 3000);

	claim_none(fx);
	finish(fx, running, DELIVERY_DONE);
	finish(fx, claim_only(fx, first), DELIVERY_DONE);
	finish(fx, claim_only(fx, third), DELIVERY_DONE);
}

/* The two must not block each other. */
static void test_a_retry_releases_one_that_comes_before_it(void **state)
{
	struct fixture *fx = *state;
	int64_t second = put(fx, "id:2", "7", 2000);
	struct delivery_job running = claim_only(fx, second);
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t third = put(fx, "id:3", "7", 3000);

	claim_none(fx);
	requeue(fx, running, 0);
	running = claim_only(fx, first);
	claim_none(fx);
	finish(fx, running, DELIVERY_DONE);
	finish(fx, claim_only(fx, second), DELIVERY_DONE);
	finish(fx, claim_only(fx, third), DELIVERY_DONE);
}

static void test_order_is_taken_out_of_the_config(void **state)
{
	struct fixture *fx = *state;
	int64_t first = put(fx, "id:1", "7", 1000);

	(void)put(fx, "id:2", "7", 2000);
	(void)put(fx, "id:3", "7", 3000);
	struct delivery_job job = claim_only(fx, first);
	/* From here on without order: blocked ones still get their turn. */
	for (int i = 0; i < 2; i++) {
		struct store_claim c = fx_claim(fx, 1, 10);
		assert_int_equal(c.job_count, 0);
		finish(fx, job, DELIVERY_DONE);
		c = fx_claim(fx, 1, 10);
		assert_int_equal(c.job_count, 1);
		job.delivery = c.jobs[0]->delivery;
		fx_claim_free(&c);
	}
	(void)put(fx, "id:4", "7", 4000);
	struct store_claim c = fx_claim(fx, 1, 10);
	assert_int_equal(c.job_count, 1); /* beside the one that runs */
	fx_claim_free(&c);
	finish(fx, job, DELIVERY_DONE);
	assert_int_equal(fx_number(fx, BLOCKED), 0);
}

static void test_order_comes_into_the_config(void **state)
{
	struct fixture *fx = *state;

	(void)put(fx, "id:1", "7", 2000);
	struct store_claim c = fx_claim(fx, 1, 10);
	struct delivery_job running = {.delivery = c.jobs[0]->delivery, .attempt = 1};
	fx_claim_free(&c);
	int64_t second = put(fx, "id:2", "7", 3000);
	claim_none(fx);
	finish(fx, running, DELIVERY_DONE);
	(void)claim_only(fx, second);
}

static int notified;

static void count_ready(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&notified, 1, __ATOMIC_RELAXED);
}

static void test_a_release_notifies_the_dispatcher(void **state)
{
	struct fixture *fx = *state;
	struct store_op ping = {.kind = STORE_OP_PING};
	struct store_options options = {
		.path = fx->path, .migrate = true, .backlog = 10, .on_ready = count_ready};

	fx_open_with(fx, &options);
	int64_t first = put(fx, "id:1", "7", 1000);
	(void)put(fx, "id:2", "7", 2000);
	struct delivery_job job = claim_only(fx, first);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	int before = __atomic_load_n(&notified, __ATOMIC_RELAXED);
	finish(fx, job, DELIVERY_DONE);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	assert_int_equal(__atomic_load_n(&notified, __ATOMIC_RELAXED), before + 1);
}

static void test_blocked_ones_are_waiting(void **state)
{
	struct fixture *fx = *state;
	int64_t first = put(fx, "id:1", "7", 1000);

	(void)put(fx, "id:2", "7", 2000);
	(void)put(fx, "id:3", "7", 3000);
	struct delivery_job job = claim_only(fx, first);
	assert_int_equal(fx_counts(fx).waiting, 3);
	fx_close(fx);
	fx_open(fx);
	assert_int_equal(fx_counts(fx).waiting, 3);
	assert_int_equal(fx_number(fx, BLOCKED), 2); /* the one that ran goes first again */
	finish(fx, job, DELIVERY_DONE);              /* from before the restart: too late */
	assert_int_equal(fx_number(fx, BLOCKED), 2);
	job = claim_only(fx, first);
	assert_int_equal(job.attempt, 2);
	finish(fx, job, DELIVERY_DONE);
	assert_int_equal(fx_number(fx, BLOCKED), 1);
}

static void test_a_blocked_retry_keeps_its_wait_when_the_clock_is_set(void **state)
{
	struct fixture *fx = *state;
	struct store_shift shift = {.op.kind = STORE_OP_SHIFT, .delta = HOUR};
	int64_t second = put(fx, "id:2", "7", 2000);
	struct delivery_job running = claim_only(fx, second);
	int64_t first = put(fx, "id:1", "7", 1000);

	requeue(fx, running, 5);
	(void)claim_only(fx, first);
	assert_int_equal(fx_number(fx, BLOCKED), 1);
	assert_int_equal(store_wait(fx->st, &shift.op), STORE_OK);
	assert_int_equal(
		fx_number(fx, "SELECT due_at FROM deliveries WHERE blocked_by IS NOT NULL"),
		HOUR + 5);
}

/* The ordering keys that a claim set are rolled back with it. */
static void test_order_after_a_claim_that_failed(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	int64_t second = put(fx, "id:2", "7", 2000);
	int64_t first = put(fx, "id:1", "7", 1000);

	fx_exec(fx->path, "INSERT INTO attempts(delivery_id, number, started_at)"
			  " SELECT id, 1, 1 FROM deliveries");
	capture_begin(&capture);
	struct store_claim c = fx_claim_as(fx, 1, 10, in_order);
	assert_non_null(strstr(capture_end(&capture), "UNIQUE constraint"));
	assert_int_equal(c.op.result, STORE_ERROR);
	fx_exec(fx->path, "DELETE FROM attempts");
	finish(fx, claim_only(fx, first), DELIVERY_DONE);
	finish(fx, claim_only(fx, second), DELIVERY_DONE);
}

/* A crash while a later one ran that blocks an earlier one. */
static void test_at_start_no_two_block_each_other(void **state)
{
	struct fixture *fx = *state;
	int64_t second = put(fx, "id:2", "7", 2000);

	(void)claim_only(fx, second);
	int64_t first = put(fx, "id:1", "7", 1000);
	claim_none(fx);
	assert_int_equal(fx_number(fx, BLOCKED), 1);
	fx_close(fx);
	fx_open(fx);
	finish(fx, claim_only(fx, first), DELIVERY_DONE);
	finish(fx, claim_only(fx, second), DELIVERY_DONE);
}

static void test_at_start_nothing_ended_or_gone_blocks(void **state)
{
	struct fixture *fx = *state;
	static const char *const breaks[] = {
		"UPDATE deliveries SET state = 'DONE' WHERE state = 'RUNNING'",
		"DELETE FROM events WHERE idempotency_key = 'id:1'"};

	for (size_t i = 0; i < 2; i++) {
		int64_t first = put(fx, "id:1", "7", 1000);
		int64_t second = put(fx, "id:2", "7", 2000);
		(void)claim_only(fx, first);
		assert_int_equal(fx_number(fx, BLOCKED), 1);
		fx_close(fx);
		fx_exec(fx->path, breaks[i]);
		if (i == 1)
			fx_exec(fx->path, "DELETE FROM attempts; DELETE FROM deliveries"
					  " WHERE event_id NOT IN (SELECT id FROM events)");
		fx_open(fx);
		finish(fx, claim_only(fx, second), DELIVERY_DONE);
		assert_int_equal(fx_number(fx, READY), 0);
		fx_exec(fx->path, "DELETE FROM attempts; DELETE FROM deliveries;"
				  "DELETE FROM events");
	}
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_one_at_a_time_by_occurrence),
		OPEN(test_same_time_goes_by_arrival),
		OPEN(test_without_occurrence_by_arrival),
		OPEN(test_entities_do_not_wait_for_each_other),
		OPEN(test_hooks_do_not_wait_for_each_other),
		OPEN(test_without_an_entity_there_is_no_order),
		OPEN(test_a_retry_keeps_the_others_blocked),
		OPEN(test_one_that_comes_late_goes_before_those_that_wait),
		OPEN(test_one_that_comes_too_late_waits_for_what_runs),
		OPEN(test_a_retry_releases_one_that_comes_before_it),
		OPEN(test_order_is_taken_out_of_the_config),
		OPEN(test_order_comes_into_the_config),
		cmocka_unit_test_setup_teardown(
			test_a_release_notifies_the_dispatcher, fx_make, fx_remove),
		OPEN(test_blocked_ones_are_waiting),
		OPEN(test_a_blocked_retry_keeps_its_wait_when_the_clock_is_set),
		OPEN(test_order_after_a_claim_that_failed),
		OPEN(test_at_start_no_two_block_each_other),
		OPEN(test_at_start_nothing_ended_or_gone_blocks),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
