/* Replays: what is added, what stays as it was, and how the daemon handles it. */
#include "act_fixture.h"

struct listed {
	size_t count;
	int64_t deliveries[16];
	int64_t events[16];
	char hooks[16][16];
	int64_t ended[16];
};

static void list_one(void *arg, const struct store_changeable *row)
{
	struct listed *l = arg;

	assert_in_range(l->count, 0, 15);
	l->deliveries[l->count] = row->delivery;
	l->events[l->count] = row->event;
	l->ended[l->count] = row->ended;
	(void)snprintf(l->hooks[l->count++], sizeof(l->hooks[0]), "%s", row->hook);
}

static struct listed list(struct fixture *fx, struct store_change_filter filter)
{
	char why[STORE_READ_WHY] = "";
	struct store_reader *r = store_reader_open(fx->path, why);
	struct listed l = {0};

	if (r == NULL || !store_change_find(r, &filter, list_one, &l, why))
		fail_msg("%s", why);
	store_reader_close(r);
	return l;
}

/* Claims the one delivery of "alpha" that is due; its key into `key`. */
static struct delivery_job take(struct fixture *fx, char key[128])
{
	struct store_claim c = fx_claim(fx, 1, 10);

	assert_int_equal(c.job_count, 1);
	struct delivery_job job = {.delivery = c.jobs[0]->delivery,
		.event = c.jobs[0]->event,
		.attempt = c.jobs[0]->attempt};
	(void)snprintf(key, 128, "%s", c.jobs[0]->idempotency_key);
	fx_claim_free(&c);
	return job;
}

/* Puts an event for "alpha" and ends its delivery in that state. */
static struct delivery_job ended(struct fixture *fx, const char *key, enum delivery_state state)
{
	char given[128];

	(void)fx_put(fx, key, 1);
	struct delivery_job job = take(fx, given);
	assert_int_equal(fx_settle(fx, job.delivery, job.attempt,
				 state == DELIVERY_DONE ? ATTEMPT_OK : ATTEMPT_PERMFAIL, state, 0),
		STORE_OK);
	return job;
}

struct link {
	int64_t delivery, replay_of, replayed_by;
	enum delivery_state state;
};

struct links {
	size_t count;
	struct link rows[8];
};

static void link_one(void *arg, const struct store_delivery_row *row)
{
	struct links *l = arg;

	assert_in_range(l->count, 0, 7);
	l->rows[l->count++] = (struct link){row->id, row->replay_of, row->replayed_by, row->state};
}

static struct links links(struct fixture *fx, int64_t event)
{
	char why[STORE_READ_WHY] = "";
	struct store_reader *r = store_reader_open(fx->path, why);
	struct links l = {0};

	if (r == NULL || !store_read_deliveries(r, event, link_one, &l, why))
		fail_msg("%s", why);
	store_reader_close(r);
	return l;
}

static void test_a_new_delivery_with_its_own_key(void **state)
{
	struct fixture *fx = *state;
	struct delivery_job dead = ended(fx, "id:1", DELIVERY_DEAD);
	char key[128], expected[128];

	int64_t made = act_replay(fx, dead.delivery);
	assert_true(made > dead.delivery);
	struct delivery_job job = take(fx, key);
	assert_int_equal(job.delivery, made);
	assert_int_equal(job.event, dead.event);
	assert_int_equal(job.attempt, 1);
	(void)snprintf(
		expected, sizeof(expected), "fedapay/id:1/alpha/replay/%lld", (long long)made);
	assert_string_equal(key, expected);
}

static void test_what_was_stays_and_is_linked(void **state)
{
	struct fixture *fx = *state;
	struct delivery_job dead = ended(fx, "id:1", DELIVERY_DEAD);
	char key[128];

	int64_t second = act_replay(fx, dead.delivery);
	struct delivery_job job = take(fx, key);
	assert_int_equal(
		fx_settle(fx, job.delivery, 1, ATTEMPT_PERMFAIL, DELIVERY_DEAD, 0), STORE_OK);
	int64_t third = act_replay(fx, second);
	struct links l = links(fx, dead.event);
	assert_int_equal(l.count, 3);
	assert_int_equal(l.rows[0].delivery, dead.delivery);
	assert_int_equal(l.rows[0].state, DELIVERY_DEAD);
	assert_int_equal(l.rows[0].replay_of, 0);
	assert_int_equal(l.rows[0].replayed_by, second);
	assert_int_equal(l.rows[1].replay_of, dead.delivery);
	assert_int_equal(l.rows[1].replayed_by, third);
	assert_int_equal(l.rows[2].replay_of, dead.delivery); /* the first, not the last */
	assert_int_equal(l.rows[2].replayed_by, 0);
	assert_int_equal(l.rows[2].state, DELIVERY_READY);
}

