/* The second key of an event: one state of an entity is one event, however its body is written. */
#include "act_fixture.h"
#include "fixture.h"
#include "sender/sender.h"
#include "store/report.h"
#include "store/sqlite/db.h"
#include "version_1_fixture.h"
#include "version_3_fixture.h"

#define STATE "state:transaction.approved:7:1782859828841"

static const struct event_shape *fedapay(void *arg, const char *source)
{
	(void)arg;
	return strcmp(source, "hookd") == 0 ? NULL : &sender_find("fedapay")->shape;
}

/* What FedaPay sends when it has touched the entity at `updated` ms after 22:50:28. */
static int body_of(char out[256], const char *type, int id, int updated)
{
	return snprintf(out, 256,
		"{\"name\":\"transaction.%s\",\"object\":\"transaction\",\"entity\":{\"id\":%d,"
		"\"approved_at\":\"2026-06-30T22:50:28.841Z\","
		"\"updated_at\":\"2026-06-30T22:50:28.%03dZ\"}}",
		type, id, updated);
}

static struct store_put put_body(struct fixture *fx, const char *body)
{
	struct event ev;

	assert_true(event_parse(&ev, &sender_find("fedapay")->shape, body, strlen(body)));
	ev.source = "fedapay";
	ev.source_id = fx->source;
	ev.origin = "webhook";
	ev.received_at = clock_wall();
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = 1};
	(void)store_wait(fx->st, &put.op);
	put.event = NULL;
	event_free(&ev);
	return put;
}

static struct store_put put_updated(struct fixture *fx, int updated)
{
	char body[256];

	(void)body_of(body, "approved", 7, updated);
	return put_body(fx, body);
}

static void test_a_state_sent_again_is_a_duplicate(void **state)
{
	struct fixture *fx = *state;
	struct store_put first = put_updated(fx, 900);

	assert_int_equal(first.op.result, STORE_OK);
	for (int i = 0; i < 3; i++) {
		struct store_put again = put_updated(fx, 901 + i);
		assert_int_equal(again.op.result, STORE_DUPLICATE);
		assert_int_equal(again.event_id, first.event_id);
		assert_false(again.conflict);
	}
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 1);
	assert_int_equal(fx_number(fx, "SELECT duplicates FROM events"), 3);
	assert_int_equal(fx_number(fx, "SELECT conflicts FROM events"), 0);
	assert_int_equal(fx_number(fx, "SELECT state_key = '" STATE "' FROM events"), 1);
	assert_int_equal(fx_counts(fx).stored, 1);
	assert_int_equal(fx_counts(fx).duplicates, 3);
}

static void test_other_states_entities_and_sources_are_events(void **state)
{
	struct fixture *fx = *state;
	char body[256];

	assert_int_equal(put_updated(fx, 900).op.result, STORE_OK);
	(void)body_of(body, "updated", 7, 901);
	assert_int_equal(put_body(fx, body).op.result, STORE_OK);
	(void)body_of(body, "updated", 7, 902);
	assert_int_equal(put_body(fx, body).op.result, STORE_OK);
	(void)body_of(body, "approved", 8, 900);
	assert_int_equal(put_body(fx, body).op.result, STORE_OK);
	fx->source = fx_name(fx->st, STORE_NAME_SOURCE, "other");
	assert_int_equal(put_updated(fx, 900).op.result, STORE_OK);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 5);
	/* Without a state key there is one key. */
	assert_int_equal(put_body(fx, "{\"name\":\"a\"}").op.result, STORE_OK);
	assert_int_equal(put_body(fx, "{\"name\":\"b\"}").op.result, STORE_OK);
}

static void ignore_done(struct store_op *op)
{
	(void)op;
}

