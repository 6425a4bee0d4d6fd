/* One delivery of an entity at a time, in order: who is held behind whom, and
 * when it is released. */
#include "store_fixture.h"

#define HOUR  3600000
#define HELD  "SELECT count(*) FROM deliveries WHERE behind IS NOT NULL"
#define READY "SELECT count(*) FROM deliveries WHERE state = 'READY'"

static const struct store_want in_order = {.ordered = true};

static struct store_claim claim(struct fixture *fx, unsigned total)
{
	struct store_claim c = fx_claim_as(fx, 1, total, in_order);

	assert_int_equal(c.op.result, STORE_OK);
	return c;
}

static int64_t put(struct fixture *fx, const char *key, const char *entity, int64_t occurred_at)
{
	return fx_put_entity(fx, key, "transaction.updated", entity, occurred_at, 1);
}

/* Claims all that may run; it must be the one delivery of this event. */
static struct store_job claim_only(struct fixture *fx, int64_t event)
{
	struct store_claim c = claim(fx, 10);

	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->event, event);
	struct store_job job = {
		.delivery = c.jobs[0]->delivery, .attempt = c.jobs[0]->attempt, .event = event};
	fx_claim_free(&c);
	return job;
}

static void claim_none(struct fixture *fx)
{
	struct store_claim c = claim(fx, 10);

	assert_int_equal(c.job_count, 0);
}

static void finish(struct fixture *fx, struct store_job job, enum delivery_state state)
{
	enum attempt_result result = state == DELIVERY_DONE ? ATTEMPT_OK : ATTEMPT_PERMFAIL;

	assert_int_equal(fx_settle(fx, job.delivery, job.attempt, result, state, 0), STORE_OK);
}

static void put_back(struct fixture *fx, struct store_job job, int64_t due_at)
{
	assert_int_equal(
		fx_settle(fx, job.delivery, job.attempt, ATTEMPT_TEMPFAIL, DELIVERY_READY, due_at),
		STORE_OK);
}

static void test_one_at_a_time_by_occurrence(void **state)
{
	struct fixture *fx = *state;
	int64_t third = put(fx, "id:3", "7", 3000);
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t second = put(fx, "id:2", "7", 2000);

	struct store_job job = claim_only(fx, first);
	assert_int_equal(fx_number(fx, HELD), 2);
	claim_none(fx);
	finish(fx, job, DELIVERY_DONE);
	job = claim_only(fx, second);
	finish(fx, job, DELIVERY_DEAD); /* given up: the next one runs all the same */
	job = claim_only(fx, third);
	finish(fx, job, DELIVERY_DONE);
	assert_int_equal(fx_counts(fx).waiting, 0);
}

static void test_same_time_goes_by_arrival(void **state)
{
	struct fixture *fx = *state;
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t second = put(fx, "id:2", "7", 1000);

	struct store_job job = claim_only(fx, first);
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
	assert_int_equal(fx_number(fx, HELD), 2);
	fx_claim_free(&c);
}

static void test_hooks_do_not_wait_for_each_other(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put_entity(fx, "id:1", "a.b", "7", 1000, 2);
	(void)fx_put_entity(fx, "id:2", "a.b", "7", 2000, 2);
	/* alpha goes in order, beta does not. */
	struct store_want wants[] = {{.hook = fx->hooks[0], .max = 5, .ordered = true},
		{.hook = fx->hooks[1], .max = 5}};
	struct store_claim c = {
		.op.kind = STORE_OP_CLAIM, .wants = wants, .want_count = 2, .total = 10};
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.job_count, 3);
	assert_int_equal(fx_number(fx, HELD), 1);
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

static void test_a_retry_keeps_the_others_held(void **state)
{
	struct fixture *fx = *state;
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t second = put(fx, "id:2", "7", 2000);
	int64_t due = clock_wall() + HOUR;

	put_back(fx, claim_only(fx, first), due);
	struct store_claim c = claim(fx, 10);
	assert_int_equal(c.job_count, 0);
	assert_true(c.next_due == due); /* the held one, due now, is not in it */
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

	struct store_job job = claim_only(fx, first);
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
	struct store_job running = claim_only(fx, second);
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t third = put(fx, "id:3", "7", 3000);

	claim_none(fx);
	finish(fx, running, DELIVERY_DONE);
	finish(fx, claim_only(fx, first), DELIVERY_DONE);
	finish(fx, claim_only(fx, third), DELIVERY_DONE);
}

