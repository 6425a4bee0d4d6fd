/* Reading a store beside a daemon and without one, and refusals. */
#include "fixture.h"
#include "store/read.h"

#include <grp.h>
#include <sys/wait.h>

struct seen {
	int rows;
	int64_t ids[64];
	struct store_event_row event; /* the last; its text in the copies below */
	char source[64];
	char key[64];
	char type[64];
	char quarantined[64];
	char payload[64];
	bool had_payload;
};

static void see_event(void *arg, const struct store_event_row *row)
{
	struct seen *seen = arg;

	assert_in_range(seen->rows, 0, 63);
	seen->ids[seen->rows++] = row->id;
	seen->event = *row;
	(void)snprintf(seen->source, sizeof(seen->source), "%s", row->source);
	(void)snprintf(seen->key, sizeof(seen->key), "%s", row->idempotency_key);
	(void)snprintf(seen->type, sizeof(seen->type), "%s", row->type != NULL ? row->type : "");
	(void)snprintf(seen->quarantined, sizeof(seen->quarantined), "%s",
		row->quarantined != NULL ? row->quarantined : "");
	seen->had_payload = row->payload != NULL;
	if (row->payload != NULL && row->payload_len <= sizeof(seen->payload))
		memcpy(seen->payload, row->payload, row->payload_len);
}

static struct store_reader *reader(const struct fixture *fx)
{
	char why[STORE_READ_WHY];
	struct store_reader *r = store_reader_open(fx->path, why);

	if (r == NULL)
		fail_msg("%s", why);
	return r;
}

static struct seen list(struct store_reader *r, struct store_filter filter)
{
	struct seen seen = {0};
	char why[STORE_READ_WHY] = "";

	if (!store_read_events(r, &filter, see_event, &seen, why))
		fail_msg("%s", why);
	return seen;
}

static bool there(const struct fixture *fx, const char *suffix)
{
	char name[160];

	(void)snprintf(name, sizeof(name), "%s%s", fx->path, suffix);
	return access(name, F_OK) == 0;
}

static void test_beside_a_running_daemon(void **state)
{
	struct fixture *fx = *state;
	int64_t id = fx_put(fx, "id:1", 1);
	struct store_reader *r = reader(fx);
	struct seen seen = list(r, (struct store_filter){.limit = 10});

	assert_int_equal(seen.rows, 1);
	assert_int_equal(seen.ids[0], id);
	/* Later events are seen too. */
	(void)fx_put(fx, "id:2", 1);
	seen = list(r, (struct store_filter){.limit = 10});
	assert_int_equal(seen.rows, 2);
	store_reader_close(r);
	(void)fx_put(fx, "id:3", 1);
}

static void test_what_is_read_together_is_of_one_moment(void **state)
{
	struct fixture *fx = *state;
	char why[STORE_READ_WHY];
	struct store_reader *r = reader(fx);

	(void)fx_put(fx, "id:1", 1);
	assert_true(store_reader_begin(r, why));
	assert_int_equal(list(r, (struct store_filter){.limit = 10}).rows, 1);
	(void)fx_put(fx, "id:2", 1);
	assert_int_equal(list(r, (struct store_filter){.limit = 10}).rows, 1);
	assert_true(store_reader_end(r, why));
	assert_int_equal(list(r, (struct store_filter){.limit = 10}).rows, 2);
	store_reader_close(r);
}

static void test_without_a_daemon_nothing_is_touched(void **state)
{
	struct fixture *fx = *state;

	(void)fx_put(fx, "id:1", 1);
	fx_close(fx);
	assert_false(there(fx, "-wal"));
	struct store_reader *r = reader(fx);
	assert_int_equal(list(r, (struct store_filter){.limit = 10}).rows, 1);
	assert_false(there(fx, "-wal"));
	assert_false(there(fx, "-shm"));
	/* The daemon starts while the reader is open. */
	fx_open(fx);
	(void)fx_put(fx, "id:2", 1);
	assert_int_equal(list(r, (struct store_filter){.limit = 10}).rows, 2);
	store_reader_close(r);
}

