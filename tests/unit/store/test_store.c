/* Storing events: keys, bytes, groups, the backlog. */
#include "fixture.h"
#include "store/private.h"
#include "store/sqlite/db.h"

#include <assert.h>
#include <pthread.h>
#include <semaphore.h>

static void test_put_gives_one_event_and_its_deliveries(void **state)
{
	struct fixture *fx = *state;
	struct store_put first = fx_put_aged(fx, "id:1", 2, 0);

	assert_int_equal(first.op.result, STORE_OK);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'READY'"), 2);
	struct store_counts counts = fx_counts(fx);
	assert_int_equal(counts.stored, 1);
	assert_int_equal(counts.waiting, 2);
}

static void test_same_key_again_is_a_duplicate(void **state)
{
	struct fixture *fx = *state;
	int64_t id = fx_put(fx, "id:1", 1);
	struct store_put again = fx_put_aged(fx, "id:1", 1, 0);

	assert_int_equal(again.op.result, STORE_DUPLICATE);
	assert_int_equal(again.event_id, id);
	assert_false(again.conflict);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"), 1);
	assert_int_equal(fx_number(fx, "SELECT duplicates FROM events"), 1);
	assert_int_equal(fx_number(fx, "SELECT conflicts FROM events"), 0);
	assert_int_equal(fx_counts(fx).duplicates, 1);
}

static void test_same_key_with_another_body_is_a_conflict(void **state)
{
	struct fixture *fx = *state;
	int64_t id = fx_put(fx, "id:1", 1);
	char key[] = "id:1";
	struct event ev = fx_event(fx, key, "[]", 2);
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = 1};

	assert_int_equal(store_wait(fx->st, &put.op), STORE_DUPLICATE);
	assert_true(put.conflict);
	assert_int_equal(put.event_id, id);
	assert_int_equal(fx_number(fx, "SELECT conflicts FROM events"), 1);
	assert_int_equal(fx_number(fx, "SELECT duplicates FROM events"), 0);
	assert_int_equal(fx_number(fx, "SELECT payload = CAST('{}' AS BLOB) FROM events"), 1);
}

static void test_same_key_of_two_sources_is_two_events(void **state)
{
	struct fixture *fx = *state;
	int64_t id = fx_put(fx, "id:1", 1);

	fx->source = fx_name(fx->st, STORE_NAME_SOURCE, "other");
	assert_int_not_equal(fx_put(fx, "id:1", 1), id);
}

static void test_payload_comes_back_byte_for_byte(void **state)
{
	struct fixture *fx = *state;
	static const char bytes[] = "{\"a\":\0\1\xff\xc3\x28\r\n\\/ \0}";
	char key[] = "id:1";
	struct event ev = fx_event(fx, key, bytes, sizeof(bytes));
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = 1};

	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	struct store_claim c = fx_claim(fx, 1, 1);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->payload_len, sizeof(bytes));
	assert_memory_equal(c.jobs[0]->payload, bytes, sizeof(bytes));
	fx_claim_free(&c);
}

static void test_empty_payload_and_large_payload(void **state)
{
	struct fixture *fx = *state;
	size_t len = 3000000;
	char *large = malloc(len);
	char key[] = "id:1";
	char key2[] = "id:2";

	assert_non_null(large);
	for (size_t i = 0; i < len; i++)
		large[i] = (char)(i * 31 >> 3);
	struct event none = fx_event(fx, key, NULL, 0);
	struct event much = fx_event(fx, key2, large, len);
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &none, .hooks = fx->hooks, .hook_count = 1};
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	put.event = &much;
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	struct store_claim c = fx_claim(fx, 1, 2);
	assert_int_equal(c.job_count, 2);
	assert_int_equal(c.jobs[0]->payload_len, 0);
	assert_int_equal(c.jobs[1]->payload_len, len);
	assert_memory_equal(c.jobs[1]->payload, large, len);
	fx_claim_free(&c);
	free(large);
}

static void test_quarantined_without_type(void **state)
{
	struct fixture *fx = *state;
	char key[] = "sha256:00";
	struct event ev = fx_event(fx, key, "not json", 8);
	ev.type = NULL;
	ev.quarantined = "not JSON";
	struct store_put put = {.op.kind = STORE_OP_PUT, .event = &ev};

	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	assert_int_equal(fx_counts(fx).quarantined, 1);
	assert_int_equal(fx_counts(fx).waiting, 0);
	assert_int_equal(
		fx_number(fx, "SELECT type IS NULL AND quarantined = 'not JSON' FROM events"), 1);
}

