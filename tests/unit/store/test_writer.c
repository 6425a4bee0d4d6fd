/* How the writer shares its time: slices of what a person asks for are alone in their transactions,
 * let the other operations go first, and hurry when there are none. */
#include "act_fixture.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- what the writer's connection runs ---- */

struct transaction {
	bool put, act;
	int64_t start, end; /* µs */
};

static struct {
	struct transaction list[4096];
	size_t count;
	bool open;
} seen; /* written by the writer's thread, read after it has ended */

static int64_t micros(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void note_statement(const char *sql)
{
	struct transaction *t = &seen.list[seen.count];

	if (strcmp(sql, "BEGIN IMMEDIATE") == 0) {
		*t = (struct transaction){.start = micros()};
		seen.open = true;
	}
	t->put |= strstr(sql, "FROM put_events") != NULL;
	t->act |= strstr(sql, "INTO audit") != NULL || strstr(sql, "UPDATE audit") != NULL;
}

static int traced(unsigned kind, void *arg, void *statement, void *unused)
{
	const char *sql = sqlite3_sql(statement);

	(void)arg;
	(void)unused;
	if (sql == NULL || seen.count == 4096)
		return 0;
	if (kind == SQLITE_TRACE_STMT) {
		note_statement(sql);
	} else if (seen.open && strcmp(sql, "COMMIT") == 0) {
		seen.list[seen.count++].end = micros();
		seen.open = false;
	}
	return 0;
}

static int opened(sqlite3 *db, const char **error, const void *api)
{
	(void)error;
	(void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE, traced, NULL);
}

/* Watches the connection of a store that is opened now. */
static void watch(struct fixture *fx)
{
	fx_close(fx);
	assert_int_equal(sqlite3_auto_extension((void (*)(void))opened), SQLITE_OK);
	fx_open(fx);
	sqlite3_reset_auto_extension();
	seen.count = 0;
}

/* ---- work ---- */

static void fill_dead(struct fixture *fx, int count)
{
	struct event events[200];
	struct store_imported_event list[200];
	char keys[200][16];

	for (int n = 0; n < count; n += 200) {
		struct store_import import = {
			.op.kind = STORE_OP_IMPORT, .list = list, .count = 200};

		for (int i = 0; i < 200; i++) {
			(void)snprintf(keys[i], sizeof(keys[i]), "old:%d", n + i);
			events[i] = fx_event(fx, keys[i], "{}", 2);
			events[i].received_at = 1000;
			list[i] = (struct store_imported_event){.event = &events[i],
				.hooks = fx->hooks,
				.hook_count = 1,
				.skipped = "not to run"};
		}
		for (; import.count > 0; import.list += import.done, import.count -= import.done)
			assert_int_equal(store_wait(fx->st, &import.op), STORE_OK);
	}
}

struct act {
	struct fixture *fx;
	pthread_t thread;
	int64_t first; /* delivery */
	size_t count;
	struct store_audit audit;
	_Atomic bool over;
};

/* Replays so many deliveries from the first on. */
static void *replay(void *arg)
{
	struct act *a = arg;
	int64_t *deliveries = calloc(a->count, sizeof(*deliveries));
	int64_t *made = calloc(a->count, sizeof(*made));

	assert_true(deliveries != NULL && made != NULL);
	for (size_t i = 0; i < a->count; i++)
		deliveries[i] = a->first + (int64_t)i;
	act_change(a->fx, STORE_CHANGE_REPLAY, deliveries, a->count, &a->audit, made);
	free(deliveries);
	free(made);
	a->over = true;
	return NULL;
}

static void start(struct act *a, struct fixture *fx, int64_t first, size_t count)
{
	*a = (struct act){.fx = fx, .first = first, .count = count, .audit = act_named("replay")};
	assert_int_equal(pthread_create(&a->thread, NULL, replay, a), 0);
}

/* Puts until the act has ended. */
static void *put_meanwhile(void *arg)
{
	struct act *a = arg;
	char key[48];

	for (int i = 0; !a->over; i++) {
		(void)snprintf(key, sizeof(key), "new:%lu:%d", (unsigned long)pthread_self(), i);
		(void)fx_put(a->fx, key, 1);
	}
	return NULL;
}

/* ---- tests ---- */

static atomic_int answers;

static void answered(struct store_op *op)
{
	assert_int_equal(op->result, STORE_OK);
	answers++;
}

/* Submits three puts and two acts while another process keeps the writer waiting. */
static void submit_mixed(struct fixture *fx, struct store_put puts[3], struct event events[3],
	struct store_note notes[2], struct store_audit audits[2])
{
	static char keys[3][8] = {"id:1", "id:2", "id:3"};

	for (int i = 0; i < 3; i++) {
		events[i] = fx_event(fx, keys[i], "{}", 2);
		puts[i] = (struct store_put){.op.kind = STORE_OP_PUT, .event = &events[i]};
		puts[i].op.done = answered;
		store_submit(fx->st, &puts[i].op);
		if (i == 2)
			break;
		audits[i] = act_named("check");
		notes[i] = (struct store_note){
			.op.kind = STORE_OP_AUDIT, .audit = &audits[i], .result = "done"};
		notes[i].op.done = answered;
		store_submit(fx->st, &notes[i].op);
	}
}

static void test_a_slice_is_alone_in_its_transaction(void **state)
{
	struct fixture *fx = *state;
	struct store_put puts[3];
	struct event events[3];
	struct store_note notes[2];
	struct store_audit audits[2];
	size_t with_puts = 0, with_acts = 0;
	sqlite3 *other;

	watch(fx);
	answers = 0;
	assert_int_equal(sqlite3_open(fx->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	submit_mixed(fx, puts, events, notes, audits);
	assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(other);
	fx_close(fx); /* runs what waits */
	assert_int_equal(answers, 5);
	for (size_t i = 0; i < seen.count; i++) {
		assert_false(seen.list[i].put && seen.list[i].act);
		with_puts += seen.list[i].put;
		with_acts += seen.list[i].act;
	}
	assert_in_range(with_puts, 1, 2); /* together, but for those that came before */
	assert_int_equal(with_acts, 2);
}

enum {
	SHARE = 4,
	IDLE = 9000,  /* µs: less than writer.c's, whose clock counts milliseconds */
	SLACK = 2000, /* µs: the writer measures by that clock, and beyond the COMMIT */
};

/* The groups have four times as long as a slice took, unless they do not come. */
static void test_slices_let_groups_go_first(void **state)
{
	struct fixture *fx = *state;
	struct act act;
	pthread_t putters[3];
	size_t slices = 0, early = 0;

	fill_dead(fx, 4000);
	watch(fx);
	start(&act, fx, 1, 4000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&putters[i], NULL, put_meanwhile, &act), 0);
	for (int i = 0; i < 3; i++)
		(void)pthread_join(putters[i], NULL);
	(void)pthread_join(act.thread, NULL);
	fx_close(fx);
	const struct transaction *last = NULL;
	for (size_t i = 0; i < seen.count; i++) {
		const struct transaction *t = &seen.list[i];
		if (!t->act)
			continue;
		if (last != NULL && i > 0) {
			int64_t free_for = t->start - last->end;
			bool idle = t->start - seen.list[i - 1].end >= IDLE;
			early += !idle && free_for < SHARE * (last->end - last->start) - SLACK;
			slices++;
		}
		last = t;
	}
	assert_true(slices >= 5);
	assert_int_equal(early, 0);
}

static int by_size(const void *a, const void *b)
{
	int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

	return left < right ? -1 : left > right;
}

static void test_slices_hurry_in_an_idle_store(void **state)
{
	struct fixture *fx = *state;
	struct act act;
	int64_t gaps[4096] = {0}, works[4096] = {0};
	size_t n = 0;

	fill_dead(fx, 6000);
	watch(fx);
	start(&act, fx, 1, 6000);
	(void)pthread_join(act.thread, NULL);
	fx_close(fx);
	for (size_t i = 1; i < seen.count; i++) {
		if (!seen.list[i].act || !seen.list[i - 1].act)
			continue;
		gaps[n] = seen.list[i].start - seen.list[i - 1].end;
		works[n++] = seen.list[i].end - seen.list[i].start;
	}
	assert_true(n >= 3);
	qsort(gaps, n, sizeof(gaps[0]), by_size);
	qsort(works, n, sizeof(works[0]), by_size);
	assert_true(gaps[n / 2] < works[n / 2]);
}

static void test_two_acts_at_once(void **state)
{
	struct fixture *fx = *state;
	struct act one, two, overlapping;

	fill_dead(fx, 3000);
	start(&one, fx, 1, 1000);
	start(&two, fx, 1001, 2000);
	start(&overlapping, fx, 501, 1000); /* each delivery is replayed once */
	(void)pthread_join(one.thread, NULL);
	(void)pthread_join(two.thread, NULL);
	(void)pthread_join(overlapping.thread, NULL);
	act_end(fx, &one.audit, "done");
	act_end(fx, &two.audit, "done");
	act_end(fx, &overlapping.audit, "done");
	assert_int_equal(fx_counts(fx).waiting, 3000);
	act_check_counts(fx);
	assert_int_equal(fx_number(fx, "SELECT sum(changed) FROM audit"), 3000);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM audit WHERE result = 'done'"), 3);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM (SELECT replay_of FROM deliveries"
				       " WHERE replay_of > 0 GROUP BY replay_of"
				       " HAVING count(*) > 1)"),
		0);
}

