/* Claiming deliveries and settling them. */
#include "fixture.h"
#include "store/change.h"

#define HOUR 3600000

static void test_job_carries_all_its_action_needs(void **state)
{
	struct fixture *fx = *state;
	int64_t before = clock_wall();
	int64_t event = fx_put(fx, "id:9876543", 1);
	struct store_claim c = fx_claim(fx, 1, 5);

	assert_int_equal(c.op.result, STORE_OK);
	assert_int_equal(c.job_count, 1);
	const struct delivery_job *job = c.jobs[0];
	assert_int_equal(job->event, event);
	assert_int_equal(job->hook, fx->hooks[0]);
	assert_int_equal(job->attempt, 1);
	assert_int_equal(job->failures, 0);
	assert_int_equal(job->crashes, 0);
	assert_string_equal(job->source, "fedapay");
	assert_string_equal(job->type, "transaction.approved");
	assert_string_equal(job->idempotency_key, "fedapay/id:9876543/alpha");
	assert_memory_equal(job->payload, "{}", 2);
	assert_true(job->started_at >= before);
	assert_true(c.next_due == INT64_MAX);
	fx_claim_free(&c);
}

static void test_what_runs_is_not_claimed_again(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	struct store_claim first = fx_claim(fx, 1, 5);
	struct store_claim second = fx_claim(fx, 1, 5);
	assert_int_equal(first.job_count, 1);
	assert_int_equal(second.job_count, 0);
	assert_null(second.jobs);
	fx_claim_free(&first);
}

static void test_oldest_due_goes_first(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_aged(fx, "id:new", 1, 10);
	(void)fx_put_aged(fx, "id:old", 1, 5000);
	struct store_claim c = fx_claim(fx, 1, 1);
	assert_int_equal(c.job_count, 1);
	assert_string_equal(c.jobs[0]->idempotency_key, "fedapay/id:old/alpha");
	assert_true(c.next_due <= clock_wall()); /* the other one is due already */
	fx_claim_free(&c);
}

static void test_hooks_take_turns(void **state)
{
	struct fixture *fx = *state;
	char key[32];

	/* alpha has a long queue, older than beta's and gamma's. */
	for (int i = 0; i < 50; i++) {
		(void)snprintf(key, sizeof(key), "id:%d", i);
		assert_int_equal(fx_put_aged(fx, key, 1, 60000).op.result, STORE_OK);
	}
	(void)fx_put(fx, "id:a", 3);
	struct store_claim c = fx_claim(fx, 3, 6);
	assert_int_equal(c.job_count, 6);
	static const size_t turns[] = {0, 1, 2, 0, 0, 0};
	for (size_t i = 0; i < 6; i++)
		assert_int_equal(c.jobs[i]->hook, fx->hooks[turns[i]]);
	fx_claim_free(&c);
}

static void test_a_hook_gets_no_more_than_it_wants(void **state)
{
	struct fixture *fx = *state;
	struct store_want wants[] = {{.hook = fx->hooks[0], .max = 1},
		{.hook = fx->hooks[1], .max = 2}, {.hook = fx->hooks[0], .max = 1}};
	struct store_claim c = {
		.op.kind = STORE_OP_CLAIM, .wants = wants, .want_count = 2, .total = 100};

	(void)fx_put(fx, "id:1", 3);
	(void)fx_put(fx, "id:2", 3);
	(void)fx_put(fx, "id:3", 3);
	c.now = clock_wall();
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.job_count, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_not_equal(c.jobs[i]->hook, fx->hooks[2]);
	fx_claim_free(&c);
	/* A delivery is never claimed twice, even if its hook is wanted twice. */
	c.want_count = 3;
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	for (size_t i = 1; i < c.job_count; i++)
		assert_int_not_equal(c.jobs[i]->delivery, c.jobs[0]->delivery);
	fx_claim_free(&c);
}