/* Keeps the writer in a `done`, so that what is submitted meanwhile is one group. */
struct gate {
	struct store_op op;
	sem_t inside;
	sem_t go;
};

static void gate_done(struct store_op *op)
{
	struct gate *gate = (struct gate *)op;

	(void)sem_post(&gate->inside);
	(void)sem_wait(&gate->go);
}

static void gate_close(struct store *st, struct gate *gate)
{
	*gate = (struct gate){.op = {.kind = STORE_OP_PING, .done = gate_done}};
	(void)sem_init(&gate->inside, 0, 0);
	(void)sem_init(&gate->go, 0, 0);
	store_submit(st, &gate->op);
	(void)sem_wait(&gate->inside);
}

static sem_t ended;

static void note_end(struct store_op *op)
{
	(void)op;
	(void)sem_post(&ended);
}

static void test_two_equal_keys_in_one_group(void **state)
{
	struct fixture *fx = *state;
	struct gate gate;
	char key[] = "id:7";
	struct event ev = fx_event(fx, key, "{}", 2);
	struct store_put a = {.op = {.kind = STORE_OP_PUT, .done = note_end},
		.event = &ev,
		.hooks = fx->hooks,
		.hook_count = 1};
	struct store_put b = a;

	(void)sem_init(&ended, 0, 0);
	gate_close(fx->st, &gate);
	store_submit(fx->st, &a.op);
	store_submit(fx->st, &b.op);
	(void)sem_post(&gate.go);
	(void)sem_wait(&ended);
	(void)sem_wait(&ended);
	assert_int_equal(a.op.result, STORE_OK);
	assert_int_equal(b.op.result, STORE_DUPLICATE);
	assert_int_equal(a.event_id, b.event_id);
	assert_int_equal(fx_counts(fx).waiting, 1);
}

static void test_one_bad_operation_does_not_harm_its_group(void **state)
{
	struct fixture *fx = *state;
	struct gate gate;
	struct capture capture;
	char keys[5][16];
	struct event events[5];
	struct store_put puts[5];

	(void)sem_init(&ended, 0, 0);
	capture_begin(&capture);
	gate_close(fx->st, &gate);
	for (int i = 0; i < 5; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "id:%d", i);
		events[i] = fx_event(fx, keys[i], "{}", 2);
		if (i == 2)
			events[i].source_id = 4711; /* there is no such source */
		puts[i] = (struct store_put){.op = {.kind = STORE_OP_PUT, .done = note_end},
			.event = &events[i],
			.hooks = fx->hooks,
			.hook_count = 2};
		store_submit(fx->st, &puts[i].op);
	}
	(void)sem_post(&gate.go);
	for (int i = 0; i < 5; i++)
		(void)sem_wait(&ended);
	assert_non_null(strstr(capture_end(&capture), "store cannot write"));
	for (int i = 0; i < 5; i++)
		assert_int_equal(puts[i].op.result, i == 2 ? STORE_ERROR : STORE_OK);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 4);
	assert_int_equal(fx_counts(fx).stored, 4);
	assert_int_equal(fx_counts(fx).waiting, 8);
}

struct own_put {
	struct store_put put;
	struct event ev;
	char key[32];
};

static void free_self(struct store_op *op)
{
	assert(op->result == STORE_OK);
	free(op);
	(void)sem_post(&ended);
}

static void test_done_may_free_its_operation(void **state)
{
	struct fixture *fx = *state;
	int count = 3 * STORE_GROUP_MAX;

	(void)sem_init(&ended, 0, 0);
	for (int i = 0; i < count; i++) {
		struct own_put *own = calloc(1, sizeof(*own));
		assert_non_null(own);
		(void)snprintf(own->key, sizeof(own->key), "id:%d", i);
		own->ev = fx_event(fx, own->key, "{}", 2);
		own->put.op = (struct store_op){.kind = STORE_OP_PUT, .done = free_self};
		own->put.event = &own->ev;
		store_submit(fx->st, &own->put.op);
	}
	for (int i = 0; i < count; i++)
		(void)sem_wait(&ended);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), count);
}

#define THREADS 100

static struct fixture *shared;
static pthread_barrier_t together;
static enum store_result results[THREADS];
static int64_t ids[THREADS];

static void *put_same(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;

	(void)pthread_barrier_wait(&together);
	struct store_put put = fx_put_aged(shared, "id:same", 2, 0);
	results[i] = put.op.result;
	ids[i] = put.event_id;
	return NULL;
}

