/* Full disks, failing writes, SIGKILL: what was acknowledged is stored, what was refused is not,
 * and work resumes by itself when the cause is gone. */
#include "fixture.h"
#include "store/private.h"
#include "store/sqlite/db.h"

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static char body[4096];

static enum store_result put_large(struct fixture *fx, int i)
{
	char key[32];
	(void)snprintf(key, sizeof(key), "id:%d", i);
	struct event ev = fx_event(fx, key, body, sizeof(body));
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = 1};

	return store_wait(fx->st, &put.op);
}

static size_t count_of(const char *text, const char *what)
{
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, what)) != NULL; at++)
		n++;
	return n;
}

static void check_stored(const struct fixture *fx, const bool *stored, int count)
{
	char sql[128];

	for (int i = 0; i < count; i++) {
		(void)snprintf(sql, sizeof(sql),
			"SELECT count(*) FROM events WHERE idempotency_key = 'id:%d'", i);
		assert_int_equal(fx_number(fx, sql), stored[i]);
	}
}

/* No file may grow beyond `bytes`; -1: no limit. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes == (rlim_t)-1 ? limit.rlim_max : bytes;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void test_failing_writes(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;
	enum store_result results[60];
	bool stored[60];
	int ok = 0;

	(void)signal(SIGXFSZ, SIG_IGN);
	capture_begin(&capture);
	limit_files(1200000);
	for (int i = 0; i < 60; i++)
		results[i] = put_large(fx, i);
	struct store_counts counts = fx_counts(fx);
	limit_files(1); /* not even what is smaller than an event */
	struct store_claim c = fx_claim(fx, 1, 5);
	limit_files((rlim_t)-1);
	enum store_result after = put_large(fx, 60);
	const char *text = capture_end(&capture);
	for (int i = 0; i < 60; i++) {
		assert_true(results[i] == STORE_OK || results[i] == STORE_ERROR);
		stored[i] = results[i] == STORE_OK;
		ok += stored[i];
	}
	assert_in_range(ok, 1, 40);
	assert_int_equal(counts.stored, ok);
	assert_int_equal(counts.waiting, ok);
	/* Nothing was claimed without being recorded as RUNNING. */
	assert_int_equal(c.op.result, STORE_ERROR);
	assert_int_equal(c.job_count, 0);
	assert_null(c.jobs);
	assert_int_equal(after, STORE_OK);
	assert_in_range(count_of(text, "store cannot write"), 1, LOG_LIMIT_BURST + 2);
	assert_non_null(strstr(text, "disk I/O error"));
	assert_non_null(strstr(text, "File too large"));
	assert_non_null(strstr(text, fx->path));
	assert_int_equal(count_of(text, "store can write again"), 1);

	c = fx_claim(fx, 1, 1);
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->attempt, 1); /* the refused claim left no trace */
	fx_claim_free(&c);
	check_stored(fx, stored, 60);
	fx_close(fx);
	fx_open(fx);
	check_stored(fx, stored, 60);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_quick_check"
				       " WHERE quick_check <> 'ok'"),
		0);
}

static void test_full_disk(void **state)
{
	struct fixture *fx = *state;
	struct store_op ping = {.kind = STORE_OP_PING};
	struct capture capture;
	bool stored[100] = {false};
	int ok = 0;

	assert_int_equal(store_wait(fx->st, &ping), STORE_OK); /* the writer sleeps */
	assert_int_equal(
		sqlite3_exec(fx->st->db->sqlite, "PRAGMA max_page_count = 50", NULL, NULL, NULL),
		SQLITE_OK);
	capture_begin(&capture);
	for (int i = 0; i < 100; i++) {
		stored[i] = put_large(fx, i) == STORE_OK;
		ok += stored[i];
	}
	const char *text = capture_end(&capture);
	assert_non_null(strstr(text, "database or disk is full"));
	assert_in_range(ok, 1, 99);
	assert_false(stored[99]);
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	assert_int_equal(sqlite3_exec(fx->st->db->sqlite, "PRAGMA max_page_count = 100000", NULL,
				 NULL, NULL),
		SQLITE_OK);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(put_large(fx, i), stored[i] ? STORE_DUPLICATE : STORE_OK);
		stored[i] = true;
	}
	check_stored(fx, stored, 100);
	assert_int_equal(fx_counts(fx).stored, 100);
	assert_int_equal(fx_counts(fx).waiting, 100);
}

/* hookctl or a backup holds the write lock too long: operations are refused, then work resumes. */
static void test_a_lock_of_another_program(void **state)
{
	struct fixture *fx = *state;
	struct store_op ping = {.kind = STORE_OP_PING};
	struct capture capture;
	sqlite3 *other;

	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	(void)sqlite3_busy_timeout(fx->st->db->sqlite, 50);
	assert_int_equal(sqlite3_open(fx->path, &other), SQLITE_OK);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	capture_begin(&capture);
	enum store_result result = put_large(fx, 1);
	assert_non_null(strstr(capture_end(&capture), "database is locked"));
	assert_int_equal(result, STORE_ERROR);
	assert_int_equal(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_close(other), SQLITE_OK);
	assert_int_equal(put_large(fx, 1), STORE_OK);
}

/* In the child that is killed: puts without end, eight at a time, claims and settles; each
 * operation's `done` reports what the store acknowledged. */