static void test_nothing_wanted_gives_nothing(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	struct store_claim c = fx_claim(fx, 0, 10);
	assert_int_equal(c.op.result, STORE_OK);
	assert_int_equal(c.job_count, 0);
	c = fx_claim(fx, 1, 0);
	assert_int_equal(c.op.result, STORE_OK);
	assert_int_equal(c.job_count, 0);
}

static void test_a_failed_one_waits_until_it_is_due(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	struct store_claim c = fx_claim(fx, 1, 1);
	int64_t delivery = c.jobs[0]->delivery;
	fx_claim_free(&c);
	int64_t due = clock_wall() + HOUR;
	assert_int_equal(
		fx_settle(fx, delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, due), STORE_OK);
	c = fx_claim(fx, 1, 1);
	assert_int_equal(c.job_count, 0);
	assert_true(c.next_due == due);
	assert_int_equal(fx_counts(fx).waiting, 1);

	/* The clock is set ahead by more than an hour, and the due times are shifted back. */
	struct store_shift shift = {.op.kind = STORE_OP_SHIFT, .delta = -2 * HOUR};
	assert_int_equal(store_wait(fx->st, &shift.op), STORE_OK);
	c = fx_claim(fx, 1, 1);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->attempt, 2);
	assert_int_equal(c.jobs[0]->failures, 1);
	assert_int_equal(c.jobs[0]->crashes, 0);
	fx_claim_free(&c);
}

/* Its event was received while the clock was ahead, or just before the clock was set back. */
static void test_what_was_never_tried_is_due_at_once(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_aged(fx, "id:1", 1, -2 * HOUR);
	(void)fx_put(fx, "id:2", 1);
	struct store_claim c = fx_claim(fx, 1, 2);
	assert_int_equal(c.job_count, 2);
	assert_string_equal(c.jobs[0]->idempotency_key, "fedapay/id:1/alpha");
	fx_claim_free(&c);
}

/* hookd ran with a clock that was two hours ahead, and was started again with the right time. */
static void test_a_clock_that_was_ahead_delays_nothing_after_a_start(void **state)
{
	struct fixture *fx = *state;
	int64_t now = clock_wall();
	char sql[512];

	(void)fx_put(fx, "id:tried", 1);
	struct store_claim c = fx_claim(fx, 1, 1);
	(void)fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, now);
	fx_claim_free(&c);
	(void)fx_put(fx, "id:new", 1);
	(void)fx_put(fx, "id:blocked", 1);
	(void)snprintf(sql, sizeof(sql),
		"UPDATE deliveries SET due_at = due_at + 7200000;"
		"UPDATE attempts SET ended_at = ended_at + 7200000;"
		"UPDATE deliveries SET due_at = due_at + 60000 WHERE attempts = 1;"
		"UPDATE deliveries SET ordering_key = 'x', ordering_at = id WHERE id > 1;"
		"UPDATE deliveries SET blocked_by = 2 WHERE id = 3");
	fx_close(fx);
	fx_exec(fx->path, sql);
	fx_open(fx);
	c = fx_claim(fx, 1, 3);
	assert_int_equal(c.job_count, 1);
	assert_string_equal(c.jobs[0]->idempotency_key, "fedapay/id:new/alpha");
	fx_claim_free(&c);
	assert_true(fx_number(fx, "SELECT due_at FROM deliveries WHERE id = 3") <= clock_wall());
	/* It waits as long as it would have. */
	int64_t due = fx_number(fx, "SELECT due_at FROM deliveries WHERE id = 1");
	assert_in_range(due - now, 59000, 180000);
}

