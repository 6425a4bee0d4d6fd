/* Whatever people ask for between arrivals, attempts, failures and restarts: the counts are right,
 * order is kept, and all deliveries get their turn. */
#include "act_fixture.h"

#include <signal.h>

#define ENTITIES 3

struct world {
	struct fixture *fx;
	unsigned long long random;
	struct delivery_job running[64];
	size_t running_count;
	int events;
	bool paused;
	bool keyed; /* alpha was claimed in order since the store was opened, or forgot that */
};

static unsigned draw(struct world *w, unsigned below)
{
	w->random = w->random * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(w->random >> 33) % below;
}

static void world_arrival(struct world *w)
{
	char key[32], entity[8];

	(void)snprintf(key, sizeof(key), "id:%d", w->events++);
	(void)snprintf(entity, sizeof(entity), "%u", draw(w, ENTITIES));
	(void)fx_put_entity(
		w->fx, key, "transaction.updated", entity, 1000 + draw(w, 20), 1 + draw(w, 2));
}

static void world_import(struct world *w)
{
	char key[32], entity[8];

	(void)snprintf(key, sizeof(key), "id:%d", draw(w, 4) > 0 ? w->events++ : w->events / 2);
	(void)snprintf(entity, sizeof(entity), "%u", draw(w, ENTITIES));
	(void)act_import(w->fx, key, entity, 1000 + draw(w, 20), 1 + draw(w, 2),
		draw(w, 3) == 0 ? "not to run" : NULL);
}

static void world_quarantine(struct world *w)
{
	char key[32], entity[8];

	(void)snprintf(key, sizeof(key), "id:%d", w->events++);
	(void)snprintf(entity, sizeof(entity), "%u", draw(w, ENTITIES));
	int64_t event = act_put_quarantined(w->fx, key);
	if (draw(w, 3) == 0)
		assert_true(act_drop(w->fx, event));
	else
		assert_true(act_release(w->fx, event, entity, 1 + draw(w, 2)));
}

/* Up to eight deliveries, whatever their states. */
static void world_change(struct world *w, enum store_change_kind kind)
{
	int64_t last = fx_number(w->fx, "SELECT coalesce(max(id), 0) FROM deliveries");
	int64_t chosen[8], made[8];

	for (size_t i = 0; i < 8; i++)
		chosen[i] = 1 + draw(w, (unsigned)last + 1);
	act_change(w->fx, kind, chosen, 8, NULL, made);
	for (size_t i = 0; i < 8; i++)
		assert_true(made[i] == 0 ||
			    (kind == STORE_CHANGE_CANCEL ? made[i] == chosen[i] : made[i] > last));
}

/* No delivery of alpha runs beside another of its entity, or before an earlier one. */
static void check_order(struct world *w, const struct store_claim *c)
{
	char sql[1024];

	assert_int_equal(fx_number(w->fx, "SELECT count(*) FROM (SELECT 1 FROM deliveries"
					  " WHERE hook_id = 1 AND state = 'RUNNING'"
					  " GROUP BY ordering_key HAVING count(*) > 1)"),
		0);
	for (size_t i = 0; i < c->job_count; i++) {
		if (c->jobs[i]->hook != w->fx->hooks[0])
			continue;
		(void)snprintf(sql, sizeof(sql),
			"SELECT count(*) FROM events m JOIN deliveries md ON md.event_id = m.id"
			" JOIN events e ON e.entity_id = m.entity_id"
			" JOIN deliveries d ON d.event_id = e.id AND d.hook_id = md.hook_id"
			" WHERE md.id = %lld AND d.state IN ('READY', 'RUNNING')"
			" AND (coalesce(e.occurred_at, e.received_at), e.id, d.id)"
			" < (coalesce(m.occurred_at, m.received_at), m.id, md.id)",
			(long long)c->jobs[i]->delivery);
		assert_int_equal(fx_number(w->fx, sql), 0);
	}
}

static void world_claim(struct world *w, unsigned total)
{
	struct store_want wants[2] = {{.hook = w->fx->hooks[0], .max = total, .ordered = true},
		{.hook = w->fx->hooks[1], .max = total}};
	struct store_claim c = {.op.kind = STORE_OP_CLAIM,
		.wants = wants,
		.want_count = 2,
		.total = total,
		.now = clock_wall()};

	if (w->running_count + total > 64)
		return;
	assert_int_equal(store_wait(w->fx->st, &c.op), STORE_OK);
	w->keyed = true;
	check_order(w, &c);
	for (size_t i = 0; i < c.job_count; i++) {
		assert_false(w->paused && c.jobs[i]->hook == w->fx->hooks[1]);
		w->running[w->running_count++] = (struct delivery_job){
			.delivery = c.jobs[i]->delivery, .attempt = c.jobs[i]->attempt};
	}
	fx_claim_free(&c);
}