#define IN_FLIGHT 8
#define DONE_MARK (INT64_C(1) << 40)

struct flight {
	struct store_put put;
	struct event ev;
	char key[32];
	int64_t serial;
};

static struct fixture *child;
static int64_t next_serial;
static int report = -1;

static void send_report(int64_t value)
{
	if (write(report, &value, sizeof(value)) != (ssize_t)sizeof(value))
		_exit(1);
}

static void flight_start(struct flight *f)
{
	f->serial = __atomic_fetch_add(&next_serial, 1, __ATOMIC_RELAXED);
	(void)snprintf(f->key, sizeof(f->key), "id:%lld", (long long)f->serial);
	f->ev = fx_event(child, f->key, body, 1200);
	f->put.event = &f->ev;
	store_submit(child->st, &f->put.op);
}

static void flight_done(struct store_op *op)
{
	struct flight *f = (struct flight *)op;

	if (op->result == STORE_OK)
		send_report(f->serial);
	flight_start(f);
}

static void child_main(struct fixture *fx, int64_t serial)
{
	static struct flight flights[IN_FLIGHT];

	child = fx;
	next_serial = serial;
	fx_open(fx);
	for (int i = 0; i < IN_FLIGHT; i++) {
		flights[i].put = (struct store_put){
			.op = {.kind = STORE_OP_PUT, .done = flight_done},
			.hooks = fx->hooks,
			.hook_count = 1,
		};
		flight_start(&flights[i]);
	}
	for (;;) {
		struct store_claim c = fx_claim(fx, 1, 4);
		for (size_t i = 0; i < c.job_count; i++) {
			int64_t delivery = c.jobs[i]->delivery;
			if (fx_settle(fx, delivery, c.jobs[i]->attempt, ATTEMPT_OK, DELIVERY_DONE,
				    0) == STORE_OK)
				send_report(DONE_MARK | delivery);
		}
		fx_claim_free(&c);
	}
}

static int64_t check_report(
	struct fixture *fx, sqlite3_stmt *event, sqlite3_stmt *done, int64_t value)
{
	bool settled = (value & DONE_MARK) != 0;
	sqlite3_stmt *s = settled ? done : event;
	char key[32];

	(void)fx;
	(void)snprintf(key, sizeof(key), "id:%lld", (long long)value);
	if (settled)
		assert_int_equal(sqlite3_bind_int64(s, 1, value & ~DONE_MARK), SQLITE_OK);
	else
		assert_int_equal(sqlite3_bind_text(s, 1, key, -1, SQLITE_TRANSIENT), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int64(s, 0), 1);
	(void)sqlite3_reset(s);
	return settled ? -1 : value;
}

static int64_t kill_round(struct fixture *fx, int64_t serial, size_t after)
{
	static int64_t reports[1000000];
	size_t have = 0;
	int ends[2];
	int status;

	assert_int_equal(pipe(ends), 0);
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)close(ends[0]);
		report = ends[1];
		child_main(fx, serial);
	}
	(void)close(ends[1]);
	bool killed = false;
	for (;;) {
		ssize_t n = read(ends[0], &reports[have], sizeof(reports[0]));
		if (n != (ssize_t)sizeof(reports[0]))
			break;
		have++;
		if (have >= after && !killed) {
			killed = true;
			assert_int_equal(kill(pid, SIGKILL), 0);
		}
	}
	(void)close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	assert_true(have >= after);

	fx_open(fx);
	sqlite3 *db;
	sqlite3_stmt *event;
	sqlite3_stmt *done;
	assert_int_equal(sqlite3_open(fx->path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
				 "SELECT count(*) FROM events e JOIN deliveries d"
				 " ON d.event_id = e.id WHERE e.idempotency_key = ?1"
				 " AND e.source_id = 1 AND length(e.payload) = 1200",
				 -1, &event, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db,
				 "SELECT count(*) FROM deliveries WHERE id = ?1 AND state = 'DONE'",
				 -1, &done, NULL),
		SQLITE_OK);
	for (size_t i = 0; i < have; i++) {
		int64_t seen = check_report(fx, event, done, reports[i]);
		if (seen >= serial)
			serial = seen + 1;
	}
	(void)sqlite3_finalize(event);
	(void)sqlite3_finalize(done);
	(void)sqlite3_close(db);
	assert_int_equal(
		fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'RUNNING'"), 0);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM attempts WHERE result IS NULL"), 0);
	struct store_counts counts = fx_counts(fx);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries WHERE state = 'READY'"),
		counts.waiting);
	fx_close(fx);
	return serial + IN_FLIGHT;
}

static void test_sigkill_loses_nothing_acknowledged(void **state)
{
	struct fixture *fx = *state;
	int64_t serial = 1;

	for (size_t round = 0; round < 20; round++)
		serial = kill_round(fx, serial, 1 + round * 37);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_integrity_check"
				       " WHERE integrity_check <> 'ok'"),
		0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		/* First, because it forks: no thread has been started yet. */
		cmocka_unit_test_setup_teardown(
			test_sigkill_loses_nothing_acknowledged, fx_make, fx_remove),
		cmocka_unit_test_setup_teardown(test_failing_writes, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(test_full_disk, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_a_lock_of_another_program, fx_make_open, fx_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