static void test_interrupted_ones_do_not_count_as_failures(void **state)
{
	struct fixture *fx = *state;
	static const enum attempt_result results[] = {
		ATTEMPT_INTERRUPTED, ATTEMPT_TEMPFAIL, ATTEMPT_INTERRUPTED};

	(void)fx_put(fx, "id:1", 1);
	for (unsigned i = 0; i < 3; i++) {
		struct store_claim c = fx_claim(fx, 1, 1);
		assert_int_equal(c.job_count, 1);
		assert_int_equal(
			fx_settle(fx, c.jobs[0]->delivery, i + 1, results[i], DELIVERY_READY, 0),
			STORE_OK);
		fx_claim_free(&c);
	}
	struct store_claim c = fx_claim(fx, 1, 1);
	assert_int_equal(c.jobs[0]->attempt, 4);
	assert_int_equal(c.jobs[0]->failures, 1);
	assert_int_equal(c.jobs[0]->crashes, 0);
	fx_claim_free(&c);
}

static void test_done_and_dead_are_over(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 2);
	struct store_claim c = fx_claim(fx, 2, 2);
	assert_int_equal(c.job_count, 2);
	assert_int_equal(
		fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0), STORE_OK);
	assert_int_equal(fx_settle(fx, c.jobs[1]->delivery, 1, ATTEMPT_PERMFAIL, DELIVERY_DEAD, 0),
		STORE_OK);
	fx_claim_free(&c);
	c = fx_claim(fx, 2, 2);
	assert_int_equal(c.job_count, 0);
	assert_true(c.next_due == INT64_MAX);
	assert_int_equal(fx_counts(fx).waiting, 0);
	assert_int_equal(fx_counts(fx).dead, 1);
	fx_close(fx);
	fx_open(fx);
	assert_int_equal(fx_counts(fx).dead, 1);
	assert_int_equal(fx_counts(fx).recovered, 0);
	assert_int_equal(fx_number(fx, "SELECT failures FROM deliveries WHERE state = 'DEAD'"), 1);
	assert_int_equal(fx_number(fx, "SELECT failures FROM deliveries WHERE state = 'DONE'"), 0);
}

static void test_settling_twice_changes_nothing(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	struct store_claim c = fx_claim(fx, 1, 1);
	int64_t delivery = c.jobs[0]->delivery;
	fx_claim_free(&c);
	for (int i = 0; i < 3; i++)
		assert_int_equal(
			fx_settle(fx, delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, 0), STORE_OK);
	assert_int_equal(fx_number(fx, "SELECT failures FROM deliveries"), 1);
	/* The first attempt's outcome does not change the second one either. */
	c = fx_claim(fx, 1, 1);
	assert_int_equal(c.jobs[0]->attempt, 2);
	assert_int_equal(fx_settle(fx, delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0), STORE_OK);
	assert_int_equal(fx_number(fx, "SELECT state = 'RUNNING' FROM deliveries"), 1);
	assert_int_equal(
		fx_number(fx, "SELECT result = 'tempfail' FROM attempts WHERE number = 1"), 1);
	assert_int_equal(fx_settle(fx, delivery, 2, ATTEMPT_PERMFAIL, DELIVERY_DEAD, 0), STORE_OK);
	assert_int_equal(fx_settle(fx, delivery, 2, ATTEMPT_PERMFAIL, DELIVERY_DEAD, 0), STORE_OK);
	assert_int_equal(fx_counts(fx).dead, 1);
	assert_int_equal(fx_counts(fx).waiting, 0);
	fx_claim_free(&c);
}

static void test_a_clock_set_back_delays_nothing(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	struct store_claim c = fx_claim(fx, 1, 1);
	int64_t delivery = c.jobs[0]->delivery;
	fx_claim_free(&c);
	int64_t due = clock_wall() + 5000;
	(void)fx_settle(fx, delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, due);
	struct store_shift shift = {.op.kind = STORE_OP_SHIFT, .delta = 12345};
	assert_int_equal(store_wait(fx->st, &shift.op), STORE_OK);
	c = fx_claim(fx, 1, 1);
	assert_true(c.next_due == due + 12345);
	fx_claim_free(&c);
}

static void ignore_done(struct store_op *op)
{
	(void)op;
}

static enum store_result undo_claim(struct fixture *fx, int64_t delivery, unsigned attempt)
{
	struct store_settle s = {.op.kind = STORE_OP_SETTLE,
		.delivery = delivery,
		.attempt = attempt,
		.unstarted = true,
		.due_at = clock_wall()};

