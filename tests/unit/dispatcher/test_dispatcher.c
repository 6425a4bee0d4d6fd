/* The dispatcher with a real store and real scripts. */
#include "fixture.h"
#include "store/damage_fixture.h"

#include <sodium.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void ok_retry_dead(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct dispatcher_counts counts;
	struct conf *conf = conf_with(
		(const char *const[]){"exit 0", "[ $HOOKD_ATTEMPT = 3 ] || exit 75", "exit 1"}, 3,
		8);

	open_all(fx, &d, conf);
	put(fx, 1, 1, 3);
	fx_await(fx, DONE, 2);
	fx_await(fx, DEAD, 1);
	assert_int_equal(fx_number(fx, "SELECT attempts FROM deliveries WHERE hook_id = 1"), 1);
	assert_int_equal(fx_number(fx, "SELECT attempts FROM deliveries WHERE hook_id = 2"), 3);
	assert_int_equal(fx_number(fx, "SELECT failures FROM deliveries WHERE hook_id = 2"), 2);
	assert_int_equal(fx_number(fx, "SELECT attempts FROM deliveries WHERE hook_id = 3"), 3);
	assert_int_equal(fx_number(fx, ATTEMPTS "'tempfail'"), 5);
	assert_int_equal(fx_number(fx, ATTEMPTS "'ok'"), 2);
	dispatcher_counts(d, &counts);
	assert_int_equal(counts.done, 2);
	assert_int_equal(counts.dead, 1);
	assert_int_equal(counts.failed, 5);
	assert_int_equal(counts.running, 0);
	close_all(fx, d, conf);
}

static void permfail_is_dead_at_once(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf = conf_with((const char *const[]){"exit 65"}, 1, 8);

	open_all(fx, &d, conf);
	put(fx, 1, 1, 1);
	fx_await(fx, DEAD, 1);
	assert_int_equal(fx_number(fx, ATTEMPTS "'permfail'"), 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM attempts"), 1);
	close_all(fx, d, conf);
}

/* Notes how many of them run at once. */
#define COUNTING                                                                                   \
	": >$OUT/now.$HOOKD_DELIVERY_ID; ls $OUT | grep -c '^now\\.' >>$OUT/most;"                 \
	" sleep 0.05; rm $OUT/now.$HOOKD_DELIVERY_ID"

static void concurrency_is_bounded(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	int most = 0;
	struct conf *conf = conf_with((const char *const[]){COUNTING, COUNTING, COUNTING}, 3, 4);

	conf->hooks[0].own.concurrency = 100;
	open_all(fx, &d, conf);
	put(fx, 1, 10, 3);
	fx_await(fx, DONE, 30);
	assert_int_equal(lines("most", &most), 30);
	assert_in_range(most, 1, 4);
	close_all(fx, d, conf);
}

static void concurrency_of_a_hook_is_bounded(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	int most = 0;
	struct conf *conf = conf_with((const char *const[]){COUNTING}, 1, 50);

	conf->hooks[0].own.concurrency = 2;
	open_all(fx, &d, conf);
	put(fx, 1, 12, 1);
	fx_await(fx, DONE, 12);
	assert_in_range(lines("most", &most), 12, 12);
	assert_in_range(most, 1, 2);
	close_all(fx, d, conf);
}

#define WAIT_FOR_GO "until [ -e $OUT/go ]; do sleep 0.02; done"

static void a_slow_hook_delays_no_other(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf = conf_with(
		(const char *const[]){WAIT_FOR_GO, "exit 1", "echo x >>$OUT/quick"}, 3, 6);

	conf->hooks[0].own.concurrency = 2;
	conf->hooks[1].own.concurrency = 2;
	conf->hooks[1].own.retry.attempts = 1000;
	open_all(fx, &d, conf);
	put(fx, 1, 20, 3);
	await_lines("quick", 20);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries WHERE hook_id = 1"
				       " AND state = 'DONE'"),
		0);
	touch("go");
	fx_await(fx, "SELECT count(*) FROM deliveries WHERE hook_id = 1 AND state = 'DONE'", 20);
	close_all(fx, d, conf);
}

