/* A store that an earlier hookd wrote is opened, complete, and works. */
#include "fixture.h"
#include "store/read.h"
#include "store/sqlite/db.h"
#include "version_1_fixture.h"
#include "version_3_fixture.h"

#include <sys/resource.h>
#include <sys/wait.h>

/* Every state of a delivery and result of an attempt; an event with everything, one with the least,
 * one in quarantine. */
static const char rows_1[] =
	"INSERT INTO sources VALUES(1, 'fedapay'), (2, 'other');"
	"INSERT INTO hooks VALUES(1, 'alpha'), (2, 'beta'), (3, 'gamma');"
	"INSERT INTO events VALUES"
	" (11, 1, 'id:1', '1', 'transaction.approved', 'transaction', '7', 5000, 4000,"
	"  'webhook', '203.0.113.7', 2, 1, NULL, x'7b7d'),"
	" (12, 1, 'id:2', '2', 'transaction.created', 'transaction', '7', 6000, 3000,"
	"  'manual', 'unix', 0, 0, NULL, x'7b7d'),"
	" (13, 2, 'id:1', NULL, NULL, NULL, NULL, 7000, NULL, 'api', '', 0, 0, 'not JSON', x''),"
	" (14, 1, 'id:4', NULL, 'a.b', NULL, NULL, 1000 * CAST(strftime('%s', 'now') AS INTEGER) - "
	"5000, NULL, 'webhook',"
	"  '::1', 0, 0, NULL, x'00ff');"
	"INSERT INTO deliveries VALUES(21, 11, 1, 'DONE', 2, 1, 5000),"
	" (22, 11, 2, 'DEAD', 1, 1, 5000), (23, 11, 3, 'READY', 1, 1, 9000),"
	" (24, 12, 3, 'RUNNING', 1, 0, 6000), (25, 12, 2, 'SKIPPED', 0, 0, 6000),"
	" (26, 14, 1, 'DONE', 1, 0, 7000), (27, 14, 2, 'DEAD', 1, 1, 7000);"
	"INSERT INTO attempts VALUES(21, 1, 5100, 5200, 'tempfail', 75, NULL, 'no', x'616263'),"
	" (21, 2, 5300, 5400, 'ok', 0, NULL, NULL, NULL),"
	" (22, 1, 5500, 5600, 'permfail', NULL, 9, 'killed', NULL),"
	" (23, 1, 5700, 5800, 'tempfail', 1, NULL, NULL, NULL),"
	" (24, 1, 6100, NULL, NULL, NULL, NULL, NULL, NULL),"
	" (26, 1, 7100, 7200, 'ok', 0, NULL, NULL, NULL),"
	" (27, 1, 7300, NULL, 'interrupted', NULL, NULL, NULL, NULL);"
	"PRAGMA application_id = 1752525668; PRAGMA user_version = 1";

/* Everything that version 1 had, as one text, except what recovery changes. */
static const char content[] =
	"SELECT group_concat(line, char(10)) FROM ("
	"SELECT 'event ' || quote(id) || quote(source_id) || quote(idempotency_key)"
	" || quote(provider_event_id) || quote(type) || quote(entity_kind) || quote(entity_id)"
	" || quote(received_at) || quote(occurred_at) || quote(origin) || quote(remote_addr)"
	" || quote(duplicates) || quote(conflicts) || quote(quarantined) || quote(payload)"
	" AS line FROM events"
	" UNION ALL SELECT 'delivery ' || id || ' ' || event_id || ' ' || hook_id || ' '"
	" || replace(state, 'RUNNING', 'READY') || ' ' || attempts || ' ' || failures || ' '"
	" || due_at FROM deliveries"
	" UNION ALL SELECT 'attempt ' || delivery_id || ' ' || number || quote(started_at)"
	" || quote(ended_at) || quote(exit_code) || quote(signal) || quote(output)"
	" FROM attempts"
	" UNION ALL SELECT 'names ' || id || name FROM sources"
	" UNION ALL SELECT 'names ' || id || name FROM hooks)";

static char *text_of(const char *path, const char *sql)
{
	sqlite3 *db;
	sqlite3_stmt *s;

	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	char *text = strdup((const char *)sqlite3_column_text(s, 0));
	assert_non_null(text);
	(void)sqlite3_finalize(s);
	(void)sqlite3_close(db);
	return text;
}

static void make_version_1(const struct fixture *fx)
{
	fx_exec(fx->path, version_1_pragmas);
	fx_exec(fx->path, version_1);
	fx_exec(fx->path, rows_1);
}

