/* Rows that cannot be read: each stops one delivery, and nothing else. */
#include "damage_fixture.h"

#include "store/private.h"
#include "store/sqlite/db.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>

enum { LARGE = 100000 };

static atomic_llong failing_page; /* of the database file; 0: none. Reading it gives EIO */

static bool is_database(int fd)
{
	char link[64], path[256] = "";

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	return n > 3 && strcmp(path + n - 3, ".db") == 0;
}

/* Replaces libc's. */
ssize_t pread64(int fd, void *data, size_t len, off64_t offset)
{
	static ssize_t (*real)(int, void *, size_t, off64_t);
	int64_t page = atomic_load(&failing_page);

	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "pread64");
	if (page > 0 && offset == (page - 1) * DAMAGE_PAGE && is_database(fd)) {
		errno = EIO;
		return -1;
	}
	return real(fd, data, len, offset);
}

/* A sanitizer has its own. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

#ifndef SANITIZED
#define REPLACES_MALLOC

static atomic_size_t failing_size; /* no memory of that size is there; 0: of any */

void *__libc_malloc(size_t size);

/* Replaces libc's. */
void *malloc(size_t size)
{
	if (size == 0 || size != atomic_load(&failing_size))
		return __libc_malloc(size);
	errno = ENOMEM;
	return NULL;
}
#endif

static void put_large(struct fixture *fx, const char *key, size_t len)
{
	char copy[32];
	char *payload = malloc(len);

	memset(payload, 'x', len);
	(void)snprintf(copy, sizeof(copy), "%s", key);
	struct event ev = fx_event(fx, copy, payload, len);
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = 1};
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	free(payload);
}

/* Events 1 to 3, for alpha; nothing of the second one's payload can be read. */
static void make_unreadable(struct fixture *fx)
{
	put_large(fx, "id:1", 10);
	put_large(fx, "id:2", LARGE);
	put_large(fx, "id:3", 10);
	fx_close(fx);
	damage_page(fx, damage_payload(fx, 2));
	fx_open(fx);
}

static void ignore_done(struct store_op *op)
{
	(void)op;
}

/* Claims all of alpha's together with a settlement and a put. */
struct together {
	struct store_claim claim;
	struct store_want want;
	struct store_settle settle;
	struct store_put put;
	struct attempt_outcome outcome;
	struct event event;
	char key[16];
};

static void run_together(struct fixture *fx, struct together *t, int64_t running)
{
	struct store_op ping = {.kind = STORE_OP_PING};

	*t = (struct together){.want = {.hook = fx->hooks[0], .max = 10}, .key = "id:new"};
	t->outcome = (struct attempt_outcome){.result = ATTEMPT_OK, .exit_code = 0};
	t->event = fx_event(fx, t->key, "{}", 2);
	t->settle = (struct store_settle){.op = {.kind = STORE_OP_SETTLE, .done = ignore_done},
		.delivery = running,
		.attempt = 1,
		.outcome = &t->outcome,
		.state = DELIVERY_DONE,
		.ended_at = clock_wall()};
	t->claim = (struct store_claim){.op = {.kind = STORE_OP_CLAIM, .done = ignore_done},
		.wants = &t->want,
		.want_count = 1,
		.total = 10,
		.now = clock_wall(),
		.room = INT64_MAX};
	t->put = (struct store_put){
		.op = {.kind = STORE_OP_PUT, .done = ignore_done}, .event = &t->event};
	t->settle.op.next = &t->claim.op;
	t->claim.op.next = &t->put.op;
	store_submit_all(fx->st, &t->settle.op);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
}

/* Claims until there is a job: what cannot be read is tried again for some seconds. */
static struct store_claim claim_patiently(struct fixture *fx)
{
	struct store_claim c = fx_claim(fx, 1, 10);

	for (int i = 0; i < 600 && c.job_count == 0; i++) {
		assert_int_equal(c.op.result, STORE_OK);
		assert_true(c.next_due > c.now); /* not at once again */
		usleep(100000);
		c = fx_claim(fx, 1, 10);
	}
	return c;
}

/* The first and the third are taken at once, the second as one that cannot be read. */
static void check_claimed(struct fixture *fx, struct store_claim *c)
{
	assert_int_equal(c->op.result, STORE_OK);
	assert_int_equal(c->job_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(c->jobs[i]->event, i == 0 ? 1 : 3);
		assert_false(c->jobs[i]->unreadable);
		assert_int_equal(c->jobs[i]->payload_len, 10);
	}
	fx_claim_free(c);
	*c = claim_patiently(fx);
	assert_int_equal(c->job_count, 1);
	const struct delivery_job *job = c->jobs[0];
	assert_int_equal(job->event, 2);
	assert_int_equal(job->attempt, 1);
	assert_true(job->unreadable);
	assert_false(job->damaged);
	assert_int_equal(job->payload_len, 0);
	assert_non_null(job->payload);
	assert_string_equal(job->type, "transaction.approved");
	assert_string_equal(job->idempotency_key, "fedapay/id:2/alpha");
	fx_claim_free(c);
}

