/* What a person asks for, one operation at a time: what it changes, in the rows, the counts and the
 * record of acts, and that nothing of it stays when its transaction fails. */
#include "act_fixture.h"
#include "store/read.h"

#include <signal.h>

/* Puts an event for the first `hooks` hooks and ends alpha's delivery in that state. */
static int64_t ended(struct fixture *fx, const char *key, enum delivery_state state)
{
	(void)fx_put(fx, key, 1);
	struct store_claim c = fx_claim(fx, 1, 10);
	assert_int_equal(c.job_count, 1);
	int64_t delivery = c.jobs[0]->delivery;
	fx_claim_free(&c);
	enum attempt_result result = state == DELIVERY_DONE ? ATTEMPT_OK : ATTEMPT_PERMFAIL;
	assert_int_equal(fx_settle(fx, delivery, 1, result, state, 0), STORE_OK);
	return delivery;
}

static void test_counts_follow_a_replay(void **state)
{
	struct fixture *fx = *state;
	int64_t dead = ended(fx, "id:1", DELIVERY_DEAD);
	int64_t done = ended(fx, "id:2", DELIVERY_DONE);

	assert_true(act_replay(fx, dead) > done);
	assert_int_equal(fx_counts(fx).dead, 0);
	assert_int_equal(fx_counts(fx).waiting, 1);
	assert_true(act_replay(fx, done) > 0);
	assert_int_equal(act_replay(fx, done), 0);
	act_check_counts(fx);
}

static void test_cancel(void **state)
{
	struct fixture *fx = *state;
	int64_t dead = ended(fx, "id:1", DELIVERY_DEAD);
	int64_t done = ended(fx, "id:2", DELIVERY_DONE);

	(void)fx_put(fx, "id:3", 1);
	int64_t waiting = fx_number(fx, "SELECT max(id) FROM deliveries");
	assert_int_equal(act_cancel(fx, done), 0);
	assert_int_equal(act_cancel(fx, dead), dead);
	assert_int_equal(act_cancel(fx, dead), 0);
	assert_int_equal(act_cancel(fx, waiting), waiting);
	assert_int_equal(fx_counts(fx).waiting, 0);
	assert_int_equal(fx_counts(fx).dead, 0);
	act_check_counts(fx);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'SKIPPED'"
				       " AND reason LIKE '%by hand' AND ended_at > 0"),
		2);
	struct store_claim c = fx_claim(fx, 1, 10);
	assert_int_equal(c.job_count, 0);
}

static void test_a_running_delivery_is_not_cancelled(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	struct store_claim c = fx_claim(fx, 1, 10);
	assert_int_equal(act_cancel(fx, c.jobs[0]->delivery), 0);
	fx_claim_free(&c);
	act_check_counts(fx);
}

static void test_pause(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	int64_t before = clock_wall();

	(void)fx_put(fx, "id:1", 1);
	capture_begin(&capture);
	struct store_pause p = act_pause(fx, "alpha", true);
	assert_non_null(strstr(capture_end(&capture), "hook is paused"));
	assert_true(p.known && p.since == 0);
	assert_true(store_hook_paused(fx->st, fx->hooks[0]));
	assert_false(store_hook_paused(fx->st, fx->hooks[1]));
	assert_int_equal(fx_claim(fx, 1, 10).job_count, 0);
	p = act_pause(fx, "alpha", true);
	assert_true(p.since >= before);
	p = act_pause(fx, "alpha", false);
	assert_true(p.since >= before);
	assert_false(store_hook_paused(fx->st, fx->hooks[0]));
	struct store_claim c = fx_claim(fx, 1, 10);
	assert_int_equal(c.job_count, 1);
	fx_claim_free(&c);
	assert_false(act_pause(fx, "omega", true).known);
}

static void test_a_pause_lasts(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;

	capture_begin(&capture);
	(void)act_pause(fx, "beta", true);
	(void)act_pause(fx, "gamma", true);
	(void)act_pause(fx, "beta", false);
	fx_close(fx);
	fx_open(fx);
	(void)capture_end(&capture);
	assert_false(store_hook_paused(fx->st, fx->hooks[1]));
	assert_true(store_hook_paused(fx->st, fx->hooks[2]));
}

static void test_release_and_drop(void **state)
{
	struct fixture *fx = *state;
	char first[] = "id:1", second[] = "id:2";
	int64_t released = act_put_quarantined(fx, first);
	int64_t dropped = act_put_quarantined(fx, second);

	assert_true(act_release(fx, released, "7", 2));
	assert_false(act_release(fx, released, "7", 2));
	assert_int_equal(fx_counts(fx).waiting, 2);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events WHERE type = "
				       "'transaction.updated' AND entity_id = '7'"
				       " AND quarantined IS NULL"),
		1);
	assert_false(act_drop(fx, released));
	assert_true(act_drop(fx, dropped));
	assert_false(act_drop(fx, dropped));
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 1);
	act_check_counts(fx);
}