static void test_a_hundred_threads_with_one_key(void **state)
{
	pthread_t threads[THREADS];
	int stored = 0;

	shared = *state;
	(void)pthread_barrier_init(&together, NULL, THREADS);
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, put_same, (void *)(uintptr_t)i), 0);
	for (size_t i = 0; i < THREADS; i++)
		(void)pthread_join(threads[i], NULL);
	for (size_t i = 0; i < THREADS; i++) {
		stored += results[i] == STORE_OK;
		assert_true(results[i] == STORE_OK || results[i] == STORE_DUPLICATE);
		assert_int_equal(ids[i], ids[0]);
	}
	assert_int_equal(stored, 1);
	assert_int_equal(fx_number(shared, "SELECT count(*) FROM deliveries"), 2);
	assert_int_equal(fx_number(shared, "SELECT duplicates FROM events"), THREADS - 1);
	(void)pthread_barrier_destroy(&together);
}

static void test_backlog(void **state)
{
	struct fixture *fx = *state;

	store_configure(fx->st, 0, 4);
	(void)fx_put(fx, "id:1", 3);
	assert_int_equal(fx_put_aged(fx, "id:2", 2, 0).op.result, STORE_FULL);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 1);
	(void)fx_put(fx, "id:2", 1);
	assert_int_equal(fx_put_aged(fx, "id:3", 1, 0).op.result, STORE_FULL);
	/* Events without deliveries need no room. */
	assert_int_equal(fx_put_aged(fx, "id:1", 3, 0).op.result, STORE_DUPLICATE);
	(void)fx_put(fx, "id:4", 0);
	/* Running ones count until they have ended. */
	struct store_claim c = fx_claim(fx, 1, 1);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(fx_put_aged(fx, "id:3", 1, 0).op.result, STORE_FULL);
	assert_int_equal(
		fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0), STORE_OK);
	(void)fx_put(fx, "id:3", 1);
	fx_claim_free(&c);
	assert_int_equal(fx_counts(fx).waiting, 4);
	/* A reload raises the limit. */
	store_configure(fx->st, 0, 5);
	(void)fx_put(fx, "id:5", 1);
}

/* Otherwise its sender would be refused for ever. */
static void test_an_event_with_more_hooks_than_the_backlog(void **state)
{
	struct fixture *fx = *state;

	store_configure(fx->st, 0, 2);
	(void)fx_put(fx, "id:1", 3);
	assert_int_equal(fx_put_aged(fx, "id:2", 3, 0).op.result, STORE_FULL);
	assert_int_equal(fx_put_aged(fx, "id:2", 1, 0).op.result, STORE_FULL);
	struct store_claim c = fx_claim(fx, 3, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(fx_put_aged(fx, "id:2", 3, 0).op.result, STORE_FULL);
		assert_int_equal(
			fx_settle(fx, c.jobs[i]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0),
			STORE_OK);
	}
	fx_claim_free(&c);
	(void)fx_put(fx, "id:2", 3);
	assert_int_equal(fx_counts(fx).waiting, 3);
}

static void test_names_keep_their_ids(void **state)
{
	struct fixture *fx = *state;
	int64_t id = fx_name(fx->st, STORE_NAME_HOOK, "new");

	assert_int_equal(fx_name(fx->st, STORE_NAME_HOOK, "new"), id);
	assert_int_not_equal(fx_name(fx->st, STORE_NAME_HOOK, "New"), id);
	fx_close(fx);
	fx_open(fx);
	assert_int_equal(fx_name(fx->st, STORE_NAME_HOOK, "new"), id);
}

static _Atomic int notified;

static void count_ready(void *arg)
{
	assert(arg == &notified);
	notified++;
}

static void test_on_ready_reports_new_work(void **state)
{
	struct fixture *fx = *state;
	struct store_options options = {.path = fx->path,
		.migrate = true,
		.backlog = 10,
		.on_ready = count_ready,
		.on_ready_arg = &notified};
	struct store_op ping = {.kind = STORE_OP_PING};

	notified = 0;
	fx_open_with(fx, &options);
	(void)fx_put(fx, "id:1", 0);
	struct store_claim c = fx_claim(fx, 1, 1);
	fx_claim_free(&c);
	assert_int_equal(notified, 0);
	(void)fx_put(fx, "id:2", 1);
	/* It is called after `done`; the next operation is certainly later. */
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	assert_int_equal(notified, 1);
	c = fx_claim(fx, 1, 1);
	assert_int_equal(c.job_count, 1);
	(void)fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_TEMPFAIL, DELIVERY_READY, 1);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	assert_int_equal(notified, 2);
	fx_claim_free(&c);
}

