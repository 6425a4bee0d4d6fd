/* What the daemon's work costs in a large store: the steps of SQLite's virtual machine are counted,
 * and no statement may walk through anything unbounded. */
#include "plan_fixture.h"
#include "store/private.h"
#include "store/sqlite/db.h"

#define MANY      10000
#define MANY_TEXT "10000"

/* Deliveries read by a claim of one. */
#define LOOK 68

static const struct store_want in_order = {.ordered = true};

/* The connection belongs to the writer: this returns when the writer sleeps. */
static void settle_down(struct fixture *fx)
{
	struct store_op ping = {.kind = STORE_OP_PING};

	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
}

/* The steps made since the last call. */
static int steps(struct fixture *fx)
{
	int sum = 0;

	settle_down(fx);
	for (sqlite3_stmt *s = sqlite3_next_stmt(fx->st->db->sqlite, NULL); s != NULL;
		s = sqlite3_next_stmt(fx->st->db->sqlite, s))
		sum += sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1);
	return sum;
}

/* MANY events of one entity for alpha, as an earlier hookd wrote them. `when` and `state` are SQL
 * over i, which counts from 1. */
static void fill(struct fixture *fx, const char *when, const char *state)
{
	char sql[1024];

	fx_close(fx);
	(void)snprintf(sql, sizeof(sql),
		"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c"
		" WHERE i < " MANY_TEXT ")"
		" INSERT INTO events(source_id, idempotency_key, type, entity_kind, entity_id,"
		" received_at, occurred_at, origin, remote_addr, payload)"
		" SELECT 1, 'old:' || i, 'transaction.updated', 'transaction', '7', 1000000 + i,"
		" %s, 'webhook', 'unix', x'7b7d' FROM c;"
		"INSERT INTO deliveries(event_id, hook_id, state, due_at, ended_at)"
		" SELECT id, 1, %s, received_at, CASE WHEN %s <> 'READY' THEN received_at END"
		" FROM (SELECT *, CAST(substr(idempotency_key, 5) AS INTEGER) AS i FROM events)",
		when, state, state);
	fx_exec(fx->path, sql);
	fx_open(fx);
}

static struct store_claim claim(struct fixture *fx)
{
	struct store_claim c = fx_claim_as(fx, 1, 1, in_order);

	assert_int_equal(c.op.result, STORE_OK);
	return c;
}

/* Claims until all but the first are blocked; each claim is bounded. */
static struct delivery_job block_all(struct fixture *fx)
{
	struct delivery_job job = {0};
	int claims = 0;

	struct store_claim c = claim(fx); /* sets all ordering keys, once */
	for (;; claims++) {
		if (c.job_count == 1) {
			job.delivery = c.jobs[0]->delivery;
			job.attempt = c.jobs[0]->attempt;
		}
		bool more = c.next_due <= clock_wall();
		assert_int_equal(more, fx_number(fx, "SELECT count(*) > 0 FROM deliveries"
						     " WHERE state = 'READY'"
						     " AND blocked_by IS NULL"));
		fx_claim_free(&c);
		if (!more)
			break;
		(void)steps(fx);
		c = claim(fx);
		assert_in_range(steps(fx), 1, LOOK * 200);
	}
	assert_in_range(claims, MANY / LOOK - 1, MANY / LOOK + 10);
	assert_int_equal(
		fx_number(fx, "SELECT count(*) FROM deliveries WHERE blocked_by IS NOT NULL"),
		MANY - 1);
	assert_true(job.delivery != 0);
	return job;
}

/* Ends `job` and `rounds` - 1 of those after it. */
static void check_blocked_cost_nothing(struct fixture *fx, struct delivery_job job, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		(void)steps(fx);
		struct store_claim c = claim(fx);
		assert_int_equal(c.job_count, 0);
		assert_in_range(steps(fx), 1, 1000); /* some hundreds, however many wait */
		assert_int_equal(
			fx_settle(fx, job.delivery, job.attempt, ATTEMPT_OK, DELIVERY_DONE, 0),
			STORE_OK);
		c = claim(fx);
		assert_in_range(steps(fx), 1, 2000);
		assert_int_equal(c.job_count, 1);
		job.delivery = c.jobs[0]->delivery;
		fx_claim_free(&c);
	}
}