/* Opens without adding the names of fx_open: the store has them. */
static void open_store(struct fixture *fx)
{
	struct store_options options = {.path = fx->path, .migrate = true, .backlog = 100};

	fx->st = store_open(&options);
	assert_non_null(fx->st);
	fx->source = 1;
	for (int i = 0; i < 3; i++)
		fx->hooks[i] = i + 1;
}

static void test_all_is_there(void **state)
{
	struct fixture *fx = *state;
	struct capture capture;

	make_version_1(fx);
	char *before = text_of(fx->path, content);
	capture_begin(&capture);
	open_store(fx);
	const char *said = capture_end(&capture);
	assert_non_null(strstr(said, "is being brought to a newer schema"));
	assert_non_null(strstr(said, "from=1 to=9"));
	assert_non_null(strstr(said, "has the newer schema schema=9"));
	struct store_counts counts = fx_counts(fx);
	assert_int_equal(counts.waiting, 2);
	assert_int_equal(counts.dead, 2);
	assert_int_equal(counts.recovered, 1);
	fx_close(fx);
	char *after = text_of(fx->path, content);
	assert_string_equal(before, after);
	free(before);
	free(after);
	assert_int_equal(fx_number(fx, "PRAGMA user_version"), STORE_SCHEMA);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_integrity_check"
				       " WHERE integrity_check <> 'ok'"),
		0);
}

/* For reports: ended deliveries have the time of their end, except old ones that are DONE, which no
 * report asks for. */
static void test_what_was_over_has_ended(void **state)
{
	struct fixture *fx = *state;

	make_version_1(fx);
	open_store(fx);
	assert_int_equal(fx_number(fx, "SELECT ended_at FROM deliveries WHERE id = 22"), 5600);
	assert_int_equal(fx_number(fx, "SELECT ended_at FROM deliveries WHERE id = 26"), 7200);
	assert_int_equal(fx_number(fx, "SELECT ended_at FROM deliveries WHERE id = 27"), 7000);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM deliveries"
				       " WHERE ended_at IS NULL AND id IN (21, 23, 24)"),
		3);
}

static const char shape[] =
	"SELECT group_concat(line, char(10)) FROM (SELECT type || name || tbl_name ||"
	" CASE type WHEN 'index' THEN coalesce(sql, '') ELSE '' END AS line"
	" FROM sqlite_schema UNION ALL"
	" SELECT t.name || ' ' || c.name || ' ' || c.type || c.\"notnull\" || c.pk"
	" FROM pragma_table_list t JOIN pragma_table_info(t.name) c"
	" WHERE t.schema = 'main' AND t.name NOT LIKE 'sqlite_%' ORDER BY line)";

static void test_it_is_like_a_new_one(void **state)
{
	struct fixture *fx = *state;

	make_version_1(fx);
	open_store(fx);
	fx_close(fx);
	char *moved = text_of(fx->path, shape);
	assert_int_equal(unlink(fx->path), 0);
	fx_open(fx);
	fx_close(fx);
	char *made = text_of(fx->path, shape);
	assert_string_equal(moved, made);
	free(moved);
	free(made);
}

static void test_it_works(void **state)
{
	struct fixture *fx = *state;
	struct store_want want = {.hook = 3, .max = 5, .ordered = true, .skip_stale = fx_states};
	struct store_claim c = {.op.kind = STORE_OP_CLAIM,
		.wants = &want,
		.want_count = 1,
		.total = 5,
		.now = clock_wall()};

	make_version_1(fx);
	open_store(fx);
	/* Event 12 occurred before 11, but reports an earlier state. */
	assert_int_equal(store_wait(fx->st, &c.op), STORE_OK);
	assert_int_equal(c.skip_count, 1);
	assert_int_equal(c.skips[0].delivery, 24);
	assert_string_equal(c.skips[0].reason, "overtaken by transaction.approved (event 11)");
	assert_int_equal(c.job_count, 1);
	assert_int_equal(c.jobs[0]->delivery, 23);
	assert_int_equal(c.jobs[0]->attempt, 2);
	fx_claim_free(&c);
	(void)fx_put(fx, "id:5", 3);
	/* The key of an earlier event is known. */
	assert_int_equal(fx_put_aged(fx, "id:4", 1, 0).op.result, STORE_DUPLICATE);
	/* Retention removes old events with their deliveries and attempts. */
	store_configure(fx->st, 3600000, 100);
	fx_await(fx, "SELECT count(*) FROM events WHERE id = 13", 0);
}