/* One transaction stores a run of puts. */
static void test_one_run_stores_a_state_once(void **state)
{
	enum { COUNT = 20 };
	struct fixture *fx = *state;
	struct event events[COUNT];
	struct store_put puts[COUNT];
	char bodies[COUNT][256];

	for (int i = 0; i < COUNT; i++) {
		int len = body_of(bodies[i], "approved", 7 + i % 2, 900 + i);
		assert_true(event_parse(
			&events[i], &sender_find("fedapay")->shape, bodies[i], (size_t)len));
		events[i].source_id = fx->source;
		events[i].origin = "webhook";
		puts[i] = (struct store_put){.op.kind = STORE_OP_PUT,
			.event = &events[i],
			.hooks = fx->hooks,
			.hook_count = 2};
	}
	struct store_op ping = {.kind = STORE_OP_PING};

	for (int i = 0; i < COUNT; i++)
		puts[i].op.next = i + 1 < COUNT ? &puts[i + 1].op : NULL;
	for (int i = 0; i < COUNT; i++)
		puts[i].op.done = ignore_done;
	store_submit_all(fx->st, &puts[0].op);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	for (int i = 0; i < COUNT; i++) {
		assert_int_equal(puts[i].op.result, i < 2 ? STORE_OK : STORE_DUPLICATE);
		assert_int_equal(puts[i].event_id, puts[i % 2].event_id);
		event_free(&events[i]);
	}
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 2);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 4);
}

static void test_an_import_goes_by_it_too(void **state)
{
	struct fixture *fx = *state;
	struct store_import i = {.op.kind = STORE_OP_IMPORT, .count = 1};
	char body[256], why[STORE_READ_WHY];
	struct event ev;
	bool has;

	int len = body_of(body, "approved", 7, 950);
	assert_true(event_parse(&ev, &sender_find("fedapay")->shape, body, (size_t)len));
	ev.source_id = fx->source;
	struct store_imported_event e = {.event = &ev};
	i.list = &e;
	assert_int_equal(put_updated(fx, 900).op.result, STORE_OK);
	assert_int_equal(store_wait(fx->st, &i.op), STORE_OK);
	assert_int_equal(e.result, STORE_IMPORT_THERE);
	struct store_reader *r = store_reader_open(fx->path, why);
	assert_non_null(r);
	assert_true(store_report_has(r, "fedapay", ev.idempotency_key, NULL, &has, why));
	assert_false(has);
	assert_true(store_report_has(r, "fedapay", ev.idempotency_key, ev.state_key, &has, why));
	assert_true(has);
	store_reader_close(r);
	fx_exec(fx->path, "DELETE FROM deliveries; DELETE FROM events");
	assert_int_equal(store_wait(fx->st, &i.op), STORE_OK);
	assert_int_equal(e.result, STORE_IMPORT_NEW);
	assert_int_equal(put_updated(fx, 900).op.result, STORE_DUPLICATE);
	event_free(&ev);
}

static void test_a_release_takes_no_state_that_another_has(void **state)
{
	struct fixture *fx = *state;
	char first[] = "sha256:1", second[] = "sha256:2";
	struct store_release r = {.op.kind = STORE_OP_RELEASE,
		.source = fx->source,
		.type = "transaction.approved",
		.entity_id = "7",
		.state_key = STATE,
		.hooks = fx->hooks,
		.hook_count = 1};

	r.event = act_put_quarantined(fx, first);
	assert_int_equal(store_wait(fx->st, &r.op), STORE_OK);
	assert_true(r.done);
	struct store_put put = put_updated(fx, 900);
	assert_int_equal(put.op.result, STORE_DUPLICATE);
	assert_int_equal(put.event_id, r.event);
	int64_t released = r.event;
	r.event = act_put_quarantined(fx, second);
	assert_int_equal(store_wait(fx->st, &r.op), STORE_OK);
	assert_false(r.done);
	assert_int_equal(r.reported, released);
	assert_int_equal(
		fx_number(fx, "SELECT count(*) FROM events WHERE quarantined IS NOT NULL"), 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 1);
}

static void open_older(struct fixture *fx)
{
	struct store_options options = {
		.path = fx->path, .migrate = true, .backlog = 100, .shape_of = fedapay};

	fx->st = store_open(&options);
	assert_non_null(fx->st);
	fx->source = 1;
	for (int i = 0; i < 3; i++)
		fx->hooks[i] = i + 1;
}

/* Two events of one state, as 0.1.0 stored them; one that was released from quarantine; one with an
 * id of its own; one in quarantine; hookd's own. */