	return store_wait(fx->st, &s.op);
}

/* A claim that was not started leaves no trace; one that was started is not undone. */
static void test_an_unstarted_one_is_as_before(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	struct store_claim c = fx_claim(fx, 1, 1);
	int64_t delivery = c.jobs[0]->delivery;
	fx_claim_free(&c);
	assert_int_equal(fx_settle(fx, delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, 1), STORE_OK);
	c = fx_claim(fx, 1, 1);
	assert_int_equal(c.jobs[0]->attempt, 2);
	fx_claim_free(&c);
	assert_int_equal(undo_claim(fx, delivery, 1), STORE_OK); /* that one has ended */
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM attempts"), 2);
	assert_int_equal(undo_claim(fx, delivery, 2), STORE_OK);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM attempts"), 1);
	assert_int_equal(fx_number(fx, "SELECT due_at FROM deliveries"), 1);
	assert_int_equal(fx_counts(fx).waiting, 1);
	assert_int_equal(undo_claim(fx, delivery, 2), STORE_OK); /* it was undone already */
	c = fx_claim(fx, 1, 1);
	assert_int_equal(c.jobs[0]->attempt, 2);
	assert_int_equal(c.jobs[0]->failures, 1);
	assert_int_equal(c.jobs[0]->crashes, 0);
	fx_claim_free(&c);
}

/* It was claimed before the clock was set back, so the shift did not reach it. */
static void test_an_unstarted_one_does_not_wait_for_a_clock_set_back(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	struct store_claim c = fx_claim(fx, 1, 1);
	int64_t delivery = c.jobs[0]->delivery;
	fx_claim_free(&c);
	int64_t now = clock_wall() - 86400000;
	struct store_settle s = {.op.kind = STORE_OP_SETTLE,
		.delivery = delivery,
		.attempt = 1,
		.unstarted = true,
		.due_at = now};
	assert_int_equal(store_wait(fx->st, &s.op), STORE_OK);
	assert_true(fx_number(fx, "SELECT due_at FROM deliveries") == now);
}

/* Its caller's, even if the clock has been set since. */
static void test_a_claim_goes_by_the_clock_of_its_time(void **state)
{
	struct fixture *fx = *state;
	int64_t now = clock_wall();
	struct store_want want = {.hook = fx->hooks[0], .max = 1};
	struct store_claim c = {
		.op.kind = STORE_OP_CLAIM, .wants = &want, .want_count = 1, .total = 1};

	(void)fx_put(fx, "id:1", 1);
	struct store_claim first = fx_claim(fx, 1, 1);
	(void)fx_settle(
		fx, first.jobs[0]->delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, now + HOUR);
	fx_claim_free(&first);
	c.now = now + HOUR - 1;
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.job_count, 0);
	assert_true(c.next_due == now + HOUR);
	c.now = now + HOUR;
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.job_count, 1);
	fx_claim_free(&c);
}

static void test_each_want_gets_its_next_due_time(void **state)
{
	struct fixture *fx = *state;
	struct store_want wants[] = {{.hook = fx->hooks[0], .max = 1},
		{.hook = fx->hooks[1], .max = 1}, {.hook = fx->hooks[2], .max = 1}};
	struct store_claim c = {
		.op.kind = STORE_OP_CLAIM, .wants = wants, .want_count = 3, .total = 10};

	(void)fx_put_aged(fx, "id:1", 2, 20);
	(void)fx_put_aged(fx, "id:2", 1, 10);
	c.now = clock_wall();
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.job_count, 2);
	assert_in_range(wants[0].next_due, 1, clock_wall());
	assert_true(wants[1].next_due == INT64_MAX);
	assert_true(wants[2].next_due == INT64_MAX);
	assert_true(c.next_due == wants[0].next_due);
	fx_claim_free(&c);
}