static void test_retention_goes_on_beside_an_act(void **state)
{
	struct fixture *fx = *state;
	struct act act;

	fill_dead(fx, 4000);
	start(&act, fx, 2001, 2000); /* the second half */
	store_configure(fx->st, 1000000, 100000);
	(void)pthread_join(act.thread, NULL);
	/* what runs again stays */
	fx_await(fx, "SELECT count(*) FROM events",
		fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'READY'"));
	act_check_counts(fx);
}

static void test_close_runs_the_slices_that_wait(void **state)
{
	struct fixture *fx = *state;
	struct store_audit audits[20];
	struct store_note notes[20];

	answers = 0;
	for (int i = 0; i < 20; i++) {
		audits[i] = act_named("check");
		notes[i] = (struct store_note){
			.op.kind = STORE_OP_AUDIT, .audit = &audits[i], .result = "done"};
		notes[i].op.done = answered;
		store_submit(fx->st, &notes[i].op);
	}
	fx_close(fx);
	assert_int_equal(answers, 20);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_a_slice_is_alone_in_its_transaction),
		OPEN(test_slices_let_groups_go_first),
		OPEN(test_slices_hurry_in_an_idle_store),
		OPEN(test_two_acts_at_once),
		OPEN(test_retention_goes_on_beside_an_act),
		OPEN(test_close_runs_the_slices_that_wait),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