/* The two must not end up behind each other. */
static void test_a_retry_gives_way_to_one_that_goes_before_it(void **state)
{
	struct fixture *fx = *state;
	int64_t second = put(fx, "id:2", "7", 2000);
	struct store_job running = claim_only(fx, second);
	int64_t first = put(fx, "id:1", "7", 1000);
	int64_t third = put(fx, "id:3", "7", 3000);

	claim_none(fx);
	put_back(fx, running, 0);
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
	struct store_job job = claim_only(fx, first);
	/* From here on without: what is held still gets its turn. */
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
	assert_int_equal(fx_number(fx, HELD), 0);
}

static void test_order_comes_into_the_config(void **state)
{
	struct fixture *fx = *state;

	(void)put(fx, "id:1", "7", 2000);
	struct store_claim c = fx_claim(fx, 1, 10);
	struct store_job running = {.delivery = c.jobs[0]->delivery, .attempt = 1};
	fx_claim_free(&c);
	int64_t second = put(fx, "id:2", "7", 3000);
	claim_none(fx);
	finish(fx, running, DELIVERY_DONE);
	(void)claim_only(fx, second);
}

static int pokes;

static void poke(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&pokes, 1, __ATOMIC_RELAXED);
}

static void test_a_release_tells_the_dispatcher(void **state)
{
	struct fixture *fx = *state;
	struct store_op ping = {.kind = STORE_OP_PING};
	struct store_options options = {.path = fx->path, .backlog = 10, .on_ready = poke};

	fx_open_with(fx, &options);
	int64_t first = put(fx, "id:1", "7", 1000);
	(void)put(fx, "id:2", "7", 2000);
	struct store_job job = claim_only(fx, first);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	int before = __atomic_load_n(&pokes, __ATOMIC_RELAXED);
	finish(fx, job, DELIVERY_DONE);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	assert_int_equal(__atomic_load_n(&pokes, __ATOMIC_RELAXED), before + 1);
}

static void test_held_ones_are_waiting(void **state)
{
	struct fixture *fx = *state;
	int64_t first = put(fx, "id:1", "7", 1000);

	(void)put(fx, "id:2", "7", 2000);
	(void)put(fx, "id:3", "7", 3000);
	struct store_job job = claim_only(fx, first);
	assert_int_equal(fx_counts(fx).waiting, 3);
	fx_close(fx);
	fx_open(fx);
	assert_int_equal(fx_counts(fx).waiting, 3);
	assert_int_equal(fx_number(fx, HELD), 2); /* the one that ran goes first again */
	finish(fx, job, DELIVERY_DONE);           /* of the daemon that died: too late */
	assert_int_equal(fx_number(fx, HELD), 2);
	job = claim_only(fx, first);
	assert_int_equal(job.attempt, 2);
}

/* A crash while a later one ran that an earlier one is held behind. */
static void test_at_start_no_two_are_behind_each_other(void **state)
{
	struct fixture *fx = *state;
	int64_t second = put(fx, "id:2", "7", 2000);

	(void)claim_only(fx, second);
	int64_t first = put(fx, "id:1", "7", 1000);
	claim_none(fx);
	assert_int_equal(fx_number(fx, HELD), 1);
	fx_close(fx);
	fx_open(fx);
	finish(fx, claim_only(fx, first), DELIVERY_DONE);
	finish(fx, claim_only(fx, second), DELIVERY_DONE);
}