static void world_settle(struct world *w, bool for_good)
{
	if (w->running_count == 0)
		return;
	size_t i = draw(w, (unsigned)w->running_count);
	struct delivery_job job = w->running[i];
	w->running[i] = w->running[--w->running_count];
	enum delivery_state state = draw(w, 3) == 0 ? DELIVERY_DEAD : DELIVERY_DONE;
	if (!for_good && draw(w, 3) == 0)
		state = DELIVERY_READY;
	assert_int_equal(fx_settle(w->fx, job.delivery, job.attempt,
				 state == DELIVERY_DONE ? ATTEMPT_OK : ATTEMPT_TEMPFAIL, state, 0),
		STORE_OK);
}

static void world_pause(struct world *w, bool pause)
{
	(void)act_pause(w->fx, "beta", pause);
	w->paused = pause;
}

static void world_restart(struct world *w)
{
	fx_close(w->fx);
	fx_open(w->fx);
	w->running_count = 0;
	w->keyed = false;
}

/* A transaction fails, whichever it is. */
static void world_fail(struct world *w)
{
	int64_t delivery = 1 + draw(w, 50), made;
	struct store_pause pause = {
		.op.kind = STORE_OP_PAUSE, .hook = "beta", .pause = !w->paused, .now = 1};
	struct store_change change = {.op.kind = STORE_OP_CHANGE,
		.kind = draw(w, 2) == 0 ? STORE_CHANGE_REPLAY : STORE_CHANGE_CANCEL,
		.deliveries = &delivery,
		.count = 1,
		.made = &made};

	act_limit_files(1);
	assert_int_equal(store_wait(w->fx->st, &pause.op), STORE_ERROR);
	if (store_wait(w->fx->st, &change.op) == STORE_OK)
		assert_int_equal(made, 0); /* nothing to write */
	act_limit_files((rlim_t)-1);
	assert_int_equal(store_hook_paused(w->fx->st, w->fx->hooks[1]), w->paused);
	w->keyed = false;
}

static void world_check(struct world *w)
{
	act_check_counts(w->fx);
	if (w->keyed)
		assert_int_equal(fx_number(w->fx, "SELECT count(*) FROM deliveries d"
						  " JOIN events e ON e.id = d.event_id"
						  " WHERE d.hook_id = 1 AND d.state = 'READY'"
						  " AND e.entity_id IS NOT NULL"
						  " AND d.ordering_key IS NULL"),
			0);
}

static void world_step(struct world *w)
{
	unsigned what = draw(w, 100);

	if (what < 25)
		world_arrival(w);
	else if (what < 45)
		world_claim(w, 1 + draw(w, 4));
	else if (what < 65)
		world_settle(w, false);
	else if (what < 73)
		world_import(w);
	else if (what < 79)
		world_quarantine(w);
	else if (what < 86)
		world_change(w, STORE_CHANGE_REPLAY);
	else if (what < 91)
		world_change(w, STORE_CHANGE_CANCEL);
	else if (what < 95)
		world_pause(w, draw(w, 2) == 0);
	else if (what < 97)
		(void)act_prune(w->fx, clock_wall() + 1, NULL);
	else if (what < 98)
		world_fail(w);
	else
		world_restart(w);
}

static void test_counts_and_order_through_random_acts(void **state)
{
	struct capture capture;

	(void)signal(SIGXFSZ, SIG_IGN);
	for (unsigned seed = 1; seed <= 4; seed++) {
		struct world w = {.fx = *state, .random = seed, .events = (int)seed * 1000};
		capture_begin(&capture);
		for (int i = 0; i < 200; i++) {
			world_step(&w);
			world_check(&w);
		}
		world_pause(&w, false);
		for (int i = 0; i < 3000 && fx_counts(w.fx).waiting > 0; i++) {
			world_claim(&w, 4);
			world_settle(&w, true);
		}
		(void)capture_end(&capture);
		assert_int_equal(fx_counts(w.fx).waiting, 0);
		assert_int_equal(fx_number(w.fx, "SELECT count(*) FROM deliveries"
						 " WHERE blocked_by IS NOT NULL"),
			0);
		world_restart(&w); /* counts again */
		world_check(&w);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_counts_and_order_through_random_acts, fx_make_open, fx_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
