/* What the digest and the alert on silence read from the store. */
#include "plan_fixture.h"
#include "store/report.h"
#include "store/sqlite/db.h"

#define DAY INT64_C(86400000)

/* Three days; the report is on the second. */
#define FROM (100 * DAY)
#define TO   (101 * DAY)

static struct store_reader *reader(const struct fixture *fx)
{
	char why[STORE_READ_WHY];
	struct store_reader *r = store_reader_open(fx->path, why);

	if (r == NULL)
		fail_msg("%s", why);
	return r;
}

struct arrival {
	const char *key;
	const char *type; /* NULL: quarantined */
	int64_t at;
	size_t hooks;
	const char *payload;
};

static int64_t arrive(struct fixture *fx, struct arrival a)
{
	char key[64];
	char type[64];
	const char *payload = a.payload != NULL ? a.payload : "{}";
	(void)snprintf(key, sizeof(key), "%s", a.key);
	(void)snprintf(type, sizeof(type), "%s", a.type != NULL ? a.type : "");
	struct event ev = fx_event(fx, key, payload, strlen(payload));
	ev.received_at = a.at;
	ev.type = a.type != NULL ? type : NULL;
	ev.quarantined = a.type != NULL ? NULL : "no type";
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = a.hooks};

	(void)store_wait(fx->st, &put.op);
	assert_true(put.op.result == STORE_OK || put.op.result == STORE_DUPLICATE);
	return put.event_id;
}

static void as_source(struct fixture *fx, const char *name)
{
	fx->source = fx_name(fx->st, STORE_NAME_SOURCE, name);
}

struct text {
	char lines[2048];
	size_t len;
};

static void see_type(void *arg, const struct store_report_type *row)
{
	struct text *t = arg;

	t->len += (size_t)snprintf(t->lines + t->len, sizeof(t->lines) - t->len,
		"%s %s %lld %lld %lld%s\n", row->source, row->type != NULL ? row->type : "-",
		(long long)row->events, (long long)row->quarantined, (long long)row->duplicates,
		row->rest ? " rest" : "");
}

static void test_events_by_source_and_type(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	struct text text = {0};

	(void)arrive(fx, (struct arrival){"before", "transaction.approved", FROM - 1, 0, NULL});
	(void)arrive(fx, (struct arrival){"first", "transaction.approved", FROM, 0, NULL});
	(void)arrive(fx, (struct arrival){"last", "transaction.approved", TO - 1, 0, NULL});
	(void)arrive(fx, (struct arrival){"last", "transaction.approved", TO, 0, NULL});
	(void)arrive(fx, (struct arrival){"last", "transaction.approved", TO, 0, NULL});
	(void)arrive(fx, (struct arrival){"after", "transaction.approved", TO, 0, NULL});
	(void)arrive(fx, (struct arrival){"c", "customer.created", FROM + 5, 0, NULL});
	(void)arrive(fx, (struct arrival){"q", NULL, FROM + 5, 0, NULL});
	as_source(fx, "another");
	(void)arrive(fx, (struct arrival){"first", "transaction.approved", FROM, 0, NULL});
	as_source(fx, "hookd");
	(void)arrive(fx, (struct arrival){"first", "hookd.digest", FROM, 0, NULL});

	struct store_reader *r = reader(fx);
	assert_true(store_report_types(r, FROM, TO, 100, see_type, &text, why));
	assert_string_equal(text.lines, "another transaction.approved 1 0 0\n"
					"fedapay - 1 1 0\n"
					"fedapay customer.created 1 0 0\n"
					"fedapay transaction.approved 2 0 2\n");
	/* At most `limit` rows and the rest: no event is left out. */
	text = (struct text){0};
	assert_true(store_report_types(r, FROM, TO, 1, see_type, &text, why));
	assert_string_equal(text.lines, "fedapay transaction.approved 2 0 2\n"
					" - 3 1 0 rest\n");
	text = (struct text){0};
	assert_true(store_report_types(r, TO + 1, TO + DAY, 1, see_type, &text, why));
	assert_string_equal(text.lines, "");
	store_reader_close(r);
}