static void test_a_daemon_that_died_left_its_log(void **state)
{
	struct fixture *fx = *state;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		fx_open(fx);
		(void)fx_put(fx, "id:1", 1);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(there(fx, "-wal"));
	struct store_reader *r = reader(fx);
	assert_int_equal(list(r, (struct store_filter){.limit = 10}).rows, 1);
	store_reader_close(r);
}

static void test_event_row(void **state)
{
	struct fixture *fx = *state;
	static const char payload[] = "{\"a\":\0 1}";
	char key[] = "id:1";
	char entity[] = "98446301";
	char kind[] = "transaction";
	char provider[] = "1";
	struct event ev = fx_event(fx, key, payload, sizeof(payload));
	ev.entity_id = entity;
	ev.entity_kind = kind;
	ev.provider_event_id = provider;
	ev.occurred_at = 1719787792938;
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = 3};
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	struct store_claim c = fx_claim(fx, 2, 2);
	(void)fx_settle(fx, c.jobs[0]->delivery, 1, ATTEMPT_OK, DELIVERY_DONE, 0);
	(void)fx_settle(fx, c.jobs[1]->delivery, 1, ATTEMPT_PERMFAIL, DELIVERY_DEAD, 0);
	fx_claim_free(&c);

	struct store_reader *r = reader(fx);
	struct seen seen = {0};
	char why[STORE_READ_WHY];
	assert_true(store_read_event(r, put.event_id, see_event, &seen, why));
	assert_int_equal(seen.rows, 1);
	assert_string_equal(seen.source, "fedapay");
	assert_string_equal(seen.key, "id:1");
	assert_string_equal(seen.type, "transaction.approved");
	assert_null(seen.event.quarantined);
	assert_true(seen.event.occurred_at == 1719787792938);
	assert_int_equal(seen.event.received_at, ev.received_at);
	assert_int_equal(seen.event.payload_len, sizeof(payload));
	assert_memory_equal(seen.payload, payload, sizeof(payload));
	assert_int_equal(seen.event.waiting, 1);
	assert_int_equal(seen.event.done, 1);
	assert_int_equal(seen.event.dead, 1);
	assert_int_equal(seen.event.skipped, 0);
	/* The list has no payload. */
	assert_false(list(r, (struct store_filter){.limit = 1}).had_payload);
	seen.rows = 0;
	assert_true(store_read_event(r, 4711, see_event, &seen, why));
	assert_int_equal(seen.rows, 0);
	store_reader_close(r);
}

static int64_t put_typed(struct fixture *fx, const char *key, const char *type)
{
	char key_copy[32];
	char type_copy[64];
	(void)snprintf(key_copy, sizeof(key_copy), "%s", key);
	(void)snprintf(type_copy, sizeof(type_copy), "%s", type != NULL ? type : "");
	struct event ev = fx_event(fx, key_copy, "{}", 2);
	ev.type = type != NULL ? type_copy : NULL;
	ev.quarantined = type != NULL ? NULL : "no type";
	struct store_put put = {.op.kind = STORE_OP_PUT, .event = &ev};

	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
	return put.event_id;
}

static void test_filters(void **state)
{
	struct fixture *fx = *state;
	int64_t ids[5];

	ids[0] = put_typed(fx, "id:1", "transaction.approved");
	ids[1] = put_typed(fx, "id:2", "transaction.declined");
	ids[2] = put_typed(fx, "id:3", "customer.created");
	ids[3] = put_typed(fx, "id:4", NULL);
	fx->source = fx_name(fx->st, STORE_NAME_SOURCE, "other");
	ids[4] = put_typed(fx, "id:1", "transaction.approved");
	struct store_reader *r = reader(fx);

	struct seen seen = list(r, (struct store_filter){.limit = 2});
	assert_int_equal(seen.rows, 2);
	assert_int_equal(seen.ids[0], ids[4]);
	assert_int_equal(seen.ids[1], ids[3]);
	seen = list(r, (struct store_filter){.limit = 10, .before = ids[3]});
	assert_int_equal(seen.rows, 3);
	assert_int_equal(seen.ids[0], ids[2]);
	seen = list(r, (struct store_filter){.limit = 10, .type = "transaction.*"});
	assert_int_equal(seen.rows, 3);
	seen = list(r,
		(struct store_filter){.limit = 10, .type = "transaction.*", .source = "fedapay"});
	assert_int_equal(seen.rows, 2);
	assert_int_equal(seen.ids[0], ids[1]);
	seen = list(r, (struct store_filter){.limit = 10, .source = "nobody"});
	assert_int_equal(seen.rows, 0);
	seen = list(r, (struct store_filter){.limit = 10, .type = "x' OR '1'='1"});
	assert_int_equal(seen.rows, 0);
	seen = list(r, (struct store_filter){.limit = 10, .quarantined_only = true});
	assert_int_equal(seen.rows, 1);
	assert_int_equal(seen.ids[0], ids[3]);
	assert_string_equal(seen.quarantined, "no type");
	assert_null(seen.event.type);
	store_reader_close(r);
}