static void test_import(void **state)
{
	struct fixture *fx = *state;
	char first[] = "id:1", second[] = "id:2", entity[] = "7";

	assert_int_equal(act_import(fx, first, entity, 1000, 2, NULL), STORE_IMPORT_NEW);
	assert_int_equal(act_import(fx, first, entity, 1000, 2, NULL), STORE_IMPORT_THERE);
	assert_int_equal(act_import(fx, second, entity, 0, 1, "not to run"), STORE_IMPORT_NEW);
	assert_int_equal(fx_counts(fx).waiting, 2);
	act_check_counts(fx);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events WHERE origin = 'manual'"), 2);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'SKIPPED'"
				       " AND reason = 'not to run' AND ended_at > 0"),
		1);
	/* An import is the event that its sender may send again. */
	assert_int_equal(fx_put_aged(fx, "id:1", 1, 0).op.result, STORE_DUPLICATE);
}

static void test_import_of_another_payload(void **state)
{
	struct fixture *fx = *state;
	char key[] = "id:1";
	struct event ev = fx_event(fx, key, "{ }", 3);
	struct store_imported_event e = {.event = &ev};
	struct store_import i = {.op.kind = STORE_OP_IMPORT, .list = &e, .count = 1};

	/* What comes another way may be written differently; what comes the same way may not. */
	(void)fx_put(fx, "id:1", 0);
	assert_int_equal(store_wait(fx->st, &i.op), STORE_OK);
	assert_int_equal(e.result, STORE_IMPORT_THERE);
	fx_exec(fx->path, "UPDATE events SET origin = 'manual'");
	assert_int_equal(store_wait(fx->st, &i.op), STORE_OK);
	assert_int_equal(e.result, STORE_IMPORT_CONFLICT);
	/* The disk has damaged what was received: "{ }" as "{}". */
	fx_exec(fx->path, "UPDATE events SET payload = x'7b7c'");
	ev = fx_event(fx, key, "{}", 2);
	e = (struct store_imported_event){.event = &ev};
	assert_int_equal(store_wait(fx->st, &i.op), STORE_OK);
	assert_int_equal(e.result, STORE_IMPORT_REPAIRED);
	assert_int_equal(fx_number(fx, "SELECT payload = x'7b7d' FROM events"), 1);
}

/* However many slices that takes. Returns how many went in before the backlog was full. */
static size_t import_all(struct fixture *fx, struct store_imported_event *list, size_t count)
{
	struct store_import i = {.op.kind = STORE_OP_IMPORT};
	size_t done = 0;

	while (done < count && !i.full) {
		i.list = list + done;
		i.count = count - done;
		assert_int_equal(store_wait(fx->st, &i.op), STORE_OK);
		done += i.done;
	}
	return done;
}

static void test_import_stops_at_the_backlog(void **state)
{
	struct fixture *fx = *state;
	struct store_options options = {.path = fx->path, .migrate = true, .backlog = 3};
	char keys[3][8] = {"id:1", "id:2", "id:3"};
	struct event events[3];
	struct store_imported_event list[3];

	fx_close(fx);
	fx_open_with(fx, &options);
	for (int k = 0; k < 3; k++) {
		events[k] = fx_event(fx, keys[k], "{}", 2);
		list[k] = (struct store_imported_event){
			.event = &events[k], .hooks = fx->hooks, .hook_count = 2};
	}
	assert_int_equal(import_all(fx, list, 3), 1);
	assert_int_equal(list[0].result, STORE_IMPORT_NEW);
	assert_int_equal(import_all(fx, list, 3), 1); /* a known key needs no room */
	assert_int_equal(list[0].result, STORE_IMPORT_THERE);
	list[1].skipped = "not to run";
	assert_int_equal(import_all(fx, list, 3), 2);
	act_check_counts(fx);
}

static void test_prune(void **state)
{
	struct fixture *fx = *state;
	struct store_audit audit = act_named("prune");
	char key[32];

	for (int i = 0; i < 250; i++) {
		(void)snprintf(key, sizeof(key), "old:%d", i);
		(void)fx_put_aged(fx, key, i % 50 == 0 ? 1 : 0, 100000);
	}
	(void)fx_put(fx, "new", 0);
	fx_exec(fx->path, "UPDATE deliveries SET state = 'DEAD', ended_at = 1 WHERE id = 1");
	fx_close(fx);
	fx_open(fx);
	assert_int_equal(fx_counts(fx).dead, 1);
	struct store_pruned at = act_prune(fx, clock_wall() - 50000, &audit);
	assert_int_equal(at.seen, 250);
	assert_int_equal(at.removed, 246); /* four wait */
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 5);
	assert_int_equal(fx_counts(fx).dead, 0);
	act_check_counts(fx);
	assert_int_equal(fx_number(fx, "SELECT changed FROM audit WHERE result IS NULL"), 246);
}