static void test_at_start_none_is_behind_what_is_over_or_gone(void **state)
{
	struct fixture *fx = *state;
	static const char *const breaks[] = {
		"UPDATE deliveries SET state = 'DONE' WHERE state = 'RUNNING'",
		"DELETE FROM events WHERE idempotency_key = 'id:1'"};

	for (size_t i = 0; i < 2; i++) {
		int64_t first = put(fx, "id:1", "7", 1000);
		int64_t second = put(fx, "id:2", "7", 2000);
		(void)claim_only(fx, first);
		assert_int_equal(fx_number(fx, HELD), 1);
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

/* Everything that may come in between, at random: at any time one delivery of an
 * entity runs at most, none that was there is passed over, and all get their turn. */
#define ENTITIES 3

struct world {
	struct fixture *fx;
	unsigned long long random;
	struct store_job running[64];
	size_t running_count;
	int put;
};

static unsigned draw(struct world *w, unsigned below)
{
	w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(w->random >> 33) % below;
}

static void world_put(struct world *w)
{
	char key[32];
	char entity[8];

	(void)snprintf(key, sizeof(key), "id:%d", w->put++);
	(void)snprintf(entity, sizeof(entity), "%u", draw(w, ENTITIES));
	(void)put(w->fx, key, entity, 1000 + draw(w, 20));
}

static void world_check_claim(struct world *w, const struct store_claim *c)
{
	char sql[512];

	assert_int_equal(fx_number(w->fx, "SELECT count(*) FROM (SELECT 1 FROM deliveries"
					  " WHERE state = 'RUNNING' GROUP BY lane"
					  " HAVING count(*) > 1)"),
		0);
	for (size_t i = 0; i < c->job_count; i++) {
		(void)snprintf(sql, sizeof(sql),
			"SELECT count(*) FROM events m JOIN deliveries md ON md.event_id = m.id"
			" JOIN events e ON e.entity_id = m.entity_id"
			" JOIN deliveries d ON d.event_id = e.id WHERE md.id = %lld"
			" AND d.state IN ('READY', 'RUNNING')"
			" AND (e.occurred_at, e.id) < (m.occurred_at, m.id)",
			(long long)c->jobs[i]->delivery);
		assert_int_equal(fx_number(w->fx, sql), 0);
	}
}

static size_t world_claim(struct world *w, unsigned total)
{
	struct store_claim c = claim(w->fx, total);
	size_t count = c.job_count;

	world_check_claim(w, &c);
	for (size_t i = 0; i < count; i++)
		w->running[w->running_count++] = (struct store_job){
			.delivery = c.jobs[i]->delivery, .attempt = c.jobs[i]->attempt};
	fx_claim_free(&c);
	return count;
}

static void world_settle(struct world *w, bool for_good)
{
	if (w->running_count == 0)
		return;
	size_t i = draw(w, (unsigned)w->running_count);
	struct store_job job = w->running[i];
	w->running[i] = w->running[--w->running_count];
	if (!for_good && draw(w, 2) == 0)
		put_back(w->fx, job, 0);
	else
		finish(w->fx, job, draw(w, 4) == 0 ? DELIVERY_DEAD : DELIVERY_DONE);
}

static void world_die(struct world *w)
{
	fx_close(w->fx);
	fx_open(w->fx);
	w->running_count = 0;
}

static void test_whatever_comes_in_between(void **state)
{
	for (unsigned seed = 1; seed <= 8; seed++) {
		struct world w = {.fx = *state, .random = seed, .put = (int)seed * 1000};
		for (int i = 0; i < 150; i++) {
			unsigned what = draw(&w, 40);
			if (what < 16)
				world_put(&w);
			else if (what < 27)
				(void)world_claim(&w, 1 + draw(&w, 4));
			else if (what < 39)
				world_settle(&w, false);
			else
				world_die(&w);
		}
		for (int i = 0; i < 1000 && fx_counts(w.fx).waiting > 0; i++) {
			(void)world_claim(&w, 4);
			world_settle(&w, true);
		}
		assert_int_equal(fx_counts(w.fx).waiting, 0);
		assert_int_equal(fx_number(w.fx, HELD), 0);
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
		OPEN(test_a_retry_keeps_the_others_held),
		OPEN(test_one_that_comes_late_goes_before_those_that_wait),
		OPEN(test_one_that_comes_too_late_waits_for_what_runs),
		OPEN(test_a_retry_gives_way_to_one_that_goes_before_it),
		OPEN(test_order_is_taken_out_of_the_config),
		OPEN(test_order_comes_into_the_config),
		cmocka_unit_test_setup_teardown(
			test_a_release_tells_the_dispatcher, fx_make, fx_remove),
		OPEN(test_held_ones_are_waiting),
		OPEN(test_at_start_no_two_are_behind_each_other),
		OPEN(test_at_start_none_is_behind_what_is_over_or_gone),
		OPEN(test_whatever_comes_in_between),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
