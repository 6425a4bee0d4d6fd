/* Order is kept through arrivals in any order, retries, ends and restarts. */
#include "order_fixture.h"

#define ENTITIES 3

struct world {
	struct fixture *fx;
	unsigned long long random;
	struct delivery_job running[64];
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
					  " WHERE state = 'RUNNING' GROUP BY ordering_key"
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
		w->running[w->running_count++] = (struct delivery_job){
			.delivery = c.jobs[i]->delivery, .attempt = c.jobs[i]->attempt};
	fx_claim_free(&c);
	return count;
}

static void world_settle(struct world *w, bool for_good)
{
	if (w->running_count == 0)
		return;
	size_t i = draw(w, (unsigned)w->running_count);
	struct delivery_job job = w->running[i];
	w->running[i] = w->running[--w->running_count];
	if (!for_good && draw(w, 2) == 0)
		requeue(w->fx, job, 0);
	else
		finish(w->fx, job, draw(w, 4) == 0 ? DELIVERY_DEAD : DELIVERY_DONE);
}

static void world_die(struct world *w)
{
	fx_close(w->fx);
	fx_open(w->fx);
	w->running_count = 0;
}

static void test_one_at_a_time_none_passed_over_and_all_get_their_turn(void **state)
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
		assert_int_equal(fx_number(w.fx, BLOCKED), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_one_at_a_time_none_passed_over_and_all_get_their_turn, fx_make_open,
			fx_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
