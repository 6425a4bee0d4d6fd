/* hookd is killed in the middle of an act: the store is whole, the counts are right, and the act's
 * row shows how many rows it had changed. */
#include "act_fixture.h"

#include <signal.h>
#include <sys/wait.h>

enum { MANY = 4000 };

/* So many events of which alpha's deliveries are SKIPPED. */
static void import_many(struct fixture *fx, const char *prefix, struct store_audit *audit)
{
	struct event events[200];
	struct store_imported_event list[200];
	char keys[200][24];

	for (int n = 0; n < MANY; n += 200) {
		struct store_import import = {
			.op.kind = STORE_OP_IMPORT, .list = list, .count = 200, .audit = audit};

		for (int i = 0; i < 200; i++) {
			(void)snprintf(keys[i], sizeof(keys[i]), "%s:%d", prefix, n + i);
			events[i] = fx_event(fx, keys[i], "{}", 2);
			events[i].received_at = 1000 + n + i;
			list[i] = (struct store_imported_event){.event = &events[i],
				.hooks = fx->hooks,
				.hook_count = 1,
				.skipped = "not to run"};
		}
		for (; import.count > 0; import.list += import.done, import.count -= import.done)
			(void)store_wait(fx->st, &import.op);
	}
}

static void replay_all(struct fixture *fx)
{
	struct store_audit audit = act_named("replay");
	static int64_t deliveries[MANY], made[MANY];

	for (int i = 0; i < MANY; i++)
		deliveries[i] = i + 1;
	act_change(fx, STORE_CHANGE_REPLAY, deliveries, MANY, &audit, made);
	act_end(fx, &audit, "done");
}

static void import_others(struct fixture *fx)
{
	struct store_audit audit = act_named("import");

	import_many(fx, "other", &audit);
	act_end(fx, &audit, "done");
}

static void prune_all(struct fixture *fx)
{
	struct store_audit audit = act_named("prune");

	(void)act_prune(fx, clock_wall(), &audit);
	act_end(fx, &audit, "done");
}

static void cancel_all(struct fixture *fx)
{
	struct store_audit audit = act_named("cancel");
	static int64_t deliveries[MANY], made[MANY];

	for (int i = 0; i < MANY; i++)
		deliveries[i] = MANY + i + 1;
	act_change(fx, STORE_CHANGE_CANCEL, deliveries, MANY, &audit, made);
	act_end(fx, &audit, "done");
}

/* Runs the act in a process of its own and kills that after so many µs. */
static void run_and_kill(struct fixture *fx, void (*act)(struct fixture *fx), useconds_t after)
{
	int ready[2];
	char byte;

	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		fx_open(fx);
		if (write(ready[1], "x", 1) != 1)
			_exit(1);
		act(fx);
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	(void)close(ready[0]);
	(void)close(ready[1]);
	usleep(after);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
}

/* What the act changed can be counted by `changed`. */
static void kill_at_some_moments(
	struct fixture *fx, void (*act)(struct fixture *fx), const char *changed)
{
	struct capture capture;

	for (useconds_t after = 1000; after < 400000; after *= 3) {
		fx_exec(fx->path, "DELETE FROM audit");
		int64_t before = fx_number(fx, changed);
		capture_begin(&capture);
		run_and_kill(fx, act, after);
		fx_open(fx);
		(void)capture_end(&capture);
		act_check_counts(fx);
		int64_t now = fx_number(fx, changed);
		assert_int_equal(
			fx_number(fx, "SELECT coalesce(sum(changed), 0) FROM audit"), now - before);
		assert_int_equal(
			fx_number(fx, "SELECT count(*) FROM audit WHERE result IS NULL"), 0);
		assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_integrity_check"
					       " WHERE integrity_check <> 'ok'"),
			0);
		fx_close(fx);
	}
}

static void test_it_shows_how_far_it_came(void **state)
{
	struct fixture *fx = *state;

	import_many(fx, "old", NULL);
	fx_close(fx);
	kill_at_some_moments(fx, replay_all, "SELECT count(*) FROM deliveries WHERE replay_of > 0");
	kill_at_some_moments(fx, cancel_all,
		"SELECT count(*) FROM deliveries WHERE reason = 'cancelled by hand'");
	kill_at_some_moments(fx, import_others, "SELECT count(*) FROM events");
	kill_at_some_moments(fx, prune_all, "SELECT -count(*) FROM events");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_it_shows_how_far_it_came, fx_make_open, fx_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