static void test_one_that_cannot_be_migrated_is_left_as_it_was(void **state)
{
	struct fixture *fx = *state;
	struct store_options options = {.path = fx->path, .migrate = true, .backlog = 100};
	struct capture capture;

	make_version_1(fx);
	/* Makes a later step fail. */
	fx_exec(fx->path, "DROP INDEX deliveries_dead");
	char *before = text_of(fx->path, content);
	char *shape_before = text_of(fx->path,
		"SELECT group_concat(type || name || coalesce(sql, '')) FROM sqlite_schema");
	capture_begin(&capture);
	struct store *st = store_open(&options);
	assert_non_null(strstr(capture_end(&capture), "store schema cannot be written"));
	assert_null(st);
	char *after = text_of(fx->path, content);
	char *shape_after = text_of(fx->path,
		"SELECT group_concat(type || name || coalesce(sql, '')) FROM sqlite_schema");
	assert_string_equal(before, after);
	assert_string_equal(shape_before, shape_after);
	assert_int_equal(fx_number(fx, "PRAGMA user_version"), 1);
	free(before);
	free(after);
	free(shape_before);
	free(shape_after);
}

/* Three deliveries of one entity for "alpha", in order: one that ran, one blocked by it, and one
 * blocked by that. A fourth one waits without an order. */
static const char rows_3[] =
	"INSERT INTO sources VALUES(1, 'fedapay');"
	"INSERT INTO hooks(id, name) VALUES(1, 'alpha'), (2, 'beta'), (3, 'gamma');"
	"INSERT INTO events(id, source_id, idempotency_key, type, entity_kind, entity_id,"
	" received_at, occurred_at, origin, remote_addr, payload, checksum) VALUES"
	" (1, 1, 'id:1', 'transaction.updated', 'transaction', '7', 5000, 1000, 'webhook', '::1',"
	"  x'7b7d', 1388247667399712965),"
	" (2, 1, 'id:2', 'transaction.updated', 'transaction', '7', 5001, 2000, 'webhook', '::1',"
	"  x'7b7d', 1388247667399712965),"
	" (3, 1, 'id:3', 'transaction.updated', 'transaction', '7', 5002, 3000, 'webhook', '::1',"
	"  x'7b7d', 1388247667399712965);"
	"INSERT INTO deliveries(id, event_id, hook_id, state, attempts, due_at, lane, lane_at,"
	" behind) VALUES"
	" (1, 1, 1, 'RUNNING', 1, 5000, '1 1 7 transaction', 1000, NULL),"
	" (2, 2, 1, 'READY', 0, 5001, '1 1 7 transaction', 2000, 1),"
	" (3, 3, 1, 'READY', 0, 5002, '1 1 7 transaction', 3000, 2),"
	" (4, 3, 2, 'READY', 0, 5002, NULL, NULL, NULL);"
	"INSERT INTO attempts(delivery_id, number, started_at) VALUES(1, 1, 5100);"
	"PRAGMA application_id = 1752525668; PRAGMA user_version = 3";

static void make_version_3(const struct fixture *fx)
{
	fx_exec(fx->path, version_3_pragmas);
	fx_exec(fx->path, version_3);
	fx_exec(fx->path, rows_3);
}

static void test_version_3_keeps_its_order(void **state)
{
	static const char order[] =
		"SELECT group_concat(id || ' ' || coalesce(ordering_key, '-') || ' '"
		" || coalesce(ordering_at, '-') || ' ' || coalesce(blocked_by, '-'), '; ')"
		" FROM deliveries";
	struct fixture *fx = *state;

	make_version_3(fx);
	open_store(fx);
	assert_int_equal(fx_counts(fx).waiting, 4);
	char *keys = text_of(fx->path, order);
	assert_string_equal(keys, "1 1 1 7 transaction 1000 -; 2 1 1 7 transaction 2000 1;"
				  " 3 1 1 7 transaction 3000 2; 4 - - -");
	for (int64_t event = 1; event <= 3; event++) {
		struct store_claim c = fx_claim_as(fx, 1, 10, (struct store_want){.ordered = true});
		assert_int_equal(c.job_count, 1);
		assert_int_equal(c.jobs[0]->event, event);
		assert_int_equal(fx_settle(fx, c.jobs[0]->delivery, c.jobs[0]->attempt, ATTEMPT_OK,
					 DELIVERY_DONE, 0),
			STORE_OK);
		fx_claim_free(&c);
		if (event == 1)
			assert_int_equal(fx_number(fx, "SELECT id FROM deliveries"
						       " WHERE blocked_by IS NOT NULL"),
				3);
	}
	assert_int_equal(fx_counts(fx).waiting, 1);
	free(keys);
}