static void see_delivery(void *arg, const struct store_delivery_row *row)
{
	int *rows = arg;
	static const char *const hooks[] = {"alpha", "beta"};
	char key[64];

	assert_in_range(*rows, 0, 1);
	assert_string_equal(row->hook, hooks[*rows]);
	(void)snprintf(key, sizeof(key), "fedapay/id:1/%s", hooks[*rows]);
	assert_string_equal(row->idempotency_key, key);
	assert_int_equal(row->state, *rows == 0 ? DELIVERY_RUNNING : DELIVERY_READY);
	assert_int_equal(row->attempts, *rows == 0 ? 2 : 0);
	assert_int_equal(row->failures, *rows == 0 ? 1 : 0);
	++*rows;
}

static void see_attempt(void *arg, const struct store_attempt_row *row)
{
	int *rows = arg;

	assert_int_equal(row->number, *rows + 1);
	if (*rows == 0) {
		assert_string_equal(row->result, "tempfail");
		assert_int_equal(row->exit_code, 75);
		assert_int_equal(row->signal, 9);
		assert_string_equal(row->message, "it said no");
		assert_int_equal(row->output_len, 4);
		assert_memory_equal(row->output, "a\0\xff\n", 4);
		assert_int_equal(row->ended_at, 1234);
	} else {
		assert_string_equal(row->result, "running");
		assert_int_equal(row->exit_code, -1);
		assert_int_equal(row->signal, 0);
		assert_string_equal(row->message, "");
		assert_int_equal(row->output_len, 0);
		assert_int_equal(row->ended_at, 0);
	}
	++*rows;
}

static void test_deliveries_and_attempts(void **state)
{
	struct fixture *fx = *state;
	int64_t event = fx_put(fx, "id:1", 2);
	struct store_claim c = fx_claim(fx, 1, 1);
	int64_t delivery = c.jobs[0]->delivery;
	char output[] = "a\0\xff\n";
	struct attempt_outcome outcome = {.result = ATTEMPT_TEMPFAIL,
		.exit_code = 75,
		.signal = 9,
		.message = "it said no",
		.output = output,
		.output_len = 4};
	struct store_settle s = {.op.kind = STORE_OP_SETTLE,
		.delivery = delivery,
		.attempt = 1,
		.outcome = &outcome,
		.ended_at = 1234,
		.state = DELIVERY_READY};
	assert_int_equal(store_wait(fx->st, &s.op), STORE_OK);
	fx_claim_free(&c);
	c = fx_claim(fx, 1, 1);
	fx_claim_free(&c);

	struct store_reader *r = reader(fx);
	char why[STORE_READ_WHY];
	int rows = 0;
	assert_true(store_read_deliveries(r, event, see_delivery, &rows, why));
	assert_int_equal(rows, 2);
	rows = 0;
	assert_true(store_read_attempts(r, delivery, see_attempt, &rows, why));
	assert_int_equal(rows, 2);
	store_reader_close(r);
}

static void refused(const char *path, const char *expected)
{
	char why[STORE_READ_WHY] = "";

	assert_null(store_reader_open(path, why));
	if (strstr(why, expected) == NULL || strstr(why, path) == NULL)
		fail_msg("\"%s\" should name %s and say \"%s\"", why, path, expected);
}

