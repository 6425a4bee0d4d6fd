/* Retention removes old events whose deliveries have ended, and keeps those that wait. */
#include "fixture.h"
#include "store/private.h"
#include "store/sqlite/db.h"

#include <stdatomic.h>
#include <sys/syscall.h>

#define HOUR   3600000
#define EVENTS "SELECT count(*) FROM events"

static atomic_llong wall_shift; /* ms */

/* Replaces libc's, here and in all of hookd that is linked in. */
int clock_gettime(clockid_t id, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, id, now);

	if (id == CLOCK_REALTIME)
		now->tv_sec += (time_t)(atomic_load(&wall_shift) / 1000);
	return (int)result;
}

/* `count` events of the given age; their keys begin with `prefix`. */
static void put_many(struct fixture *fx, const char *prefix, int count, size_t hooks, int64_t age)
{
	char key[64];

	for (int i = 0; i < count; i++) {
		(void)snprintf(key, sizeof(key), "%s:%d", prefix, i);
		assert_int_equal(fx_put_aged(fx, key, hooks, age).op.result, STORE_OK);
	}
}

/* Claims all that is due now and settles each. */
static void settle_all(struct fixture *fx, enum attempt_result result, enum delivery_state state)
{
	for (;;) {
		struct store_claim c = fx_claim(fx, 3, 100);
		if (c.job_count == 0)
			return;
		for (size_t i = 0; i < c.job_count; i++)
			assert_int_equal(fx_settle(fx, c.jobs[i]->delivery, c.jobs[i]->attempt,
						 result, state, 0),
				STORE_OK);
		fx_claim_free(&c);
	}
}

static void test_only_old_events_that_have_ended_go(void **state)
{
	struct fixture *fx = *state;

	put_many(fx, "done", 5, 2, 2 * HOUR);
	settle_all(fx, ATTEMPT_OK, DELIVERY_DONE);
	put_many(fx, "dead", 5, 1, 2 * HOUR);
	settle_all(fx, ATTEMPT_PERMFAIL, DELIVERY_DEAD);
	put_many(fx, "plain", 5, 0, 2 * HOUR);
	put_many(fx, "recent", 5, 0, HOUR / 2);
	put_many(fx, "waits", 5, 1, 2 * HOUR);
	assert_int_equal(fx_counts(fx).dead, 5);
	store_configure(fx->st, HOUR, 1000);
	fx_await(fx, EVENTS, 10);
	assert_int_equal(fx_number(fx, EVENTS " WHERE idempotency_key GLOB 'recent:*'"
					      " OR idempotency_key GLOB 'waits:*'"),
		10);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 5);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM attempts"), 0);
	struct store_op ping = {.kind = STORE_OP_PING};
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	assert_int_equal(fx_counts(fx).dead, 0);
	assert_int_equal(fx_counts(fx).waiting, 5);
	/* When they have ended, the next pass removes them too. */
	settle_all(fx, ATTEMPT_OK, DELIVERY_DONE);
	store_configure(fx->st, HOUR + 1, 1000);
	fx_await(fx, EVENTS, 5);
}

/* The clock is a year ahead: the newest event is as old. Events that come then show that it is
 * right only when they have come for a day, whatever happens meanwhile. */
static void test_a_clock_far_ahead_removes_nothing(void **state)
{
	struct fixture *fx = *state;
	const int64_t year = INT64_C(365) * 24 * HOUR, day = INT64_C(24) * HOUR;
	struct store_options options = {
		.path = fx->path, .migrate = true, .retention = 30 * day + 2, .backlog = 1000};

	put_many(fx, "young", 4, 0, year + 20 * day);
	put_many(fx, "newest", 1, 0, year);
	put_many(fx, "day before", 1, 0, year + day + HOUR);
	put_many(fx, "old", 5, 0, year + 40 * day);
	store_configure(fx->st, 30 * day, 1000);
	fx_await(fx, EVENTS, 6);
	assert_int_equal(fx_number(fx, EVENTS " WHERE idempotency_key GLOB 'old:*'"), 0);
	put_many(fx, "ahead", 3, 0, 0);
	put_many(fx, "old again", 1, 0, year + 40 * day);
	store_configure(fx->st, 30 * day + 1, 1000);
	fx_await(fx, EVENTS, 9);
	put_many(fx, "old", 2, 0, year + 40 * day);
	fx_close(fx);
	fx_open_with(fx, &options);
	fx_await(fx, EVENTS, 9);
	assert_int_equal(fx_number(fx, EVENTS " WHERE idempotency_key GLOB 'young:*'"), 4);
	put_many(fx, "ahead before", 1, 0, day + HOUR);
	store_configure(fx->st, 30 * day + 3, 1000);
	fx_await(fx, EVENTS, 4);
}