static void test_vacuum(void **state)
{
	struct fixture *fx = *state;
	struct store_vacuum v = {.op.kind = STORE_OP_VACUUM};
	static char body[100000];
	char key[32];

	for (int i = 0; i < 50; i++) {
		(void)snprintf(key, sizeof(key), "old:%d", i);
		struct event ev = fx_event(fx, key, body, sizeof(body));
		struct store_put put = {.op.kind = STORE_OP_PUT, .event = &ev};
		assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	}
	assert_int_equal(act_prune(fx, clock_wall() + 1, NULL).removed, 50);
	int64_t pages = fx_number(fx, "PRAGMA page_count");
	while (!v.over)
		assert_int_equal(store_wait(fx->st, &v.op), STORE_OK);
	assert_int_equal(v.pages, 0);
	assert_true(fx_number(fx, "PRAGMA page_count") < pages - 250);
	assert_int_equal(v.size, fx_number(fx, "PRAGMA page_count") * 16384);
}

struct last {
	int64_t count;
	struct store_audit_row row;
	char act[32], detail[32], result[32];
};

static void last_act(void *arg, const struct store_audit_row *row)
{
	struct last *l = arg;

	if (l->count++ > 0)
		return;
	l->row = *row;
	(void)snprintf(l->act, sizeof(l->act), "%s", row->act);
	(void)snprintf(l->detail, sizeof(l->detail), "%s", row->detail);
	(void)snprintf(l->result, sizeof(l->result), "%s", row->result != NULL ? row->result : "-");
}

static struct last read_last_act(struct fixture *fx)
{
	char why[STORE_READ_WHY] = "";
	struct store_reader *r = store_reader_open(fx->path, why);
	struct last l = {0};

	if (r == NULL || !store_read_audit(r, 10, last_act, &l, why))
		fail_msg("%s", why);
	store_reader_close(r);
	return l;
}

static void test_acts_are_recorded(void **state)
{
	struct fixture *fx = *state;
	int64_t dead[3], made[3];
	char key[16];

	for (int i = 0; i < 3; i++) {
		(void)snprintf(key, sizeof(key), "id:%d", i);
		dead[i] = ended(fx, key, DELIVERY_DEAD);
	}
	struct store_audit backup = act_named("backup");
	act_end(fx, &backup, "done");
	assert_true(backup.id > 0);
	struct store_audit audit = act_named("replay");
	act_change(fx, STORE_CHANGE_REPLAY, dead, 1, &audit, made);
	int64_t id = audit.id;
	assert_true(id > backup.id);
	struct last l = read_last_act(fx);
	assert_int_equal(l.count, 2);
	assert_int_equal(l.row.changed, 1);
	assert_string_equal(l.result, "-");
	assert_int_equal(l.row.ended_at, 0);
	act_change(fx, STORE_CHANGE_REPLAY, dead, 3, &audit, made);
	assert_int_equal(audit.id, id);
	act_end(fx, &audit, "stopped");
	l = read_last_act(fx);
	assert_int_equal(l.row.id, id);
	assert_int_equal(l.row.changed, 3);
	assert_int_equal(l.row.uid, 1000);
	assert_int_equal(l.row.at, audit.at);
	assert_true(l.row.ended_at >= l.row.at);
	assert_string_equal(l.act, "replay");
	assert_string_equal(l.detail, "{}");
	assert_string_equal(l.result, "stopped");
}

static void test_an_act_that_was_cut_off_shows_how_far_it_came(void **state)
{
	struct fixture *fx = *state;
	struct store_audit audit = act_named("cancel");
	int64_t dead = ended(fx, "id:1", DELIVERY_DEAD), made;

	act_change(fx, STORE_CHANGE_CANCEL, &dead, 1, &audit, &made);
	fx_close(fx);
	fx_open(fx);
	struct last l = read_last_act(fx);
	assert_int_equal(l.row.changed, 1);
	assert_string_equal(l.result, "interrupted");
	assert_int_equal(l.row.ended_at, 0);
}

static void test_old_acts_are_removed_with_the_events(void **state)
{
	struct fixture *fx = *state;
	struct store_audit old = act_named("backup"), young = act_named("check");

	old.at -= 100000;
	act_end(fx, &old, "done");
	act_end(fx, &young, "done");
	store_configure(fx->st, 50000, 1000);
	fx_await(fx, "SELECT count(*) FROM audit", 1);
	assert_string_equal(read_last_act(fx).act, "check");
}

/* ---- transactions that fail ---- */

struct failing {
	struct fixture *fx;
	int64_t dead, waiting, quarantined;
	struct store_audit audit;
};