static const char older_rows[] =
	"INSERT INTO sources VALUES(1, 'fedapay'), (2, 'hookd'), (3, 'other');"
	"INSERT INTO hooks(id, name) VALUES(1, 'alpha'), (2, 'beta'), (3, 'gamma');"
	"CREATE TEMP TABLE e(id, source, key, own, type, entity, quarantined, payload);"
	"INSERT INTO e VALUES"
	" (1, 1, 'entity:a', NULL, 'transaction.approved', '7', NULL, "
	"'{\"name\":\"transaction.approved\","
	"\"entity\":{\"id\":7,\"approved_at\":\"2026-06-30T22:50:28.841Z\"}}'),"
	" (2, 1, 'entity:b', NULL, 'transaction.approved', '7', NULL, "
	"'{\"name\":\"transaction.approved\","
	"\"entity\":{\"id\":\"7\",\"approved_at\":\"2026-06-30T22:50:28.841Z\"}, \"again\":1}'),"
	" (3, 1, 'entity:c', NULL, 'transaction.declined', '7', NULL,"
	"'{\"entity\":{\"id\":7,\"declined_at\":\"2026-06-30T22:50:28.841Z\"}}'),"
	" (4, 1, 'id:4', '4', 'transaction.approved', '7', NULL, '{\"id\":4,\"name\":"
	"\"transaction.approved\",\"entity\":{\"id\":7,\"approved_at\":\"2026-06-30T22:50:28."
	"841Z\"}}'),"
	" (5, 1, 'sha256:5', NULL, NULL, NULL, 'not JSON', 'no JSON'),"
	" (6, 2, 'id:6', '6', 'hookd.digest', NULL, NULL, '{}'),"
	" (7, 3, 'entity:a', NULL, 'transaction.approved', '7', NULL, "
	"'{\"name\":\"transaction.approved\","
	"\"entity\":{\"id\":7,\"approved_at\":\"2026-06-30T22:50:28.841Z\"}}');"
	"INSERT INTO events(id, source_id, idempotency_key, provider_event_id, type, entity_id,"
	" received_at, origin, remote_addr, quarantined, payload) SELECT id, source, key, own, "
	"type,"
	" entity, 1000, 'webhook', '::1', quarantined, CAST(payload AS BLOB) FROM e;"
	"INSERT INTO deliveries(event_id, hook_id, state, due_at)"
	" SELECT id, 1, 'READY', 0 FROM events WHERE type IS NOT NULL;"
	"PRAGMA application_id = 1752525668;";

static void check_older(struct fixture *fx)
{
	assert_int_equal(fx_counts(fx).waiting, 6);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 7);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events WHERE state_key = '" STATE
				       "' AND id IN (1, 7)"),
		2);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events WHERE id = 3 AND state_key ="
				       " 'state:transaction.declined:7:1782859828841'"),
		1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events WHERE state_key IS NULL"), 4);
	struct store_put put = put_updated(fx, 900);
	assert_int_equal(put.op.result, STORE_DUPLICATE);
	assert_int_equal(put.event_id, 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_integrity_check"
				       " WHERE integrity_check <> 'ok'"),
		0);
}

static void migrate(
	struct fixture *fx, const char *pragmas, const char *schema, const char *version)
{
	struct capture capture;

	fx_exec(fx->path, pragmas);
	fx_exec(fx->path, schema);
	fx_exec(fx->path, older_rows);
	fx_exec(fx->path, version);
	capture_begin(&capture);
	open_older(fx);
	assert_non_null(strstr(capture_end(&capture), "they stay events=1"));
	check_older(fx);
}

static void test_version_1_gets_state_keys(void **state)
{
	migrate(*state, version_1_pragmas, version_1, "PRAGMA user_version = 1");
}

static void test_version_3_gets_state_keys(void **state)
{
	struct fixture *fx = *state;

	migrate(fx, version_3_pragmas, version_3, "PRAGMA user_version = 3");
	/* Once only. */
	fx_close(fx);
	open_older(fx);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events WHERE state_key IS NULL"), 4);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)
#define MADE(test) cmocka_unit_test_setup_teardown(test, fx_make, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_a_state_sent_again_is_a_duplicate),
		OPEN(test_other_states_entities_and_sources_are_events),
		OPEN(test_one_run_stores_a_state_once),
		OPEN(test_an_import_goes_by_it_too),
		OPEN(test_a_release_takes_no_state_that_another_has),
		MADE(test_version_1_gets_state_keys),
		MADE(test_version_3_gets_state_keys),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