static void test_a_payload_that_cannot_be_read(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	struct together t;

	make_unreadable(fx);
	fx->hooks[0] = fx->hooks[1];
	(void)fx_put(fx, "id:beta", 1);
	struct store_claim beta = fx_claim(fx, 1, 1);
	fx->hooks[0] = 1;
	capture_begin(&capture);
	run_together(fx, &t, beta.jobs[0]->delivery);
	check_claimed(fx, &t.claim);
	const char *text = capture_end(&capture);
	assert_int_equal(t.settle.op.result, STORE_OK);
	assert_int_equal(t.put.op.result, STORE_OK);
	assert_non_null(strstr(text, "warn store could not read a delivery: it is tried again"
				     " delivery=2 part=payload"));
	assert_non_null(strstr(text, "error store cannot read a delivery delivery=2 part=payload"));
	assert_null(strstr(text, "store cannot write"));
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'DONE'"), 1);
	assert_int_equal(
		fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'RUNNING'"), 3);
	assert_int_equal(fx_counts(fx).waiting, 3);
	fx_claim_free(&beta);
}

static void test_a_payload_that_the_disk_does_not_give(void **state)
{
	struct fixture *fx = *state;

	put_large(fx, "id:1", 10);
	put_large(fx, "id:2", LARGE);
	put_large(fx, "id:3", 10);
	fx_close(fx);
	int64_t page = damage_payload(fx, 2);
	fx_open(fx);
	atomic_store(&failing_page, page);
	struct store_claim c = fx_claim(fx, 1, 10);
	check_claimed(fx, &c);
	atomic_store(&failing_page, 0);
}

/* An error that passes costs nobody anything. */
static void test_a_payload_that_the_disk_does_not_give_once(void **state)
{
	struct fixture *fx = *state;

	put_large(fx, "id:1", LARGE);
	fx_close(fx);
	int64_t page = damage_payload(fx, 1);
	fx_open(fx);
	atomic_store(&failing_page, page);
	struct store_claim c = fx_claim(fx, 1, 10);
	atomic_store(&failing_page, 0);
	assert_int_equal(c.op.result, STORE_OK);
	assert_int_equal(c.job_count, 0);
	c = claim_patiently(fx);
	assert_int_equal(c.job_count, 1);
	assert_false(c.jobs[0]->unreadable);
	assert_int_equal(c.jobs[0]->payload_len, LARGE);
	fx_claim_free(&c);
}

/* Its row, with type and key, is on the damaged page, too. */
static void test_an_event_that_cannot_be_read(void **state)
{
	struct fixture *fx = *state;

	for (int i = 1; i <= 3; i++) {
		char key[16];
		(void)snprintf(key, sizeof(key), "id:%d", i);
		put_large(fx, key, 10000); /* one on a page */
	}
	fx_close(fx);
	damage_page(fx, damage_find(fx, "name = 'events' AND path = '/001/'"));
	fx_open(fx);
	struct store_claim c = fx_claim(fx, 1, 10);
	assert_int_equal(c.job_count, 2);
	fx_claim_free(&c);
	c = claim_patiently(fx);
	assert_int_equal(c.job_count, 1);
	const struct delivery_job *job = c.jobs[0];
	assert_true(job->unreadable);
	assert_int_equal(job->event, 2);
	assert_string_equal(job->type, "");
	assert_string_equal(job->source, "");
	assert_string_equal(job->idempotency_key, "/2/alpha");
	assert_int_equal(
		fx_settle(fx, job->delivery, 1, ATTEMPT_PERMFAIL, DELIVERY_DEAD, 0), STORE_OK);
	assert_int_equal(fx_counts(fx).dead, 1);
	fx_claim_free(&c);
}

/* Many events for alpha and beta, so that their deliveries fill several pages. */
static void fill(struct fixture *fx)
{
	fx_close(fx);
	fx_exec(fx->path,
		"WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < 3000)"
		" INSERT INTO events(source_id, idempotency_key, type, received_at, origin,"
		" remote_addr, payload) SELECT 1, 'old:' || i, 'transaction.approved', 1000000 + i,"
		" 'webhook', 'unix', x'7b7d' FROM c;"
		"INSERT INTO deliveries(event_id, hook_id, state, due_at)"
		" SELECT id, 1 + id % 2, 'READY', received_at FROM events");
}

/* Neither can they be made DEAD: they are left, and the others go on. (Some of the results are of
 * rows that share a page with them after all.) */
static void test_deliveries_that_cannot_be_read(void **state)
{
	struct fixture *fx = *state;
	int64_t settled = 0;
	bool over = false;

	fill(fx);
	damage_page(fx, damage_find(fx, "name = 'deliveries' AND path = '/001/'"));
	fx_open(fx);
	for (int i = 0; i < 3000 && !over; i++) {
		struct store_claim c = fx_claim(fx, 2, 32);
		for (int tries = 0; tries < 5 && c.job_count == 0; tries++) {
			(void)usleep(1000000);
			c = fx_claim(fx, 2, 32);
		}
		assert_int_equal(c.op.result, STORE_OK);
		over = c.job_count == 0;
		if (over) /* not at once again */
			assert_true(c.next_due > c.now);
		for (size_t k = 0; k < c.job_count; k++)
			settled += fx_settle(fx, c.jobs[k]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE,
					   0) == STORE_OK;
		fx_claim_free(&c);
	}
	assert_in_range(settled, 1000, 2900);
	assert_int_equal(fx_counts(fx).waiting, 3000 - settled);
}

/* The index of what is due, where alpha's are. */
static void test_a_hook_that_cannot_be_read(void **state)
{
	struct fixture *fx = *state;
	struct store_op ping = {.kind = STORE_OP_PING};
	int64_t claimed = 0;

	fill(fx);
	int64_t page = damage_find(fx, "name = 'deliveries_due' AND path = '/000/'");
	fx_open(fx);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK); /* the writer sleeps */
	(void)sqlite3_db_release_memory(fx->st->db->sqlite);
	atomic_store(&failing_page, page);
	for (int i = 0; i < 200 && claimed < 1000; i++) {
		struct store_claim c = fx_claim(fx, 2, 16);
		if (c.job_count == 0)
			(void)usleep(100000);
		assert_int_equal(c.op.result, STORE_OK);
		for (size_t k = 0; k < c.job_count; k++)
			assert_int_equal(c.jobs[k]->hook, fx->hooks[1]);
		claimed += (int64_t)c.job_count;
		fx_claim_free(&c);
	}
	atomic_store(&failing_page, 0);
	assert_in_range(claimed, 1000, 1500);
}