static void test_version_3_is_like_a_new_one(void **state)
{
	struct fixture *fx = *state;

	make_version_3(fx);
	char *before = text_of(fx->path, content);
	open_store(fx);
	fx_close(fx);
	char *after = text_of(fx->path, content);
	char *moved = text_of(fx->path, shape);
	assert_string_equal(before, after);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_integrity_check"
				       " WHERE integrity_check <> 'ok'"),
		0);
	assert_int_equal(unlink(fx->path), 0);
	fx_open(fx);
	fx_close(fx);
	char *made = text_of(fx->path, shape);
	assert_string_equal(moved, made);
	free(before);
	free(after);
	free(moved);
	free(made);
}

static void test_a_reader_leaves_it_to_the_daemon(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY] = "";

	make_version_1(fx);
	assert_null(store_reader_open(fx->path, why));
	assert_non_null(strstr(why, "schema version 1 is older"));
	open_store(fx);
	struct store_reader *r = store_reader_open(fx->path, why);
	assert_non_null(r);
	store_reader_close(r);
}

/* As hookctl opens it. */
static void refuse(const struct fixture *fx, const char *expected)
{
	struct store_options options = {.path = fx->path, .backlog = 100};
	struct capture capture;

	capture_begin(&capture);
	assert_null(store_open(&options));
	assert_non_null(strstr(capture_end(&capture), expected));
}

static void test_only_the_daemon_migrates_or_makes(void **state)
{
	struct fixture *fx = *state;

	refuse(fx, "No such file");
	assert_int_equal(access(fx->path, F_OK), -1);
	fx_exec(fx->path, "PRAGMA user_version = 0");
	refuse(fx, "store is empty");
	make_version_3(fx);
	char *before = text_of(fx->path, shape);
	refuse(fx, "store has an older schema; restart hookd");
	char *after = text_of(fx->path, shape);
	assert_string_equal(before, after);
	assert_int_equal(fx_number(fx, "PRAGMA user_version"), 3);
	free(before);
	free(after);
	open_store(fx);
	fx_close(fx);
	struct store_options options = {.path = fx->path, .backlog = 100};
	fx->st = store_open(&options);
	assert_non_null(fx->st);
}

/* KiB: the most that the process has had. */
static long most_memory(void)
{
	struct rusage usage;

	assert_int_equal(getrusage(RUSAGE_SELF, &usage), 0);
	return usage.ru_maxrss;
}

/* In a process of its own, which has not had more memory before. A store of a size that would be
 * sorted in 20 MiB. */
static void test_memory_does_not_grow_with_the_store(void **state)
{
	enum { CHILD_GROWTH = 8192 /* KiB */ };
	static const char many[] =
		"PRAGMA synchronous = OFF; BEGIN; INSERT INTO sources VALUES(1, 'fedapay');"
		"INSERT INTO hooks VALUES(1, 'alpha'); INSERT INTO events SELECT n, 1,"
		" 'id:' || n, n, 'transaction.approved', 'transaction', n % 70000, n, NULL,"
		" 'webhook', '203.0.113.7', 0, 0, NULL, x'7b7d' FROM (WITH RECURSIVE c(n) AS"
		" (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT 250000) SELECT n FROM c);"
		"INSERT INTO deliveries SELECT id, id, 1, 'DEAD', 1, 1, received_at FROM events;"
		"PRAGMA application_id = 1752525668; PRAGMA user_version = 1; COMMIT";
	struct fixture *fx = *state;
	int status;

	fx_exec(fx->path, version_1_pragmas);
	fx_exec(fx->path, version_1);
	fx_exec(fx->path, many);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		long before = most_memory();
		open_store(fx);
		_exit(most_memory() - before < CHILD_GROWTH ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	assert_int_equal(fx_number(fx, "PRAGMA user_version"), STORE_SCHEMA);
}

#define MADE(test) cmocka_unit_test_setup_teardown(test, fx_make, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MADE(test_all_is_there),
		MADE(test_what_was_over_has_ended),
		MADE(test_it_is_like_a_new_one),
		MADE(test_it_works),
		MADE(test_one_that_cannot_be_migrated_is_left_as_it_was),
		MADE(test_version_3_keeps_its_order),
		MADE(test_version_3_is_like_a_new_one),
		MADE(test_a_reader_leaves_it_to_the_daemon),
		MADE(test_only_the_daemon_migrates_or_makes),
		MADE(test_memory_does_not_grow_with_the_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