static struct failing failing_begin(struct fixture *fx)
{
	char key[] = "q";
	struct failing f = {.fx = fx, .audit = act_named("test")};

	(void)signal(SIGXFSZ, SIG_IGN);
	f.dead = ended(fx, "id:1", DELIVERY_DEAD);
	(void)fx_put(fx, "id:2", 1);
	f.waiting = fx_number(fx, "SELECT max(id) FROM deliveries");
	f.quarantined = act_put_quarantined(fx, key);
	act_limit_files(1);
	return f;
}

static void failing_run(struct failing *f, struct store_op *op)
{
	assert_int_equal(store_wait(f->fx->st, op), STORE_ERROR);
	assert_non_null(op->why);
	assert_int_equal(f->audit.id, 0);
}

static void test_nothing_stays_of_what_failed(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	char key[] = "new";

	capture_begin(&capture);
	struct failing f = failing_begin(fx);
	int64_t changed[2] = {f.dead, f.waiting}, made[2];
	struct store_change replay = {.op.kind = STORE_OP_CHANGE,
		.deliveries = changed,
		.count = 2,
		.audit = &f.audit,
		.made = made};
	failing_run(&f, &replay.op);
	assert_int_equal(replay.done, 0);
	assert_int_equal(made[0], 0);
	replay.kind = STORE_CHANGE_CANCEL;
	failing_run(&f, &replay.op);
	struct store_pause pause = {
		.op.kind = STORE_OP_PAUSE, .hook = "alpha", .pause = true, .audit = &f.audit};
	failing_run(&f, &pause.op);
	assert_false(pause.known);
	assert_false(store_hook_paused(fx->st, fx->hooks[0]));
	struct store_release release = {.op.kind = STORE_OP_RELEASE,
		.event = f.quarantined,
		.type = "a.b",
		.hooks = fx->hooks,
		.hook_count = 1,
		.audit = &f.audit};
	failing_run(&f, &release.op);
	assert_false(release.done);
	struct store_drop drop = {
		.op.kind = STORE_OP_DROP, .event = f.quarantined, .audit = &f.audit};
	failing_run(&f, &drop.op);
	assert_false(drop.done);
	struct event ev = fx_event(fx, key, "{}", 2);
	struct store_imported_event e = {.event = &ev, .hooks = fx->hooks, .hook_count = 1};
	struct store_import import = {
		.op.kind = STORE_OP_IMPORT, .list = &e, .count = 1, .audit = &f.audit};
	failing_run(&f, &import.op);
	assert_int_equal(import.done, 0);
	struct store_prune prune = {
		.op.kind = STORE_OP_PRUNE, .before = INT64_MAX, .audit = &f.audit};
	failing_run(&f, &prune.op);
	assert_int_equal(prune.at.seen, 0);
	assert_int_equal(prune.at.event, 0);
	assert_false(prune.at.over);
	struct store_note note = {.op.kind = STORE_OP_AUDIT, .audit = &f.audit, .result = "done"};
	failing_run(&f, &note.op);
	act_limit_files((rlim_t)-1);
	act_check_counts(fx);
	assert_int_equal(fx_counts(fx).dead, 1);
	assert_int_equal(fx_counts(fx).waiting, 1);
	/* and then all of it works */
	assert_int_equal(store_wait(fx->st, &pause.op), STORE_OK);
	assert_true(store_hook_paused(fx->st, fx->hooks[0]));
	assert_true(f.audit.id > 0);
	assert_int_equal(store_wait(fx->st, &release.op), STORE_OK);
	assert_true(release.done);
	assert_int_equal(store_wait(fx->st, &import.op), STORE_OK);
	assert_int_equal(e.result, STORE_IMPORT_NEW);
	act_change(fx, STORE_CHANGE_CANCEL, changed, 2, &f.audit, made);
	assert_int_equal(made[1], f.waiting);
	assert_int_equal(store_wait(fx->st, &note.op), STORE_OK);
	(void)capture_end(&capture);
	act_check_counts(fx);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM audit"), 1);
	assert_int_equal(fx_number(fx, "SELECT changed FROM audit"), 5);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_counts_follow_a_replay),
		OPEN(test_cancel),
		OPEN(test_a_running_delivery_is_not_cancelled),
		OPEN(test_pause),
		OPEN(test_a_pause_lasts),
		OPEN(test_release_and_drop),
		OPEN(test_import),
		OPEN(test_import_of_another_payload),
		OPEN(test_import_stops_at_the_backlog),
		OPEN(test_prune),
		OPEN(test_vacuum),
		OPEN(test_acts_are_recorded),
		OPEN(test_an_act_that_was_cut_off_shows_how_far_it_came),
		OPEN(test_old_acts_are_removed_with_the_events),
		OPEN(test_nothing_stays_of_what_failed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
