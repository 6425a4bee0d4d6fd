/* A hook that acts once on each entity, whatever comes: kept over failures, replays, restarts and
 * the removal of what was done. */
#include "act_fixture.h"
#include "store/private.h"
#include "store/sqlite/db.h"

#define ACTED "SELECT count(*) FROM acted"

static const struct store_want once = {.ordered = true, .once = true};

static struct store_claim claim(struct fixture *fx)
{
	struct store_claim c = fx_claim_as(fx, 1, 10, once);

	assert_int_equal(c.op.result, STORE_OK);
	return c;
}

static int64_t put(struct fixture *fx, const char *key, const char *entity, int64_t occurred_at)
{
	return fx_put_entity(fx, key, "transaction.approved", entity, occurred_at, 1);
}

/* Claims all that may run; it must be the one delivery of this event. */
static struct delivery_job take(struct fixture *fx, int64_t event)
{
	struct store_claim c = claim(fx);

	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->event, event);
	struct delivery_job job = {.delivery = c.jobs[0]->delivery, .attempt = c.jobs[0]->attempt};
	fx_claim_free(&c);
	return job;
}

static void end(struct fixture *fx, struct delivery_job job, enum delivery_state state)
{
	struct attempt_outcome outcome = {.result = state == DELIVERY_DONE   ? ATTEMPT_OK
						    : state == DELIVERY_DEAD ? ATTEMPT_PERMFAIL
									     : ATTEMPT_TEMPFAIL,
		.exit_code = -1};
	struct store_settle s = {
		.op.kind = STORE_OP_SETTLE,
		.delivery = job.delivery,
		.attempt = job.attempt,
		.outcome = &outcome,
		.ended_at = clock_wall(),
		.state = state,
		.once = true,
	};

	assert_int_equal(store_wait(fx->st, &s.op), STORE_OK);
}

static struct delivery_job done(struct fixture *fx, const char *key, const char *entity)
{
	struct delivery_job job = take(fx, put(fx, key, entity, 1000));

	end(fx, job, DELIVERY_DONE);
	return job;
}

/* Claims: the one delivery that waits is SKIPPED because of `by`. */
static void skipped(struct fixture *fx, int64_t by)
{
	char reason[64];
	struct store_claim c = claim(fx);

	(void)snprintf(reason, sizeof(reason), "acted already by delivery %lld", (long long)by);
	assert_int_equal(c.job_count, 0);
	assert_int_equal(c.skip_count, 1);
	assert_string_equal(c.skips[0].reason, reason);
	assert_int_equal(c.skips[0].hook, fx->hooks[0]);
	fx_claim_free(&c);
	assert_int_equal(fx_counts(fx).waiting, 0);
}

static int64_t replay(struct fixture *fx, int64_t delivery, bool again)
{
	int64_t made = 0;
	struct store_change c = {
		.op.kind = STORE_OP_CHANGE,
		.kind = STORE_CHANGE_REPLAY,
		.deliveries = &delivery,
		.count = 1,
		.again = again,
		.now = clock_wall(),
		.made = &made,
	};

	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_true(made != 0);
	return made;
}

static void test_what_comes_later_is_skipped(void **state)
{
	struct fixture *fx = *state;
	struct delivery_job first = done(fx, "id:1", "7");

	(void)fx_put_entity(fx, "id:2", "transaction.transferred", "7", 2000, 1);
	skipped(fx, first.delivery);
	(void)put(fx, "id:3", "7", 500); /* earlier, but it arrives later */
	skipped(fx, first.delivery);
	/* Another entity; an event without one. */
	(void)done(fx, "id:4", "8");
	for (int i = 0; i < 2; i++) {
		(void)fx_put(fx, i == 0 ? "id:5" : "id:6", 1);
		struct store_claim c = claim(fx);
		assert_int_equal(c.job_count, 1);
		end(fx, *c.jobs[0], DELIVERY_DONE);
		fx_claim_free(&c);
	}
	assert_int_equal(fx_number(fx, ACTED), 2);
}

static void test_another_waits_until_the_first_has_acted(void **state)
{
	struct fixture *fx = *state;
	int64_t approved = put(fx, "id:1", "7", 1000);

	(void)put(fx, "id:2", "7", 2000);
	struct delivery_job job = take(fx, approved);
	struct store_claim c = claim(fx);
	assert_int_equal(c.job_count + c.skip_count, 0);
	end(fx, job, DELIVERY_READY); /* it failed, and is tried again: the other one still waits */
	(void)take(fx, approved);
	/* hookd dies while it runs. */
	fx_close(fx);
	fx_open(fx);
	job = take(fx, approved);
	end(fx, job, DELIVERY_DONE);
	skipped(fx, job.delivery);
}