/* Ends the claimed deliveries of a hook at a given time. */
static int64_t end_one(struct fixture *fx, int64_t hook, enum delivery_state state, int64_t at,
	const char *message)
{
	struct store_want want = {.hook = hook, .max = 1};
	struct store_claim c = {.op.kind = STORE_OP_CLAIM,
		.wants = &want,
		.want_count = 1,
		.total = 1,
		.now = clock_wall()};
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.job_count, 1);
	int64_t delivery = c.jobs[0]->delivery;
	struct attempt_outcome outcome = {
		.result = state == DELIVERY_DONE ? ATTEMPT_OK : ATTEMPT_PERMFAIL, .exit_code = -1};
	(void)snprintf(outcome.message, sizeof(outcome.message), "%s", message);
	struct store_settle s = {.op.kind = STORE_OP_SETTLE,
		.delivery = delivery,
		.attempt = c.jobs[0]->attempt,
		.outcome = &outcome,
		.ended_at = at,
		.state = state};
	assert_int_equal(store_wait(fx->st, &s.op), STORE_OK);
	fx_claim_free(&c);
	return delivery;
}

static void see_hook(void *arg, const struct store_report_hook *row)
{
	struct text *t = arg;

	t->len += (size_t)snprintf(t->lines + t->len, sizeof(t->lines) - t->len,
		"%s done %lld dead %lld skipped %lld ready %lld running %lld dead_now %lld\n",
		row->hook, (long long)row->done, (long long)row->dead, (long long)row->skipped,
		(long long)row->ready, (long long)row->running, (long long)row->dead_now);
}

static void put_some(struct fixture *fx, int count, size_t hooks)
{
	static int serial;

	for (int i = 0; i < count; i++) {
		char key[32];
		(void)snprintf(key, sizeof(key), "some:%d", serial++);
		(void)arrive(
			fx, (struct arrival){key, "transaction.approved", FROM - DAY, hooks, NULL});
	}
}

static void test_deliveries_by_hook(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	struct text text = {0};

	/* By the time of their end, not of their event. */
	put_some(fx, 7, 1);
	(void)end_one(fx, fx->hooks[0], DELIVERY_DONE, FROM - 1, "");
	(void)end_one(fx, fx->hooks[0], DELIVERY_DONE, FROM, "");
	(void)end_one(fx, fx->hooks[0], DELIVERY_DONE, TO - 1, "");
	(void)end_one(fx, fx->hooks[0], DELIVERY_DONE, TO, "");
	(void)end_one(fx, fx->hooks[0], DELIVERY_DEAD, FROM - 5, "");
	(void)end_one(fx, fx->hooks[0], DELIVERY_DEAD, FROM + 5, "");
	struct store_claim c = fx_claim(fx, 1, 1); /* one runs */
	fx_claim_free(&c);
	/* beta: one blocked by another, and one skipped today. */
	int64_t alpha = fx->hooks[0];
	fx->hooks[0] = fx->hooks[1];
	(void)fx_put_entity(fx, "id:2", "transaction.approved", "7", 2000, 1);
	(void)fx_put_entity(fx, "id:3", "transaction.approved", "7", 3000, 1);
	(void)fx_put_entity(fx, "id:1", "transaction.created", "7", 1000, 1);
	int64_t today = clock_wall();
	c = fx_claim_as(fx, 1, 1, (struct store_want){.ordered = true, .skip_stale = fx_states});
	assert_int_equal(c.skip_count, 1);
	fx_claim_free(&c);
	c = fx_claim_as(fx, 1, 0, (struct store_want){.ordered = true});
	fx->hooks[0] = alpha;
	/* gamma has nothing; hookd's own are left out. */
	int64_t own = fx_name(fx->st, STORE_NAME_HOOK, "hookd/digest");
	int64_t gamma = fx->hooks[0];
	fx->hooks[0] = own;
	put_some(fx, 1, 1);
	(void)end_one(fx, own, DELIVERY_DONE, FROM, "");
	fx->hooks[0] = gamma;

	struct store_reader *r = reader(fx);
	assert_true(store_report_hooks(r, FROM, TO, see_hook, &text, why));
	assert_string_equal(text.lines,
		"alpha done 2 dead 1 skipped 0 ready 0 running 1 dead_now 2\n"
		"beta done 0 dead 0 skipped 0 ready 2 running 0 dead_now 0\n");
	text = (struct text){0};
	assert_true(store_report_hooks(r, today, today + DAY, see_hook, &text, why));
	assert_string_equal(text.lines,
		"alpha done 0 dead 0 skipped 0 ready 0 running 1 dead_now 2\n"
		"beta done 0 dead 0 skipped 1 ready 2 running 0 dead_now 0\n");
	store_reader_close(r);
}