static void test_refusals(void **state)
{
	struct fixture *fx = *state;

	refused(fx->path, "no such file");
	FILE *f = fopen(fx->path, "w");
	assert_non_null(f);
	(void)fclose(f);
	refused(fx->path, "the file is empty");
	f = fopen(fx->path, "w");
	assert_non_null(f);
	for (int i = 0; i < 200; i++)
		(void)fputs("not a database\n", f);
	(void)fclose(f);
	refused(fx->path, "not a hookd store");
	assert_int_equal(unlink(fx->path), 0);
	fx_exec(fx->path, "CREATE TABLE t(x)");
	refused(fx->path, "not a hookd store");
	assert_int_equal(unlink(fx->path), 0);
	fx_open(fx);
	fx_close(fx);
	fx_exec(fx->path, "PRAGMA user_version = 99");
	refused(fx->path, "schema version 99 is newer than this hookctl knows");
	refused("/dev", "not a regular file");
}

static void test_odd_characters_in_the_path(void **state)
{
	struct fixture *fx = *state;

	(void)snprintf(fx->path, sizeof(fx->path), "%s/a %%41?b=c#d.db", fx->dir);
	fx_open(fx);
	(void)fx_put(fx, "id:1", 1);
	struct store_reader *r = reader(fx);
	assert_int_equal(list(r, (struct store_filter){.limit = 10}).rows, 1);
	store_reader_close(r);
	fx_close(fx);
	r = reader(fx);
	assert_int_equal(list(r, (struct store_filter){.limit = 10}).rows, 1);
	store_reader_close(r);
}

/* Runs as nobody, in `group`; the result is its exit code. */
static int as_nobody(const struct fixture *fx, gid_t group, const char *expected)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		char why[STORE_READ_WHY] = "";
		if (setgroups(0, NULL) != 0 || setgid(group) != 0 || setuid(65534) != 0)
			_exit(2);
		struct store_reader *r = store_reader_open(fx->path, why);
		if (r == NULL)
			_exit(expected != NULL && strstr(why, expected) != NULL ? 0 : 3);
		struct seen seen = {0};
		struct store_filter filter = {.limit = 10};
		if (!store_read_events(r, &filter, see_event, &seen, why))
			_exit(4);
		store_reader_close(r);
		_exit(expected == NULL && seen.rows == 1 ? 0 : 5);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static void test_permissions(void **state)
{
	struct fixture *fx = *state;
	const gid_t group = 54321; /* without a name */

	if (geteuid() != 0)
		skip();
	fx_open(fx);
	(void)fx_put(fx, "id:1", 1);
	fx_close(fx);
	assert_int_equal(chown(fx->path, 0, group), 0);
	assert_int_equal(chown(fx->dir, 0, group), 0);
	/* Only root may enter the directory, then only the group. */
	assert_int_equal(as_nobody(fx, group, "run this as its owner or as root"), 0);
	assert_int_equal(chmod(fx->dir, 0750), 0);
	assert_int_equal(as_nobody(fx, 65534, "members of the group \"54321\" may read it"), 0);
	assert_int_equal(as_nobody(fx, group, NULL), 0);
	assert_int_equal(chmod(fx->dir, 0755), 0);
	assert_int_equal(as_nobody(fx, 65534, "members of the group \"54321\" may read it"), 0);
	/* After a daemon was killed and left its WAL, the group may still read. */
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		fx_open(fx);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_true(there(fx, "-wal"));
	assert_int_equal(as_nobody(fx, group, NULL), 0);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)
#define MADE(test) cmocka_unit_test_setup_teardown(test, fx_make, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MADE(test_permissions),
		MADE(test_a_daemon_that_died_left_its_log),
		OPEN(test_beside_a_running_daemon),
		OPEN(test_what_is_read_together_is_of_one_moment),
		OPEN(test_without_a_daemon_nothing_is_touched),
		OPEN(test_event_row),
		OPEN(test_filters),
		OPEN(test_deliveries_and_attempts),
		MADE(test_refusals),
		MADE(test_odd_characters_in_the_path),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