/* With one slot in all, a hook with many deliveries does not starve another. */
static void hooks_take_turns(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf = conf_with(
		(const char *const[]){"echo 1 >>$OUT/turns", "echo 2 >>$OUT/turns"}, 2, 1);
	char path[128], line[8];
	int first_of_two = 0, n = 0;

	fx_open(fx);
	put(fx, 1, 20, 1);
	put(fx, 21, 2, 2);
	fx_close(fx);
	open_all(fx, &d, conf);
	fx_await(fx, DONE, 24);
	(void)snprintf(path, sizeof(path), "%s/turns", out_directory);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		n++;
		if (line[0] == '2' && first_of_two == 0)
			first_of_two = n;
	}
	(void)fclose(file);
	assert_int_equal(n, 24);
	assert_in_range(first_of_two, 1, 3);
	close_all(fx, d, conf);
}

/* hookd is killed while an attempt of the only delivery runs, so many times in a row. */
static void crash(struct fixture *fx, int times)
{
	fx_open(fx);
	for (int i = 0; i < times; i++) {
		struct store_claim c = fx_claim(fx, 1, 1);
		assert_int_equal(c.job_count, 1);
		fx_claim_free(&c);
		fx_close(fx);
		fx_open(fx);
	}
	fx_close(fx);
}

static void what_ran_in_ten_crashes_in_a_row_is_dead(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf = conf_with((const char *const[]){"echo x >>$OUT/ran"}, 1, 4);

	fx_open(fx);
	put(fx, 1, 1, 1);
	fx_close(fx);
	crash(fx, 10);
	open_all(fx, &d, conf);
	fx_await(fx, DEAD, 1);
	assert_int_equal(lines("ran", NULL), 0);
	assert_int_equal(fx_number(fx, ATTEMPTS "'interrupted'"), 10);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM attempts WHERE message ="
				       " 'hookd was killed or crashed during 10 attempts in a row:"
				       " not tried again'"),
		1);
	close_all(fx, d, conf);
}

/* An attempt that hookd outlived shows that it is not the action that crashes it. */
static void crashes_that_are_not_in_a_row_do_not_add_up(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf = conf_with((const char *const[]){"exit 0"}, 1, 4);

	fx_open(fx);
	put(fx, 1, 1, 1);
	fx_close(fx);
	crash(fx, 9);
	fx_open(fx);
	struct store_claim c = fx_claim(fx, 1, 1);
	assert_int_equal(c.jobs[0]->crashes, 9);
	(void)fx_settle(fx, c.jobs[0]->delivery, 10, ATTEMPT_TEMPFAIL, DELIVERY_READY, 0);
	fx_claim_free(&c);
	fx_close(fx);
	crash(fx, 9);
	open_all(fx, &d, conf);
	fx_await(fx, DONE, 1);
	assert_int_equal(fx_number(fx, ATTEMPTS "'interrupted'"), 18);
	close_all(fx, d, conf);
}

static void restarts_never_make_a_long_script_dead(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf =
		conf_with((const char *const[]){"echo x >>$OUT/began; " WAIT_FOR_GO}, 1, 4);

	conf->limits.grace = 1;
	for (int i = 1; i <= 12; i++) {
		open_all(fx, &d, conf_ref(conf));
		if (i == 1)
			put(fx, 1, 1, 1);
		await_lines("began", i);
		if (i % 2 == 0)
			await_drained(d);
		close_all(fx, d, conf); /* for every other one as if nobody had waited */
	}
	assert_int_equal(fx_number(fx, READY), 1);
	assert_int_equal(fx_number(fx, ATTEMPTS "'interrupted' AND ended_at > 0"), 12);
	touch("go");
	open_all(fx, &d, conf);
	fx_await(fx, DONE, 1);
	close_all(fx, d, conf);
}