/* hookd runs, and its clock jumps: more is not trusted than the time that has passed. */
static void test_a_clock_that_jumps_while_hookd_runs(void **state)
{
	struct fixture *fx = *state;
	const int64_t day = INT64_C(24) * HOUR;

	put_many(fx, "now", 1, 0, 0);
	put_many(fx, "day before", 1, 0, day + HOUR);
	put_many(fx, "young", 4, 0, 20 * day);
	put_many(fx, "old", 1, 0, 31 * day);
	store_configure(fx->st, 30 * day, 1000);
	fx_await(fx, EVENTS, 6);
	atomic_store(&wall_shift, 400 * day);
	put_many(fx, "ahead", 1, 0, HOUR);
	put_many(fx, "old again", 1, 0, 431 * day);
	store_configure(fx->st, 30 * day + 1, 1000);
	fx_await(fx, EVENTS, 7);
	atomic_store(&wall_shift, 0);
}

static void test_running_ones_stay(void **state)
{
	struct fixture *fx = *state;

	put_many(fx, "runs", 1, 1, 2 * HOUR);
	put_many(fx, "plain", 1, 0, 2 * HOUR);
	struct store_claim c = fx_claim(fx, 1, 1);
	store_configure(fx->st, HOUR, 1000);
	fx_await(fx, EVENTS, 1);
	assert_int_equal(fx_number(fx, "SELECT state = 'RUNNING' FROM deliveries"), 1);
	assert_int_equal(
		fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0), STORE_OK);
	fx_claim_free(&c);
}

static void test_a_pass_comes_right_after_opening(void **state)
{
	struct fixture *fx = *state;
	struct store_options options = {
		.path = fx->path, .migrate = true, .retention = HOUR, .backlog = 1000};

	put_many(fx, "plain", 3, 0, 2 * HOUR);
	fx_close(fx);
	fx_open_with(fx, &options);
	fx_await(fx, EVENTS, 0);
	/* An id is never used again. */
	assert_true(fx_put(fx, "id:1", 0) > 3);
}

/* The oldest ones wait: the pass gets past them, each slice reads other events, and no slice more
 * than its share. */
static void test_slices_are_small_and_get_past_waiting_events(void **state)
{
	struct fixture *fx = *state;
	struct store_op ping = {.kind = STORE_OP_PING};
	struct store_delta delta = {0};
	int64_t left = 650;
	int slices = 0;

	put_many(fx, "waits", 250, 1, 3 * HOUR);
	put_many(fx, "plain", 400, 0, 2 * HOUR);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK); /* the writer sleeps */
	int64_t wait;
	do {
		wait = store_retention_slice(fx->st->db, HOUR, &delta);
		int64_t now = fx_number(fx, EVENTS);
		assert_true(left - now <= STORE_RETENTION_SLICE);
		left = now;
		slices++;
	} while (wait == 0 && slices < 100);
	assert_int_equal(left, 250);
	assert_int_equal(wait, STORE_RETENTION_EVERY);
	assert_in_range(slices, 7, 12);
}

static void test_free_pages_are_returned(void **state)
{
	struct fixture *fx = *state;
	size_t len = 500000;
	char *payload = calloc(1, len);
	char key[32];

	assert_non_null(payload);
	for (int i = 0; i < 20; i++) {
		(void)snprintf(key, sizeof(key), "id:%d", i);
		struct event ev = fx_event(fx, key, payload, len);
		ev.received_at -= 2 * HOUR;
		struct store_put put = {.op.kind = STORE_OP_PUT, .event = &ev};
		assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	}
	free(payload);
	assert_true(fx_number(fx, "SELECT page_count * page_size"
				  " FROM pragma_page_count, pragma_page_size") > 9900000);
	store_configure(fx->st, HOUR, 1000);
	fx_await(fx, EVENTS, 0);
	fx_await(fx,
		"SELECT (SELECT * FROM pragma_freelist_count) * 8"
		" <= (SELECT * FROM pragma_page_count)",
		1);
	fx_close(fx);
	struct stat sb;
	assert_int_equal(stat(fx->path, &sb), 0);
	assert_true(sb.st_size < 1000000);
}

static void test_a_file_that_cannot_shrink_does_not_busy_the_writer(void **state)
{
	struct fixture *fx = *state;
	struct store_delta delta = {0};

	fx_exec(fx->path, "PRAGMA journal_mode = WAL"); /* without auto_vacuum */
	fx_open(fx);
	put_many(fx, "plain", 300, 0, 2 * HOUR);
	struct store_op ping = {.kind = STORE_OP_PING};
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	int slices = 0;
	while (slices < 100 && store_retention_slice(fx->st->db, HOUR, &delta) == 0)
		slices++;
	assert_true(slices < 10);
	assert_int_equal(fx_number(fx, EVENTS), 0);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_only_old_events_that_have_ended_go),
		OPEN(test_a_clock_far_ahead_removes_nothing),
		OPEN(test_a_clock_that_jumps_while_hookd_runs),
		OPEN(test_running_ones_stay),
		OPEN(test_a_pass_comes_right_after_opening),
		OPEN(test_slices_are_small_and_get_past_waiting_events),
		OPEN(test_free_pages_are_returned),
		cmocka_unit_test_setup_teardown(
			test_a_file_that_cannot_shrink_does_not_busy_the_writer, fx_make,
			fx_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