static void test_only_the_last_and_only_once_it_has_ended(void **state)
{
	struct fixture *fx = *state;
	struct delivery_job done = ended(fx, "id:1", DELIVERY_DONE);
	char key[128];

	int64_t made = act_replay(fx, done.delivery);
	assert_true(made > 0);
	assert_int_equal(act_replay(fx, done.delivery), 0);
	assert_int_equal(act_replay(fx, made), 0); /* READY */
	(void)take(fx, key);
	assert_int_equal(act_replay(fx, made), 0); /* RUNNING */
	assert_int_equal(act_replay(fx, 4711), 0);
	assert_int_equal(links(fx, done.event).count, 2);
}

static void test_the_filter_names_exactly_these(void **state)
{
	struct fixture *fx = *state;
	struct delivery_job dead = ended(fx, "id:1", DELIVERY_DEAD);
	struct delivery_job done = ended(fx, "id:2", DELIVERY_DONE);
	struct delivery_job again = ended(fx, "id:3", DELIVERY_DEAD);

	(void)act_replay(fx, again.delivery);
	struct listed l = list(fx, (struct store_change_filter){.set = STORE_CHANGE_DEAD});
	assert_int_equal(l.count, 1);
	assert_int_equal(l.deliveries[0], dead.delivery);
	assert_int_equal(l.events[0], dead.event);
	assert_string_equal(l.hooks[0], "alpha");
	l = list(fx, (struct store_change_filter){.set = STORE_CHANGE_ENDED});
	assert_int_equal(l.count, 2);
	l = list(fx, (struct store_change_filter){.event = done.event});
	assert_int_equal(l.count, 1);
	assert_int_equal(l.deliveries[0], done.delivery);
	l = list(fx, (struct store_change_filter){.hook = "beta"});
	assert_int_equal(l.count, 0);
	l = list(fx, (struct store_change_filter){.hook = "alpha"});
	assert_int_equal(l.count, 2);
	fx_exec(fx->path, "UPDATE deliveries SET ended_at = 5000 WHERE id = 1");
	l = list(fx, (struct store_change_filter){.set = STORE_CHANGE_DEAD, .since = 5000});
	assert_int_equal(l.count, 1);
	assert_int_equal(l.ended[0], 5000);
	l = list(fx, (struct store_change_filter){.set = STORE_CHANGE_DEAD, .since = 5001});
	assert_int_equal(l.count, 0);
}

struct changing {
	struct fixture *fx;
	int64_t last;
	size_t count;
};

static void replay_last(void *arg, const struct store_changeable *row)
{
	struct changing *c = arg;

	assert_int_not_equal(row->delivery, c->last);
	if (c->count++ == 0)
		assert_true(act_replay(c->fx, c->last) > 0);
}

/* In one transaction the last one would be seen as it was at first, and the WAL would grow for as
 * long. */
static void check_parts(struct fixture *fx, enum store_change_set set)
{
	const struct store_change_filter filter = {.set = set};
	struct changing c = {.fx = fx, .last = fx_number(fx, "SELECT max(id) FROM deliveries")};
	char why[STORE_READ_WHY] = "";
	struct store_reader *r = store_reader_open(fx->path, why);

	assert_non_null(r);
	assert_true(store_change_find(r, &filter, replay_last, &c, why));
	assert_int_equal(c.count, 29999);
	store_reader_close(r);
}

static void test_many_are_read_in_parts(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 0);
	fx_exec(fx->path, "INSERT INTO deliveries(event_id, hook_id, state, due_at, ended_at)"
			  " WITH n(x) AS (VALUES(1) UNION ALL SELECT x + 1 FROM n WHERE x < 30000)"
			  " SELECT 1, 1, 'DEAD', 1, 1 FROM n");
	check_parts(fx, STORE_CHANGE_DEAD);
	fx_exec(fx->path, "UPDATE deliveries SET state = 'DONE', replayed_by = NULL"
			  " WHERE id <= 30000");
	fx_exec(fx->path, "DELETE FROM deliveries WHERE id > 30000");
	check_parts(fx, STORE_CHANGE_DONE);
}