static void killed_while_running_it_runs_again(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf =
		conf_with((const char *const[]){"echo x >>$OUT/began; " WAIT_FOR_GO}, 1, 4);

	open_all(fx, &d, conf_ref(conf));
	put(fx, 1, 1, 1);
	await_lines("began", 1);
	close_all(fx, d, conf);
	touch("go");
	open_all(fx, &d, conf);
	fx_await(fx, DONE, 1);
	assert_int_equal(lines("began", NULL), 2);
	assert_int_equal(fx_number(fx, ATTEMPTS "'interrupted'"), 1);
	assert_int_equal(fx_number(fx, "SELECT failures FROM deliveries"), 0);
	close_all(fx, d, conf);
}

static void drain_lets_what_runs_end(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf =
		conf_with((const char *const[]){"echo x >>$OUT/began; " WAIT_FOR_GO}, 1, 4);

	conf->hooks[0].own.concurrency = 1;
	open_all(fx, &d, conf);
	put(fx, 1, 2, 1);
	await_lines("began", 1);
	(void)dispatcher_drain(d);
	touch("go");
	await_drained(d);
	assert_int_equal(fx_number(fx, DONE), 1);
	assert_int_equal(fx_number(fx, READY), 1);
	assert_int_equal(lines("began", NULL), 1);
	close_all(fx, d, conf);
}

static void drain_requeues_what_does_not_end(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf =
		conf_with((const char *const[]){"echo x >>$OUT/began; " WAIT_FOR_GO}, 1, 4);

	conf->limits.grace = 100;
	open_all(fx, &d, conf);
	put(fx, 1, 1, 1);
	await_lines("began", 1);
	await_drained(d);
	assert_int_equal(fx_number(fx, READY), 1);
	assert_int_equal(fx_number(fx, ATTEMPTS "'interrupted'"), 1);
	assert_int_equal(fx_number(fx, "SELECT failures FROM deliveries"), 0);
	close_all(fx, d, conf);
}

static void a_reload_brings_new_scripts(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *before = conf_with((const char *const[]){"echo x >>$OUT/before"}, 1, 4);
	struct conf *after = conf_with(
		(const char *const[]){"echo x >>$OUT/after", "echo x >>$OUT/second"}, 2, 4);

	open_all(fx, &d, before);
	put(fx, 1, 1, 1);
	fx_await(fx, DONE, 1);
	put(fx, 2, 1, 2); /* the second hook is not in the config yet: its delivery waits */
	fx_await(fx, DONE, 2);
	assert_int_equal(fx_number(fx, READY), 1);
	dispatcher_reload(d, after);
	fx_await(fx, DONE, 3);
	put(fx, 3, 1, 1);
	fx_await(fx, DONE, 4);
	assert_int_equal(lines("before", NULL), 2);
	assert_int_equal(lines("after", NULL), 1);
	assert_int_equal(lines("second", NULL), 1);
	conf_unref(before);
	close_all(fx, d, after);
}

/* The disk is full when the script ends: its outcome is kept until there is space. */
static void an_outcome_outlives_a_full_disk(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct rlimit limit;
	struct conf *conf = conf_with(
		(const char *const[]){"echo x >>$OUT/began; " WAIT_FOR_GO "; exit 65"}, 1, 4);

	(void)signal(SIGXFSZ, SIG_IGN);
	open_all(fx, &d, conf);
	put(fx, 1, 1, 1);
	await_lines("began", 1);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = 1;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	touch("go");
	for (int waited = 0; waited < PATIENCE * 1000; waited += STEP) {
		struct dispatcher_counts counts;
		dispatcher_counts(d, &counts);
		if (counts.running == 0)
			break;
		usleep(STEP);
	}
	assert_int_equal(fx_number(fx, RUNNING), 1);
	limit.rlim_cur = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	fx_await(fx, DEAD, 1);
	assert_int_equal(fx_number(fx, ATTEMPTS "'permfail'"), 1);
	assert_int_equal(lines("began", NULL), 1);
	close_all(fx, d, conf);
}