/* One that breaks a rule of the schema. */
static void test_a_result_that_cannot_be_stored_leaves_others_alone(void **state)
{
	struct fixture *fx = *state;
	struct attempt_outcome outcome = {.result = ATTEMPT_OK, .exit_code = 0};
	struct store_settle settles[3];
	struct store_op ping = {.kind = STORE_OP_PING};

	(void)fx_put(fx, "id:1", 3);
	struct store_claim c = fx_claim(fx, 3, 3);
	assert_int_equal(c.job_count, 3);
	for (size_t i = 0; i < 3; i++) {
		settles[i] =
			(struct store_settle){.op = {.kind = STORE_OP_SETTLE, .done = ignore_done},
				.delivery = c.jobs[i]->delivery,
				.attempt = 1,
				.outcome = &outcome,
				.state = i == 1 ? DELIVERY_DEAD : DELIVERY_DONE,
				.failure_hook = i == 1 ? 4711 : 0, /* there is none */
				.ended_at = clock_wall()};
		settles[i].op.next = i < 2 ? &settles[i + 1].op : NULL;
	}
	store_submit_all(fx->st, &settles[0].op);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(settles[i].op.result, i == 1 ? STORE_ERROR : STORE_OK);
		assert_int_equal(settles[i].op.at_fault, i == 1);
	}
	fx_claim_free(&c);
}

/* The sender repeats an event whose stored payload cannot be read. */
static void test_a_duplicate_of_an_event_that_cannot_be_read(void **state)
{
	struct fixture *fx = *state;
	char *payload = malloc(LARGE);
	char key[] = "id:2", fresh[] = "id:4";
	struct event ev;
	struct store_put put;
	struct store_op ping = {.kind = STORE_OP_PING};

	make_unreadable(fx);
	memset(payload, 'x', LARGE);
	ev = fx_event(fx, key, payload, LARGE);
	put = (struct store_put){.op = {.kind = STORE_OP_PUT, .done = ignore_done}, .event = &ev};
	struct event other = fx_event(fx, fresh, "{}", 2);
	struct store_put next = {
		.op = {.kind = STORE_OP_PUT, .done = ignore_done}, .event = &other};
	put.op.next = &next.op;
	store_submit_all(fx->st, &put.op);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	assert_int_equal(put.op.result, STORE_ERROR);
	assert_int_equal(next.op.result, STORE_OK);
	for (int i = 0; i < 5 && put.op.result == STORE_ERROR; i++)
		(void)store_wait(fx->st, &put.op);
	assert_int_equal(put.op.result, STORE_DUPLICATE);
	assert_int_equal(put.event_id, 2);
	assert_false(put.conflict);
	assert_int_equal(next.op.result, STORE_OK);
	assert_int_equal(fx_counts(fx).duplicates, 1);
	free(payload);
}