static void say_orphan(void *arg, const char *hook, int64_t waiting)
{
	(void)snprintf(arg, 64, "%s %lld", hook, (long long)waiting);
}

static void test_orphans(void **state)
{
	struct fixture *fx = *state;
	char said[64] = "";

	(void)fx_put(fx, "id:1", 2);
	(void)fx_put(fx, "id:2", 2);
	store_orphans(fx->st, fx->hooks, 3, say_orphan, said);
	assert_string_equal(said, "");
	store_orphans(fx->st, fx->hooks, 1, say_orphan, said);
	assert_string_equal(said, "beta 2");
}

/* However large the store is, no statement of the daemon walks through a table. */
static void test_every_statement_uses_an_index(void **state)
{
	struct fixture *fx = *state;
	struct store_op ping = {.kind = STORE_OP_PING};
	int seen = 0;

	assert_int_equal(store_wait(fx->st, &ping), STORE_OK); /* the writer sleeps */
	for (sqlite3_stmt *s = sqlite3_next_stmt(fx->st->db->sqlite, NULL); s != NULL;
		s = sqlite3_next_stmt(fx->st->db->sqlite, s)) {
		char sql[1024];
		sqlite3_stmt *plan;
		(void)snprintf(sql, sizeof(sql), "EXPLAIN QUERY PLAN %s", sqlite3_sql(s));
		assert_int_equal(
			sqlite3_prepare_v2(fx->st->db->sqlite, sql, -1, &plan, NULL), SQLITE_OK);
		while (sqlite3_step(plan) == SQLITE_ROW) {
			const char *step = (const char *)sqlite3_column_text(plan, 3);
			/* Walking a partial index is allowed: it holds only what waits. */
			if (strncmp(step, "SCAN", 4) == 0 &&
				strncmp(step, "SCAN put_", 9) != 0 && /* one transaction's */
				strstr(step, "INDEX deliveries_due") == NULL &&
				strstr(step, "INDEX deliveries_blocked") == NULL &&
				strcmp(step, "SCAN h") != 0 &&
				strncmp(step, "SCAN h ", 7) != 0) /* hooks */
				fail_msg("%s: %s", sqlite3_sql(s), step);
			if (strstr(step, "TEMP B-TREE") != NULL)
				fail_msg("%s: %s", sqlite3_sql(s), step);
		}
		(void)sqlite3_finalize(plan);
		seen++;
	}
	assert_int_equal(seen, SQL_COUNT);
}

static void test_close_does_what_is_queued(void **state)
{
	struct fixture *fx = *state;
	static struct own_put own[2000];

	for (int i = 0; i < 2000; i++) {
		(void)snprintf(own[i].key, sizeof(own[i].key), "id:%d", i);
		own[i].ev = fx_event(fx, own[i].key, "{}", 2);
		own[i].put.op = (struct store_op){.kind = STORE_OP_PUT, .done = note_end};
		own[i].put.event = &own[i].ev;
		store_submit(fx->st, &own[i].put.op);
	}
	fx_close(fx);
	for (int i = 0; i < 2000; i++)
		assert_int_equal(own[i].put.op.result, STORE_OK);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 2000);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_put_gives_one_event_and_its_deliveries),
		OPEN(test_same_key_again_is_a_duplicate),
		OPEN(test_same_key_with_another_body_is_a_conflict),
		OPEN(test_same_key_of_two_sources_is_two_events),
		OPEN(test_payload_comes_back_byte_for_byte),
		OPEN(test_empty_payload_and_large_payload),
		OPEN(test_quarantined_without_type),
		OPEN(test_two_equal_keys_in_one_group),
		OPEN(test_one_bad_operation_does_not_harm_its_group),
		OPEN(test_done_may_free_its_operation),
		OPEN(test_a_hundred_threads_with_one_key),
		OPEN(test_backlog),
		OPEN(test_an_event_with_more_hooks_than_the_backlog),
		OPEN(test_names_keep_their_ids),
		cmocka_unit_test_setup_teardown(test_on_ready_reports_new_work, fx_make, fx_remove),
		OPEN(test_orphans),
		OPEN(test_every_statement_uses_an_index),
		OPEN(test_close_does_what_is_queued),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