/* What runs for a delivery that was given up gets what can be read. */
static void what_cannot_be_read_is_dead(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	enum { LEN = 100000 };
	char *payload = malloc(LEN), key[] = "id:2", path[128], line[128] = "";
	struct conf *conf =
		conf_with((const char *const[]){"cat >/dev/null; echo x >>$OUT/ran",
				  "cat >$OUT/input; echo \"$HOOKD_EVENT_TYPE\" >>$OUT/told"},
			2, 4);

	conf->hooks[0].on_failure = &conf->hooks[1];
	memset(payload, 'x', LEN);
	fx_open(fx);
	put(fx, 1, 1, 1);
	struct event ev = fx_event(fx, key, payload, LEN);
	struct store_put large = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = 1};
	assert_int_equal(store_wait(fx->st, &large.op), STORE_OK);
	put(fx, 3, 1, 1);
	fx_close(fx);
	damage_page(fx, damage_payload(fx, 2));
	open_all(fx, &d, conf);
	fx_await(fx, DONE, 3);
	fx_await(fx, DEAD, 1);
	assert_int_equal(lines("ran", NULL), 2);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM attempts a JOIN deliveries d"
				       " ON d.id = a.delivery_id WHERE d.event_id = 2"
				       " AND a.message LIKE 'not run: the store cannot read%'"),
		1);
	(void)snprintf(path, sizeof(path), "%s/told", out_directory);
	FILE *file = fopen(path, "r");
	assert_non_null(file);
	assert_non_null(fgets(line, sizeof(line), file));
	(void)fclose(file);
	assert_string_equal(line, "transaction.approved\n");
	assert_int_equal(lines("input", NULL), 0);
	close_all(fx, d, conf);
	free(payload);
}

static void many_leave_nothing_behind(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf = conf_with((const char *const[]){"exit 0", "exit 0", "exit 0"}, 3, 16);

	open_all(fx, &d, conf);
	put(fx, 1, 100, 3);
	fx_await(fx, DONE, 300);
	assert_int_equal(fx_number(fx, RUNNING), 0);
	close_all(fx, d, conf);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* ECHILD: no zombie */
}

/* A second SIGTERM: the listener still stores events, and the store notifies. */
static void it_may_be_notified_when_stopped(void **state)
{
	struct fixture *fx = *state;
	struct dispatcher *d;
	struct conf *conf = conf_with((const char *const[]){"exit 0"}, 1, 1);

	open_all(fx, &d, conf);
	put(fx, 1, 1, 1);
	fx_await(fx, DONE, 1);
	dispatcher_stop(d);
	put(fx, 2, 2, 1);
	dispatcher_stop(d);
	assert_int_equal(fx_number(fx, DONE), 1);
	close_all(fx, d, conf);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, make, unmake)
	const struct CMUnitTest tests[] = {
		TEST(ok_retry_dead),
		TEST(permfail_is_dead_at_once),
		TEST(concurrency_is_bounded),
		TEST(concurrency_of_a_hook_is_bounded),
		TEST(a_slow_hook_delays_no_other),
		TEST(hooks_take_turns),
		TEST(what_ran_in_ten_crashes_in_a_row_is_dead),
		TEST(crashes_that_are_not_in_a_row_do_not_add_up),
		TEST(restarts_never_make_a_long_script_dead),
		TEST(killed_while_running_it_runs_again),
		TEST(drain_lets_what_runs_end),
		TEST(drain_requeues_what_does_not_end),
		TEST(a_reload_brings_new_scripts),
		TEST(an_outcome_outlives_a_full_disk),
		TEST(what_cannot_be_read_is_dead),
		TEST(many_leave_nothing_behind),
		TEST(it_may_be_notified_when_stopped),
	};
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