/* Retention passes over it, and removes the others. */
static void test_an_event_that_cannot_be_removed(void **state)
{
	struct fixture *fx = *state;

	put_large(fx, "id:1", 10);
	put_large(fx, "id:2", LARGE);
	put_large(fx, "id:3", 10);
	struct store_claim c = fx_claim(fx, 1, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(
			fx_settle(fx, c.jobs[i]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0),
			STORE_OK);
	fx_claim_free(&c);
	fx_exec(fx->path, "UPDATE events SET received_at = id");
	fx_close(fx);
	int64_t page = damage_payload(fx, 2);
	fx_open(fx);
	atomic_store(&failing_page, page);
	/* It is tried a few times; each change of the retention starts a pass. */
	for (int i = 0; i < 600 && fx_number(fx, "SELECT count(*) FROM events") > 1; i++) {
		store_configure(fx->st, 3600000 + i, 1000);
		usleep(100000);
	}
	assert_int_equal(fx_number(fx, "SELECT id FROM events"), 2);
	atomic_store(&failing_page, 0);
}

/* hookd starts, and what else there is runs. */
static void test_a_running_one_that_cannot_be_read_at_start(void **state)
{
	struct fixture *fx = *state;

	fill(fx);
	fx_exec(fx->path, "UPDATE deliveries SET state = 'RUNNING', attempts = 1"
			  " WHERE id IN (1, 700, 2999);"
			  "INSERT INTO attempts(delivery_id, number, started_at)"
			  " VALUES (1, 1, 1), (700, 1, 1), (2999, 1, 1);");
	damage_page(fx, damage_find(fx, "name = 'deliveries' AND path = '/001/'"));
	fx_open(fx);
	assert_int_equal(fx_counts(fx).recovered, 2);
	struct store_claim c = fx_claim(fx, 2, 4);
	assert_int_equal(c.op.result, STORE_OK);
	assert_int_equal(c.job_count, 4);
	fx_claim_free(&c);
}

/* Not enough memory for one: it stays READY, and others go on. */
static void test_one_that_there_is_no_memory_for(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;

#ifdef REPLACES_MALLOC
	put_large(fx, "id:1", 10);
	put_large(fx, "id:2", LARGE);
	put_large(fx, "id:3", 10);
	capture_begin(&capture);
	atomic_store(&failing_size, LARGE + 1);
	struct store_claim c = fx_claim(fx, 1, 10);
	assert_int_equal(c.job_count, 2);
	assert_int_equal(c.jobs[0]->event, 1);
	assert_int_equal(c.jobs[1]->event, 3);
	fx_claim_free(&c);
	c = fx_claim(fx, 1, 10);
	atomic_store(&failing_size, 0);
	assert_int_equal(c.op.result, STORE_OK);
	assert_int_equal(c.job_count, 0);
	assert_true(c.next_due > c.now);
	const char *text = capture_end(&capture);
	assert_non_null(strstr(text, "out of memory: a delivery is left for later delivery=2"));
	assert_int_equal(fx_number(fx, "SELECT attempts FROM deliveries WHERE id = 2"), 0);
	c = claim_patiently(fx);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->payload_len, LARGE);
	fx_claim_free(&c);
#else
	(void)fx;
	(void)capture;
	skip();
#endif
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_a_payload_that_cannot_be_read),
		OPEN(test_a_payload_that_the_disk_does_not_give),
		OPEN(test_a_payload_that_the_disk_does_not_give_once),
		OPEN(test_an_event_that_cannot_be_read),
		OPEN(test_deliveries_that_cannot_be_read),
		OPEN(test_a_hook_that_cannot_be_read),
		OPEN(test_a_result_that_cannot_be_stored_leaves_others_alone),
		OPEN(test_a_duplicate_of_an_event_that_cannot_be_read),
		OPEN(test_an_event_that_cannot_be_removed),
		OPEN(test_a_running_one_that_cannot_be_read_at_start),
		OPEN(test_one_that_there_is_no_memory_for),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