static void test_ten_thousand_blocked(void **state)
{
	fill(*state, "2000000 + i", "'READY'");
	check_blocked_cost_nothing(*state, block_all(*state), 20);
}

static void test_ten_thousand_blocked_of_one_time(void **state)
{
	fill(*state, "2000000", "'READY'");
	check_blocked_cost_nothing(*state, block_all(*state), 20);
}

static void test_ten_thousand_that_came_in_reverse(void **state)
{
	fill(*state, "2000000 - i", "'READY'");
	struct store_claim c = claim(*state);
	/* The first to arrive is the last in order. */
	assert_int_equal(c.job_count, 0);
	for (int i = 0; i < MANY / LOOK + 10 && c.job_count == 0; i++) {
		fx_claim_free(&c);
		(void)steps(*state);
		c = claim(*state);
		assert_in_range(steps(*state), 1, LOOK * 200);
	}
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->event, MANY);
	struct delivery_job job = {.delivery = c.jobs[0]->delivery, .attempt = 1};
	fx_claim_free(&c);
	check_blocked_cost_nothing(*state, job, 20);
}

/* An entity's past costs nothing either. */
static void test_a_long_past(void **state)
{
	struct fixture *fx = *state;

	fill(fx, "2000000 + i", "'DONE'");
	for (int i = 0; i < 5; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "id:%d", i);
		(void)fx_put_entity(fx, key, "transaction.updated", "7", 3000000 + i, 1);
	}
	struct store_claim c = claim(fx);
	assert_int_equal(c.job_count, 1);
	struct delivery_job job = {.delivery = c.jobs[0]->delivery, .attempt = 1};
	check_blocked_cost_nothing(fx, job, 4);
	fx_claim_free(&c);
}

/* Only the latest events of an entity are searched for a later state. */
static void test_a_long_past_is_not_searched_for_a_state(void **state)
{
	struct fixture *fx = *state;
	static const struct store_want stale = {.ordered = true, .skip_stale = fx_states};

	fill(fx, "2000000 + i", "'DONE'");
	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 3000000, 1);
	(void)steps(fx);
	struct store_claim c = fx_claim_as(fx, 1, 1, stale);
	assert_int_equal(c.job_count, 1);
	assert_in_range(steps(fx), STORE_STALE_EVENTS, STORE_STALE_EVENTS * 30);
	fx_claim_free(&c);
}

static void test_removing_an_event_reads_its_deliveries_only(void **state)
{
	struct fixture *fx = *state;

	fill(fx, "2000000 + i", "CASE WHEN i % 2 = 0 THEN 'DONE' ELSE 'DEAD' END");
	fx_close(fx);
	fx_exec(fx->path, "INSERT INTO deliveries(event_id, hook_id, state, due_at, failed_id,"
			  " ended_at) SELECT event_id, 2, 'DONE', 5, id, 6 FROM deliveries"
			  " WHERE state = 'DEAD'");
	fx_open(fx);
	settle_down(fx);
	sqlite3_stmt *s = fx->st->db->sql[SQL_RETENTION_DELETE];
	assert_int_equal(sqlite3_bind_int64(s, 1, 4711), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_DONE);
	(void)sqlite3_reset(s);
	assert_in_range(sqlite3_stmt_status(s, SQLITE_STMTSTATUS_VM_STEP, 1), 1, 1000);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), MANY + MANY / 2 - 2);
}

static void expect_index(struct fixture *fx, enum store_sql which, const char *index)
{
	sqlite3_stmt *plan;
	char sql[1024];
	bool found = false;

	(void)snprintf(
		sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sqlite3_sql(fx->st->db->sql[which]));
	assert_int_equal(sqlite3_prepare_v2(fx->st->db->sqlite, sql, -1, &plan, NULL), SQLITE_OK);
	while (sqlite3_step(plan) == SQLITE_ROW)
		found = found || strstr((const char *)sqlite3_column_text(plan, 3), index) != NULL;
	(void)sqlite3_finalize(plan);
	if (!found)
		fail_msg("%s: not by \"%s\"", sql, index);
}