static int64_t next_due_of(const struct store_want *wants, size_t count, int64_t hook)
{
	for (size_t i = 0; i < count; i++)
		if (wants[i].hook == hook)
			return wants[i].next_due;
	return -1;
}

/* alpha has two, one of them due later; beta's are due later; gamma is paused. */
static void test_each_of_many_wants_gets_its_next_due_time(void **state)
{
	struct fixture *fx = *state;
	int64_t later = clock_wall() + HOUR;
	struct store_want wants[20];
	struct store_claim c = {
		.op.kind = STORE_OP_CLAIM, .wants = wants, .want_count = 20, .total = 10};
	struct store_pause pause = {
		.op.kind = STORE_OP_PAUSE, .hook = "gamma", .pause = true, .now = later};

	(void)fx_put(fx, "id:1", 2);
	struct store_claim first = fx_claim(fx, 2, 2);
	for (size_t i = 0; i < 2; i++)
		(void)fx_settle(fx, first.jobs[i]->delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY,
			later + (int64_t)i);
	fx_claim_free(&first);
	(void)fx_put(fx, "id:2", 1);
	int64_t alpha = fx->hooks[0];
	fx->hooks[0] = fx->hooks[2];
	(void)fx_put(fx, "id:3", 1);
	fx->hooks[0] = alpha;
	assert_int_equal(store_wait(fx->st, &pause.op), STORE_OK);
	for (int i = 0; i < 20; i++) {
		char name[16];
		(void)snprintf(name, sizeof(name), "other-%d", i);
		int64_t hook = i >= 17 ? fx->hooks[i - 17] : fx_name(fx->st, STORE_NAME_HOOK, name);
		wants[19 - i] = (struct store_want){.hook = hook, .max = 1};
	}
	c.now = clock_wall();
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.job_count, 1);
	assert_string_equal(c.jobs[0]->idempotency_key, "fedapay/id:2/alpha");
	assert_true(next_due_of(wants, 20, fx->hooks[0]) == later);
	assert_true(next_due_of(wants, 20, fx->hooks[1]) == later + 1);
	assert_true(next_due_of(wants, 20, fx->hooks[2]) == INT64_MAX);
	assert_true(wants[19].next_due == INT64_MAX);
	assert_true(c.next_due == later);
	fx_claim_free(&c);
}

static void test_what_is_submitted_together_is_stored_in_turn(void **state)
{
	struct fixture *fx = *state;
	struct store_settle s = {.op.kind = STORE_OP_SETTLE,
		.unstarted = true,
		.attempt = 1,
		.due_at = clock_wall()};
	struct store_want want = {.hook = fx->hooks[0], .max = 1};
	struct store_claim again = {
		.op.kind = STORE_OP_CLAIM, .wants = &want, .want_count = 1, .total = 1};
	struct store_op last = {.kind = STORE_OP_PING};

	(void)fx_put(fx, "id:1", 1);
	struct store_claim c = fx_claim(fx, 1, 1);
	s.delivery = c.jobs[0]->delivery;
	s.op.done = again.op.done = ignore_done;
	s.op.next = &again.op;
	again.now = clock_wall();
	store_submit_all(fx->st, &s.op);
	assert_int_equal(store_wait(fx->st, &last), STORE_OK);
	assert_int_equal(again.job_count, 1);
	assert_int_equal(again.jobs[0]->attempt, 1);
	again.wants = NULL;
	fx_claim_free(&again);
	fx_claim_free(&c);
}

enum { KB = 1000 };

/* For alpha. */
static void put_sized(struct fixture *fx, const char *key, size_t len)
{
	char copy[32];
	char *payload = calloc(1, len);

	(void)snprintf(copy, sizeof(copy), "%s", key);
	struct event ev = fx_event(fx, copy, payload, len);
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = 1};
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	free(payload);
}