static void see_dead(void *arg, const struct store_report_dead *row)
{
	struct text *t = arg;

	t->len += (size_t)snprintf(t->lines + t->len, sizeof(t->lines) - t->len,
		"%lld %lld %s %s %s %lld %s %lld\n", (long long)row->delivery,
		(long long)row->event, row->source, row->type != NULL ? row->type : "-", row->hook,
		(long long)row->attempts, row->message, (long long)(row->ended_at - FROM));
}

static void test_the_dead(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	char expected[1024];
	struct text text = {0};
	int64_t ids[3];
	int64_t dead;
	int64_t died;

	put_some(fx, 5, 1);
	ids[1] = end_one(fx, fx->hooks[0], DELIVERY_DEAD, FROM + 20, "second");
	ids[0] = end_one(fx, fx->hooks[0], DELIVERY_DEAD, FROM + 30, "last");
	ids[2] = end_one(fx, fx->hooks[0], DELIVERY_DEAD, FROM + 10, "first");
	(void)end_one(fx, fx->hooks[0], DELIVERY_DONE, FROM + 40, "fine");
	int64_t alpha = fx->hooks[0];
	fx->hooks[0] = fx_name(fx->st, STORE_NAME_HOOK, "hookd/digest");
	put_some(fx, 1, 1);
	(void)end_one(fx, fx->hooks[0], DELIVERY_DEAD, FROM + 50, "own");
	fx->hooks[0] = alpha;

	struct store_reader *r = reader(fx);
	assert_true(store_report_dead(r, 2, see_dead, &text, why));
	char sql[128];
	int64_t events[2];
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(sql, sizeof(sql), "SELECT event_id FROM deliveries WHERE id = %lld",
			(long long)ids[i]);
		events[i] = fx_number(fx, sql);
	}
	(void)snprintf(expected, sizeof(expected),
		"%lld %lld fedapay transaction.approved alpha 1 last 30\n"
		"%lld %lld fedapay transaction.approved alpha 1 second 20\n",
		(long long)ids[0], (long long)events[0], (long long)ids[1], (long long)events[1]);
	assert_string_equal(text.lines, expected);
	assert_true(store_report_deaths(r, FROM + 20, INT64_MAX, &dead, &died, why));
	assert_int_equal(dead, 3);
	assert_int_equal(died, 2);
	assert_true(store_report_deaths(r, FROM + 20, FROM + 30, &dead, &died, why));
	assert_int_equal(dead, 3);
	assert_int_equal(died, 1);
	assert_true(store_report_deaths(r, FROM + 31, INT64_MAX, &dead, &died, why));
	assert_int_equal(died, 0);
	store_reader_close(r);
}

static void see_payload(void *arg, const struct store_report_payload *row)
{
	struct text *t = arg;

	t->len += (size_t)snprintf(t->lines + t->len, sizeof(t->lines) - t->len,
		"%s %s %lld %.*s\n", row->source, row->type, (long long)(row->received_at - FROM),
		(int)row->payload_len, (const char *)row->payload);
}

static void test_payloads_of_a_type(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	struct text text = {0};

	(void)arrive(fx, (struct arrival){"1", "transaction.approved", FROM + 2, 0, "{\"a\":2}"});
	(void)arrive(fx, (struct arrival){"2", "transaction.approved", FROM, 0, "{\"a\":1}"});
	(void)arrive(fx, (struct arrival){"3", "transaction.declined", FROM + 1, 0, "{\"a\":3}"});
	(void)arrive(fx, (struct arrival){"4", "transaction.approved", TO, 0, "{\"a\":4}"});
	(void)arrive(fx, (struct arrival){"5", NULL, FROM, 0, "transaction.approved"});
	as_source(fx, "hookd");
	(void)arrive(fx, (struct arrival){"6", "transaction.approved", FROM, 0, "{}"});

	struct store_reader *r = reader(fx);
	assert_true(store_report_payloads(
		r, "transaction.approved", FROM, TO, 10, see_payload, &text, why));
	assert_string_equal(text.lines, "fedapay transaction.approved 0 {\"a\":1}\n"
					"fedapay transaction.approved 2 {\"a\":2}\n");
	text = (struct text){0};
	assert_true(
		store_report_payloads(r, "transaction.*", FROM, TO, 2, see_payload, &text, why));
	assert_string_equal(text.lines, "fedapay transaction.approved 0 {\"a\":1}\n"
					"fedapay transaction.declined 1 {\"a\":3}\n");
	store_reader_close(r);
}

