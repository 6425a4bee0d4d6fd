/* With short scripts, some deliveries are claimed before they have a slot. That must not be
 * visible, except as speed. */
#include "fixture.h"
#include "store/change.h"

#include <inttypes.h>
#include <sodium.h>

enum { SLOTS = 8, AHEAD = 16, MANY = 1000 };

#define INTERRUPTED ATTEMPTS "'interrupted'"
#define OPEN_ONES   "SELECT count(*) FROM attempts WHERE result IS NULL"
#define ALL         "SELECT count(*) FROM attempts"

/* MANY events that wait for alpha. */
static void fill(struct fixture *fx)
{
	fx_open(fx);
	fx_exec(fx->path,
		"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 1000)"
		" INSERT INTO events(source_id, idempotency_key, type, received_at, origin,"
		" remote_addr, payload) SELECT 1, 'old:' || i, 'transaction.approved', 1000000 + i,"
		" 'webhook', 'unix', x'7b7d' FROM c;"
		"INSERT INTO deliveries(event_id, hook_id, state, due_at)"
		" SELECT id, 1, 'READY', received_at FROM events");
	fx_close(fx);
}

struct set {
	struct fixture *fx;
	struct dispatcher *d;
	struct conf *conf;
};

/* Waits until more are claimed than there are slots. */
static struct set open_quick(void **state, const char *script)
{
	struct set s = {.fx = *state, .conf = conf_with(&script, 1, SLOTS)};
	int64_t running = 0;

	s.conf->hooks[0].own.concurrency = SLOTS;
	fill(s.fx);
	open_all(s.fx, &s.d, s.conf);
	for (int waited = 0; running <= SLOTS && waited < PATIENCE * 1000; waited += STEP) {
		running = fx_number(s.fx, RUNNING);
		usleep(STEP);
	}
	assert_in_range(running, SLOTS + 1, SLOTS + AHEAD);
	return s;
}

static void close_set(struct set *s)
{
	close_all(s->fx, s->d, s->conf);
}

static void no_more_run_at_once(void **state)
{
	struct set s = open_quick(state, ": >$OUT/now.$HOOKD_DELIVERY_ID;"
					 " ls $OUT | grep -c '^now\\.' >>$OUT/most;"
					 " rm $OUT/now.$HOOKD_DELIVERY_ID");
	int most = 0;

	fx_await(s.fx, "SELECT count(*) >= 300 FROM deliveries WHERE state = 'DONE'", 1);
	assert_in_range(lines("most", &most), 300, MANY);
	assert_in_range(most, 1, SLOTS);
	close_set(&s);
}

/* The scripts become slow: deliveries that would wait for long are READY in the store again,
 * and have no attempt. */
static void they_are_requeued_when_attempts_become_slow(void **state)
{
	struct set s = open_quick(state, "while [ -e $OUT/slow ]; do sleep 0.02; done");

	touch("slow");
	usleep(500000);
	fx_await(s.fx, RUNNING, SLOTS);
	usleep(500000);
	assert_int_equal(fx_number(s.fx, RUNNING), SLOTS);
	assert_int_equal(fx_number(s.fx, OPEN_ONES), SLOTS);
	assert_int_equal(fx_number(s.fx, INTERRUPTED), 0);
	assert_int_equal(fx_number(s.fx, "SELECT count(*) FROM deliveries"
					 " WHERE state = 'READY' AND attempts > 0"),
		0);
	assert_int_equal(unlink_out("slow"), 0);
	fx_await(s.fx, DONE, MANY);
	assert_int_equal(fx_number(s.fx, ALL), MANY);
	close_set(&s);
}

static void a_drain_starts_none_of_them(void **state)
{
	struct set s = open_quick(state, "echo x >>$OUT/ran");

	await_drained(s.d);
	assert_int_equal(fx_number(s.fx, RUNNING), 0);
	assert_int_equal(fx_number(s.fx, INTERRUPTED), 0);
	assert_int_equal(fx_number(s.fx, ALL), lines("ran", NULL));
	close_set(&s);
}

static void a_pause_starts_none_of_them(void **state)
{
	struct set s = open_quick(state, "echo x >>$OUT/ran");
	struct store_pause pause = {
		.op.kind = STORE_OP_PAUSE, .hook = "alpha", .pause = true, .now = clock_wall()};

	assert_int_equal(store_wait(s.fx->st, &pause.op), STORE_OK);
	int64_t now = clock_wall();
	char sql[128];
	(void)snprintf(
		sql, sizeof(sql), "SELECT count(*) FROM attempts WHERE started_at > %" PRId64, now);
	fx_await(s.fx, RUNNING, 0);
	assert_in_range(fx_number(s.fx, sql), 0, 1); /* it was about to be started */
	assert_in_range(fx_number(s.fx, READY), 1, MANY);
	int ran = lines("ran", NULL);
	usleep(300000);
	assert_int_equal(lines("ran", NULL), ran);
	assert_int_equal(fx_number(s.fx, ALL), ran);
	pause.pause = false;
	assert_int_equal(store_wait(s.fx->st, &pause.op), STORE_OK);
	fx_await(s.fx, "SELECT count(*) > 0 FROM deliveries WHERE state = 'RUNNING'", 1);
	close_set(&s);
}

/* The hook is not in the reloaded config any more. */
static void a_removed_hook_starts_none_of_them(void **state)
{
	static const char *script = "exit 0";
	struct set s = open_quick(state, "echo x >>$OUT/ran");
	struct conf *other = conf_with(&script, 1, SLOTS);

	other->hooks[0].store_id = 2;
	dispatcher_reload(s.d, other);
	fx_await(s.fx, RUNNING, 0);
	assert_in_range(fx_number(s.fx, READY), 1, MANY);
	assert_int_equal(fx_number(s.fx, INTERRUPTED), 0);
	assert_int_equal(fx_number(s.fx, ALL), lines("ran", NULL));
	conf_unref(other);
	close_set(&s);
}

/* A hook that had no deliveries gets its turn among those that have many. */
static void they_delay_no_other_hook(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf = conf_with((const char *const[]){"exit 0", "exit 0"}, 2, 1);

	fill(fx);
	open_all(fx, &d, conf);
	fx_await(fx, "SELECT count(*) >= 100 FROM deliveries WHERE state = 'DONE'", 1);
	put(fx, MANY + 1, 1, 2);
	fx_await(fx, "SELECT count(*) FROM deliveries WHERE hook_id = 2 AND state = 'DONE'", 1);
	assert_in_range(fx_number(fx, "SELECT count(*) FROM attempts a"
				      " JOIN deliveries d ON d.id = a.delivery_id AND d.hook_id = 1"
				      " JOIN deliveries other ON other.hook_id = 2"
				      " JOIN attempts b ON b.delivery_id = other.id"
				      " JOIN events e ON e.id = other.event_id"
				      " WHERE a.started_at BETWEEN e.received_at AND b.started_at"),
		0, 100);
	close_all(fx, d, conf);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(no_more_run_at_once),
		TEST(they_are_requeued_when_attempts_become_slow),
		TEST(a_drain_starts_none_of_them),
		TEST(a_pause_starts_none_of_them),
		TEST(a_removed_hook_starts_none_of_them),
		TEST(they_delay_no_other_hook),
	};
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