static void test_one_that_died_or_was_cancelled_has_not_acted(void **state)
{
	struct fixture *fx = *state;
	int64_t first = put(fx, "id:1", "7", 1000), second = put(fx, "id:2", "7", 2000),
		third = put(fx, "id:3", "7", 3000);
	struct delivery_job dead = take(fx, first);

	end(fx, dead, DELIVERY_DEAD);
	assert_int_equal(fx_number(fx, ACTED), 0);
	struct delivery_job job = take(fx, second);
	end(fx, job, DELIVERY_READY);
	int64_t made;
	struct store_change c = {
		.op.kind = STORE_OP_CHANGE,
		.kind = STORE_CHANGE_CANCEL,
		.deliveries = &job.delivery,
		.count = 1,
		.now = clock_wall(),
		.made = &made,
	};
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	job = take(fx, third);
	end(fx, job, DELIVERY_DONE);
	/* The dead one comes too late now. */
	(void)replay(fx, dead.delivery, false);
	skipped(fx, job.delivery);
}

static void test_only_again_lifts_it(void **state)
{
	struct fixture *fx = *state;
	struct delivery_job first = done(fx, "id:1", "7");

	int64_t last = replay(fx, first.delivery, false);
	skipped(fx, first.delivery);
	last = replay(fx, last, true);
	/* For the replay alone, not for what comes meanwhile and is earlier. */
	int64_t early = put(fx, "id:2", "7", 500);
	struct store_claim c = claim(fx);
	assert_int_equal(c.skip_count, 1);
	assert_int_equal(c.skips[0].event, early);
	assert_int_equal(c.job_count, 0);
	fx_claim_free(&c);
	c = claim(fx);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->delivery, last);
	fx_claim_free(&c);
}

static void test_again_is_for_the_replay_and_kept(void **state)
{
	struct fixture *fx = *state;
	struct delivery_job first = done(fx, "id:1", "7");
	int64_t event = fx_number(fx, "SELECT event_id FROM deliveries");
	int64_t made = replay(fx, first.delivery, true);

	fx_close(fx);
	fx_open(fx);
	struct delivery_job job = take(fx, event);
	assert_int_equal(job.delivery, made);
	end(fx, job, DELIVERY_DONE);
	(void)put(fx, "id:2", "7", 2000);
	skipped(fx, made);
	(void)replay(fx, made, false);
	skipped(fx, made);
}

/* The hook was told to act once later; what it had done counts. */
static void test_what_was_done_before_counts(void **state)
{
	struct fixture *fx = *state;
	int64_t event = put(fx, "id:1", "7", 1000);
	struct store_claim c = fx_claim(fx, 1, 10);
	struct delivery_job job = {.delivery = c.jobs[0]->delivery, .attempt = c.jobs[0]->attempt};

	assert_int_equal(
		fx_settle(fx, job.delivery, job.attempt, ATTEMPT_OK, DELIVERY_DONE, 0), STORE_OK);
	fx_claim_free(&c);
	(void)put(fx, "id:2", "7", 2000);
	skipped(fx, job.delivery);
	int64_t made = replay(fx, job.delivery, true);
	job = take(fx, event);
	assert_int_equal(job.delivery, made);
}

/* Nobody else's: of another hook, of an entity of another source. */
static void test_each_hook_and_source_by_itself(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_entity(fx, "id:1", "transaction.approved", "7", 1000, 2);
	struct store_claim c = fx_claim_as(fx, 2, 10, once);
	assert_int_equal(c.job_count, 2);
	for (size_t i = 0; i < 2; i++)
		end(fx, *c.jobs[i], DELIVERY_DONE);
	fx_claim_free(&c);
	assert_int_equal(fx_number(fx, ACTED), 2);
	fx->source = fx_name(fx->st, STORE_NAME_SOURCE, "other");
	(void)done(fx, "id:1", "7");
	assert_int_equal(fx_number(fx, ACTED), 3);
}

static void test_it_outlives_what_was_done(void **state)
{
	struct fixture *fx = *state;
	struct delivery_job first = done(fx, "id:1", "7");
	struct store_prune p = {.op.kind = STORE_OP_PRUNE, .before = clock_wall() + 1000};

	assert_int_equal(store_wait(fx->st, &p.op), STORE_OK);
	assert_int_equal(p.at.removed, 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 0);
	(void)put(fx, "id:2", "7", 2000);
	skipped(fx, first.delivery);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_what_comes_later_is_skipped),
		OPEN(test_another_waits_until_the_first_has_acted),
		OPEN(test_one_that_died_or_was_cancelled_has_not_acted),
		OPEN(test_only_again_lifts_it),
		OPEN(test_again_is_for_the_replay_and_kept),
		OPEN(test_what_was_done_before_counts),
		OPEN(test_each_hook_and_source_by_itself),
		OPEN(test_it_outlives_what_was_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