static void test_when_a_source_was_heard(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	int64_t at;
	bool came;

	struct store_reader *r = reader(fx);
	assert_true(store_report_first(r, &at, why));
	assert_int_equal(at, 0);
	(void)arrive(fx, (struct arrival){"2", "a.b", FROM + 10, 0, NULL});
	(void)arrive(fx, (struct arrival){"1", NULL, FROM + 20, 0, NULL});
	as_source(fx, "another");
	(void)arrive(fx, (struct arrival){"3", "a.b", FROM + 30, 0, NULL});
	as_source(fx, "hookd");
	(void)arrive(fx, (struct arrival){"own", "hookd.digest", FROM + 5, 0, NULL});

	assert_true(store_report_last(r, "fedapay", FROM, &at, why));
	assert_int_equal(at, FROM + 20);
	assert_true(store_report_last(r, "fedapay", FROM + 20, &at, why));
	assert_int_equal(at, FROM + 20);
	assert_true(store_report_last(r, "fedapay", FROM + 21, &at, why));
	assert_int_equal(at, 0);
	assert_true(store_report_last(r, "nobody", 0, &at, why));
	assert_int_equal(at, 0);

	assert_true(store_report_came(r, "fedapay", FROM + 11, FROM + 21, &came, why));
	assert_true(came);
	assert_true(store_report_came(r, "fedapay", FROM + 11, FROM + 20, &came, why));
	assert_false(came);
	assert_true(store_report_came(r, "nobody", FROM, TO, &came, why));
	assert_false(came);

	assert_true(store_report_first(r, &at, why));
	assert_int_equal(at, FROM + 10);

	assert_true(store_report_has(r, "hookd", "own", NULL, &came, why));
	assert_true(came);
	assert_true(store_report_has(r, "fedapay", "own", NULL, &came, why));
	assert_false(came);
	assert_true(store_report_has(r, "nobody", "own", NULL, &came, why));
	assert_false(came);
	store_reader_close(r);
}

static void ask_all(struct store_reader *r)
{
	char why[STORE_READ_WHY];
	struct text text = {0};
	int64_t number;
	int64_t other;
	bool flag;

	assert_true(store_report_types(r, FROM, TO, 10, see_type, &text, why));
	assert_true(store_report_hooks(r, FROM, TO, see_hook, &text, why));
	assert_true(store_report_dead(r, 10, see_dead, &text, why));
	assert_true(store_report_deaths(r, FROM, INT64_MAX, &number, &other, why));
	assert_true(store_report_waiting(r, "alpha", &number, why));
	assert_true(store_report_payloads(r, "*", FROM, TO, 10, see_payload, &text, why));
	assert_true(store_report_last(r, "fedapay", FROM, &number, why));
	assert_true(store_report_came(r, "fedapay", FROM, TO, &flag, why));
	assert_true(store_report_first(r, &number, why));
	assert_true(store_report_has(r, "fedapay", "1", NULL, &flag, why));
}

static void test_every_question_uses_an_index(void **state)
{
	struct fixture *fx = *state;

	plan_watch();
	struct store_reader *r = reader(fx);
	ask_all(r);
	store_reader_close(r);
	assert_in_range(plan_watch_end(), 9, 100);
}

static void test_a_store_that_cannot_be_read(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY] = "";
	struct text text = {0};
	int64_t number;

	struct store_reader *r = reader(fx);
	ask_all(r);
	fx_exec(fx->path, "ALTER TABLE events RENAME COLUMN duplicates TO doubles");
	assert_false(store_report_types(r, FROM, TO, 10, see_type, &text, why));
	assert_non_null(strstr(why, fx->path));
	assert_non_null(strstr(why, "table \"events\" is not as hookd makes it"));
	assert_false(store_report_first(r, &number, why));
	fx_exec(fx->path, "ALTER TABLE events RENAME COLUMN doubles TO duplicates");
	ask_all(r);
	store_reader_close(r);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_events_by_source_and_type),
		OPEN(test_deliveries_by_hook),
		OPEN(test_the_dead),
		OPEN(test_payloads_of_a_type),
		OPEN(test_when_a_source_was_heard),
		OPEN(test_every_question_uses_an_index),
		OPEN(test_a_store_that_cannot_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