static void test_each_has_its_index(void **state)
{
	struct fixture *fx = *state;

	settle_down(fx);
	expect_index(fx, SQL_CLAIM_DUE, "INDEX deliveries_due (hook_id=? AND due_at<?)");
	expect_index(fx, SQL_CLAIM_NEXT, "INDEX deliveries_due (hook_id=?)");
	expect_index(fx, SQL_ORDER_BEFORE,
		"INDEX deliveries_ordering (hook_id=? AND ordering_key=? AND "
		"(ordering_at,event_id)<(?,?))");
	expect_index(fx, SQL_ORDER_RUNNING, "INDEX deliveries_running (hook_id=?)");
	expect_index(
		fx, SQL_ORDER_RELEASE, "INDEX deliveries_blocked (hook_id=? AND blocked_by=?)");
	expect_index(fx, SQL_ORDER_RELEASE_EARLIER,
		"INDEX deliveries_blocked (hook_id=? AND blocked_by=?)");
	expect_index(fx, SQL_STALE_EVENTS,
		"INDEX events_entity (entity_id=? AND entity_kind=? AND source_id=?)");
}

static void test_no_statement_walks_from_the_start_on(void **state)
{
	struct fixture *fx = *state;

	plan_watch();
	fx_open(fx);
	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 3);
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 3);
	struct store_claim c = fx_claim_as(
		fx, 3, 10, (struct store_want){.ordered = true, .skip_stale = fx_states});
	fx_claim_free(&c);
	fx_close(fx);
	assert_in_range(plan_watch_end(), 20, 1000);
}

enum { NAMES = 1000 };

static int64_t many_ids[NAMES];

static void add_names(struct fixture *fx)
{
	static char texts[NAMES][16];
	static struct store_name list[NAMES];
	struct store_names names = {.op.kind = STORE_OP_NAMES, .list = list, .count = NAMES};

	for (int i = 0; i < NAMES; i++) {
		(void)snprintf(texts[i], sizeof(texts[i]), "hook-%d", i);
		list[i] = (struct store_name){STORE_NAME_HOOK, texts[i], &many_ids[i]};
	}
	assert_int_equal(store_wait(fx->st, &names.op), STORE_OK);
	settle_down(fx);
}

/* With a transaction for each, a config with thousands of new hooks would take minutes to start. */
static void test_names_go_in_together(void **state)
{
	struct fixture *fx = *state;

	settle_down(fx);
	sqlite3_stmt *commit = fx->st->db->sql[SQL_COMMIT];
	(void)sqlite3_stmt_status(commit, SQLITE_STMTSTATUS_RUN, 1);
	add_names(fx);
	/* The other one is settle_down's. */
	assert_in_range(sqlite3_stmt_status(commit, SQLITE_STMTSTATUS_RUN, 1), 1, 2);
	assert_int_equal(fx_name(fx->st, STORE_NAME_HOOK, "hook-999"), many_ids[999]);
}

static void test_a_claim_asks_for_hooks_that_have_something(void **state)
{
	struct fixture *fx = *state;
	static struct store_want wants[NAMES];
	struct store_claim c = {
		.op.kind = STORE_OP_CLAIM, .wants = wants, .want_count = NAMES, .total = 10};

	add_names(fx);
	for (int i = 0; i < NAMES; i++)
		wants[i] = (struct store_want){
			.hook = many_ids[NAMES - 1 - i], .max = 10, .ordered = true};
	for (int i = 0; i < 2; i++) {
		if (i == 1) {
			fx->hooks[0] = many_ids[500];
			(void)fx_put(fx, "id:1", 1);
		}
		(void)steps(fx);
		c.now = clock_wall();
		assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
		assert_int_equal(c.job_count, i);
		if (i == 1) /* the first one sets ordering keys */
			assert_in_range(steps(fx), 1, 500);
	}
	fx_claim_free(&c);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_ten_thousand_blocked),
		OPEN(test_ten_thousand_blocked_of_one_time),
		OPEN(test_ten_thousand_that_came_in_reverse),
		OPEN(test_a_long_past),
		OPEN(test_a_long_past_is_not_searched_for_a_state),
		OPEN(test_removing_an_event_reads_its_deliveries_only),
		OPEN(test_names_go_in_together),
		OPEN(test_a_claim_asks_for_hooks_that_have_something),
		OPEN(test_each_has_its_index),
		cmocka_unit_test_setup_teardown(
			test_no_statement_walks_from_the_start_on, fx_make, fx_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