static void test_a_waiting_one_has_the_end_of_its_last_attempt(void **state)
{
	struct fixture *fx = *state;
	static const struct store_change_filter waiting = {.set = STORE_CHANGE_WAITING};
	char key[128];

	(void)fx_put(fx, "id:1", 1);
	struct listed l = list(fx, waiting);
	assert_int_equal(l.count, 1);
	assert_int_equal(l.ended[0], 0);
	struct delivery_job job = take(fx, key);
	assert_int_equal(list(fx, waiting).count, 0);
	assert_int_equal(
		fx_settle(fx, job.delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, 0), STORE_OK);
	fx_exec(fx->path, "UPDATE attempts SET ended_at = 7000");
	l = list(fx, waiting);
	assert_int_equal(l.count, 1);
	assert_int_equal(l.ended[0], 7000);
}

static void test_a_replay_is_never_stale(void **state)
{
	struct fixture *fx = *state;
	static const struct store_want stale = {.ordered = true, .skip_stale = fx_states};
	char key[128];

	int64_t created = fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	struct delivery_job first = take(fx, key);
	assert_int_equal(first.event, created);
	assert_int_equal(
		fx_settle(fx, first.delivery, 1, ATTEMPT_PERMFAIL, DELIVERY_DEAD, 0), STORE_OK);
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 0);
	int64_t made = act_replay(fx, first.delivery);
	struct store_claim c = fx_claim_as(fx, 1, 10, stale);
	assert_int_equal(c.skip_count, 0);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->delivery, made);
	fx_claim_free(&c);
}

static void test_a_replay_has_its_turn_in_order(void **state)
{
	struct fixture *fx = *state;
	static const struct store_want ordered = {.ordered = true};
	char key[128];

	(void)fx_put_entity(fx, "id:1", "transaction.updated", "7", 1000, 1);
	struct delivery_job first = take(fx, key);
	assert_int_equal(fx_settle(fx, first.delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0), STORE_OK);
	struct store_claim c = fx_claim_as(fx, 1, 10, ordered);
	fx_claim_free(&c);
	int64_t later = fx_put_entity(fx, "id:2", "transaction.updated", "7", 2000, 1);
	int64_t made = act_replay(fx, first.delivery);
	c = fx_claim_as(fx, 1, 10, ordered);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->delivery, made);
	fx_claim_free(&c);
	assert_int_equal(fx_settle(fx, made, 1, ATTEMPT_OK, DELIVERY_DONE, 0), STORE_OK);
	c = fx_claim_as(fx, 1, 10, ordered);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->event, later);
	fx_claim_free(&c);
}

static void test_each_of_many_by_its_own_state(void **state)
{
	struct fixture *fx = *state;
	int64_t deliveries[3], made[3] = {-1, -1, -1};

	for (int i = 0; i < 3; i++) {
		char key[16];

		(void)snprintf(key, sizeof(key), "id:%d", i);
		deliveries[i] = ended(fx, key, DELIVERY_DEAD).delivery;
	}
	assert_true(act_replay(fx, deliveries[1]) > 0);
	act_change(fx, STORE_CHANGE_REPLAY, deliveries, 3, NULL, made);
	assert_true(made[0] > 0 && made[1] == 0 && made[2] > made[0]);
}

static void test_the_states_index_finds_the_dead(void **state)
{
	struct fixture *fx = *state;
	sqlite3 *db;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_open(fx->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
				 "EXPLAIN QUERY PLAN SELECT d.id, d.event_id, h.name, d.state"
				 " FROM deliveries d CROSS JOIN hooks h ON h.id = d.hook_id"
				 " WHERE d.replayed_by IS NULL AND d.state = 'DEAD'"
				 " AND d.ended_at >= 1",
				 -1, &s, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_non_null(strstr((const char *)sqlite3_column_text(s, 3), "deliveries_dead"));
	(void)sqlite3_finalize(s);
	(void)sqlite3_close(db);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_a_new_delivery_with_its_own_key),
		OPEN(test_what_was_stays_and_is_linked),
		OPEN(test_only_the_last_and_only_once_it_has_ended),
		OPEN(test_the_filter_names_exactly_these),
		OPEN(test_many_are_read_in_parts),
		OPEN(test_a_waiting_one_has_the_end_of_its_last_attempt),
		OPEN(test_a_replay_is_never_stale),
		OPEN(test_a_replay_has_its_turn_in_order),
		OPEN(test_each_of_many_by_its_own_state),
		OPEN(test_the_states_index_finds_the_dead),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