/* Claims alpha's with that room; returns the keys of those taken. */
static const char *claim_within(struct fixture *fx, struct store_claim *c, int64_t room, bool alone)
{
	static char keys[256];
	static struct store_want want;

	want = (struct store_want){.hook = fx->hooks[0], .max = 10};
	*c = (struct store_claim){.op.kind = STORE_OP_CLAIM,
		.wants = &want,
		.want_count = 1,
		.total = 10,
		.now = clock_wall(),
		.room = room,
		.alone = alone};
	assert_int_equal(store_wait(fx->st, &c->op), STORE_OK);
	keys[0] = '\0';
	for (size_t i = 0; i < c->job_count; i++) {
		size_t used = strlen(keys);
		const struct delivery_job *job = c->jobs[i];
		assert_non_null(job->payload);
		assert_false(job->damaged);
		(void)snprintf(keys + used, sizeof(keys) - used, " %s", job->idempotency_key);
	}
	fx_claim_free(c);
	return keys;
}

static void test_large_payloads_are_taken_within_the_room(void **state)
{
	struct fixture *fx = *state;
	struct store_claim c;

	put_sized(fx, "100", 100 * KB);
	put_sized(fx, "200", 200 * KB);
	put_sized(fx, "small", STORE_SMALL_PAYLOAD);
	put_sized(fx, "150", 150 * KB);
	/* One that fits does not overtake a larger one; those that do not count do. */
	assert_string_equal(
		claim_within(fx, &c, 250 * KB, false), " fedapay/100/alpha fedapay/small/alpha");
	assert_int_equal(c.needed, 200 * KB);
	/* Some were taken, so the next claim may be at once. */
	assert_true(c.next_due <= c.now);
	assert_string_equal(claim_within(fx, &c, 0, false), "");
	assert_int_equal(c.needed, 200 * KB);
	assert_int_equal(c.needed_hook, fx->hooks[0]);
	/* Nothing was, and nothing would be. */
	assert_true(c.next_due > c.now);
	assert_string_equal(
		claim_within(fx, &c, 350 * KB, false), " fedapay/200/alpha fedapay/150/alpha");
	assert_int_equal(c.needed, 0);
	assert_true(c.next_due == INT64_MAX);
}

/* Otherwise one larger than all the room would never run. */
static void test_a_large_payload_is_taken_alone(void **state)
{
	struct fixture *fx = *state;
	struct store_claim c;

	put_sized(fx, "300", 300 * KB);
	put_sized(fx, "100", 100 * KB);
	put_sized(fx, "small", 1 * KB);
	assert_string_equal(
		claim_within(fx, &c, 200 * KB, true), " fedapay/300/alpha fedapay/small/alpha");
	assert_int_equal(c.needed, 100 * KB);
	assert_string_equal(claim_within(fx, &c, 200 * KB, true), " fedapay/100/alpha");
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_job_carries_all_its_action_needs),
		OPEN(test_what_runs_is_not_claimed_again),
		OPEN(test_oldest_due_goes_first),
		OPEN(test_hooks_take_turns),
		OPEN(test_a_hook_gets_no_more_than_it_wants),
		OPEN(test_nothing_wanted_gives_nothing),
		OPEN(test_a_failed_one_waits_until_it_is_due),
		OPEN(test_what_was_never_tried_is_due_at_once),
		OPEN(test_a_clock_that_was_ahead_delays_nothing_after_a_start),
		OPEN(test_interrupted_ones_do_not_count_as_failures),
		OPEN(test_done_and_dead_are_over),
		OPEN(test_settling_twice_changes_nothing),
		OPEN(test_a_clock_set_back_delays_nothing),
		OPEN(test_an_unstarted_one_is_as_before),
		OPEN(test_an_unstarted_one_does_not_wait_for_a_clock_set_back),
		OPEN(test_a_claim_goes_by_the_clock_of_its_time),
		OPEN(test_each_want_gets_its_next_due_time),
		OPEN(test_each_of_many_wants_gets_its_next_due_time),
		OPEN(test_large_payloads_are_taken_within_the_room),
		OPEN(test_a_large_payload_is_taken_alone),
		OPEN(test_what_is_submitted_together_is_stored_in_turn),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
