/* A copy of the store, made a slice at a time while the store is written. */
#include "act_fixture.h"

#include <errno.h>
#include <signal.h>

static bool no_progress(void *arg, int64_t done, int64_t all)
{
	(void)arg, (void)done, (void)all;
	return true;
}

static char large[40000];

/* Events of that size that no machine copies in one slice: 60 MB. */
#define MANY 1500

static void put_large(struct fixture *fx, const char *prefix, int i, size_t hooks)
{
	char key[32];

	(void)snprintf(key, sizeof(key), "%s:%d", prefix, i);
	struct event ev = fx_event(fx, key, large, sizeof(large));
	struct store_put put = {
		.op.kind = STORE_OP_PUT, .event = &ev, .hooks = fx->hooks, .hook_count = hooks};
	(void)store_wait(fx->st, &put.op);
}

/* Stores so many events; every second one can be pruned. */
static void fill(struct fixture *fx, int count)
{
	struct event events[100];
	struct store_imported_event list[100];
	char keys[100][16];

	for (int n = 0; n < count; n += 100) {
		struct store_import import = {
			.op.kind = STORE_OP_IMPORT, .list = list, .count = 100};

		for (int i = 0; i < 100; i++) {
			(void)snprintf(keys[i], sizeof(keys[i]), "before:%d", n + i);
			events[i] = fx_event(fx, keys[i], large, sizeof(large));
			list[i] = (struct store_imported_event){.event = &events[i],
				.hooks = fx->hooks,
				.hook_count = (size_t)i % 2};
		}
		for (; import.count > 0; import.list += import.done, import.count -= import.done)
			assert_int_equal(store_wait(fx->st, &import.op), STORE_OK);
	}
}

/* A file without a name, as hookctl makes it. */
static int make_target(const struct fixture *fx)
{
	int fd = open(fx->dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	return fd;
}

static void name_target(const struct fixture *fx, int fd, char path[160])
{
	char link[64];

	(void)snprintf(path, 160, "%s/copy.db", fx->dir);
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	assert_int_equal(linkat(AT_FDCWD, link, AT_FDCWD, path, AT_SYMLINK_FOLLOW), 0);
	(void)close(fd);
}

static bool write_part(void *arg, int64_t at, const void *bytes, size_t len)
{
	const int *fd = arg;

	assert_true(len > 0 && len <= STORE_BACKUP_PART);
	assert_int_equal(at % 512, 0);
	assert_int_equal(len % 512, 0);
	return pwrite(*fd, bytes, len, at) == (ssize_t)len;
}

/* A slice, written to the file. */
static void slice(struct fixture *fx, struct store_backup *b, int fd)
{
	char why[STORE_READ_WHY] = "";

	assert_int_equal(store_wait(fx->st, &b->op), STORE_OK);
	assert_true(store_backup_take(b, write_part, &fd, why));
	assert_null(b->pages);
	if (b->over)
		assert_int_equal(ftruncate(fd, b->size), 0);
}

/* Every row of every table, in order. */
static const char content[] =
	"SELECT count(*) || ' ' || coalesce(group_concat(line, char(10)), '') FROM ("
	"SELECT 'event ' || id || idempotency_key || length(payload) AS line FROM events"
	" UNION ALL SELECT 'delivery ' || id || ' ' || event_id || state FROM deliveries"
	" UNION ALL SELECT 'hook ' || id || name || coalesce(paused_at, '') FROM hooks"
	" UNION ALL SELECT 'act ' || id || act || changed FROM audit)";

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

static void check_same(struct fixture *fx, int fd)
{
	char path[160], why[STORE_READ_WHY] = "";

	if (!store_backup_check(fd, no_progress, NULL, why))
		fail_msg("%s", why);
	name_target(fx, fd, path);
	fx_close(fx);
	char *store = text_of(fx->path, content);
	char *copy = text_of(path, content);
	assert_string_equal(store, copy);
	free(store);
	free(copy);
	copy = text_of(path, "SELECT group_concat(integrity_check) FROM pragma_integrity_check");
	assert_string_equal(copy, "ok");
	free(copy);
	/* and it is a store */
	struct store_options options = {.path = path, .backlog = 1000};
	struct store *st = store_open(&options);
	assert_non_null(st);
	store_close(st);
}

/* All that changes a store, between two slices of its copy. */
static void change_store(struct fixture *fx, int i)
{
	struct store_audit audit = act_named("test");
	struct store_vacuum vacuum = {.op.kind = STORE_OP_VACUUM};

	put_large(fx, "during", i, 1);
	(void)act_pause(fx, "beta", i % 2 == 1);
	act_end(fx, &audit, "done");
	if (i != 3)
		return;
	assert_true(act_prune(fx, clock_wall() + 1, NULL).removed > 0);
	while (!vacuum.over)
		assert_int_equal(store_wait(fx->st, &vacuum.op), STORE_OK);
}

static void test_it_is_the_store_when_its_last_slice_ends(void **state)
{
	struct fixture *fx = *state;
	struct store_backup b = {.op.kind = STORE_OP_BACKUP};
	int fd = make_target(fx);
	struct capture capture;
	int slices = 0;

	capture_begin(&capture);
	fill(fx, 2000);
	for (;;) {
		slice(fx, &b, fd);
		assert_in_range(b.done, 1, b.all);
		if (b.over)
			break;
		if (++slices <= 20)
			change_store(fx, slices);
	}
	assert_null(b.copy);
	(void)capture_end(&capture);
	check_same(fx, fd);
	assert_true(slices > 3);
}

static void test_a_transaction_that_fails_meanwhile(void **state)
{
	struct fixture *fx = *state;
	struct store_backup b = {.op.kind = STORE_OP_BACKUP};
	int fd = make_target(fx);
	struct capture capture;
	static char huge[8 << 20];
	char key[] = "lost";
	struct event ev = fx_event(fx, key, huge, sizeof(huge));
	struct store_imported_event lost = {.event = &ev};
	struct store_import import = {.op.kind = STORE_OP_IMPORT, .list = &lost, .count = 1};

	(void)signal(SIGXFSZ, SIG_IGN);
	fill(fx, 600);
	/* so that it gets pages that are copied already */
	assert_int_equal(act_prune(fx, clock_wall() + 1, NULL).removed, 300);
	capture_begin(&capture);
	slice(fx, &b, fd);
	/* Pages are in the WAL before it fails, and in the copy. */
	act_limit_files(6 << 20);
	assert_int_equal(store_wait(fx->st, &import.op), STORE_ERROR);
	act_limit_files((rlim_t)-1);
	while (!b.over)
		slice(fx, &b, fd);
	(void)capture_end(&capture);
	check_same(fx, fd);
}

static void test_an_asker_who_takes_no_more_ends_the_copy_alone(void **state)
{
	struct fixture *fx = *state;
	struct store_backup b = {.op.kind = STORE_OP_BACKUP};
	int fd = open("/dev/full", O_RDWR | O_CLOEXEC);
	char why[STORE_READ_WHY] = "";

	assert_true(fd >= 0);
	fill(fx, MANY);
	/* A short slice may hand nothing over yet. */
	do
		assert_int_equal(store_wait(fx->st, &b.op), STORE_OK);
	while (store_backup_take(&b, write_part, &fd, why) && !b.over);
	assert_string_equal(why, "");
	assert_null(b.pages);
	assert_false(b.over);
	b.stop = true;
	assert_int_equal(store_wait(fx->st, &b.op), STORE_OK);
	assert_null(b.copy);
	(void)close(fd);
	assert_true(fx_put(fx, "after", 1) > 0);
}

static void test_one_that_is_stopped(void **state)
{
	struct fixture *fx = *state;
	struct store_backup b = {.op.kind = STORE_OP_BACKUP};
	int fd = make_target(fx);
	struct capture capture;

	fill(fx, MANY);
	slice(fx, &b, fd);
	assert_false(b.over);
	b.stop = true;
	assert_int_equal(store_wait(fx->st, &b.op), STORE_OK);
	assert_null(b.copy);
	assert_null(b.pages);
	assert_false(b.over);
	(void)close(fd);
	capture_begin(&capture);
	fx_close(fx);
	assert_null(strstr(capture_end(&capture), "not closed"));
}

static void test_two_at_once(void **state)
{
	struct fixture *fx = *state;
	struct store_backup one = {.op.kind = STORE_OP_BACKUP}, two = one;
	int first = make_target(fx), second = make_target(fx);
	char why[STORE_READ_WHY] = "";

	fill(fx, 300);
	for (int i = 0; !one.over || !two.over; i++) {
		if (!one.over)
			slice(fx, &one, first);
		if (!two.over)
			slice(fx, &two, second);
		put_large(fx, "during", i, 0);
	}
	if (!store_backup_check(first, no_progress, NULL, why))
		fail_msg("%s", why);
	(void)close(first);
	/* The second may have ended a slice before the last put. */
	if (!store_backup_check(second, no_progress, NULL, why))
		fail_msg("%s", why);
	(void)close(second);
}

static void test_a_damaged_copy_is_refused(void **state)
{
	struct fixture *fx = *state;
	struct store_backup b = {.op.kind = STORE_OP_BACKUP};
	int fd = make_target(fx);
	char why[STORE_READ_WHY] = "";

	fill(fx, 300);
	while (!b.over)
		slice(fx, &b, fd);
	memset(large, 0xff, sizeof(large));
	assert_int_equal(pwrite(fd, large, sizeof(large), 3 << 14), sizeof(large));
	memset(large, 0, sizeof(large));
	assert_false(store_backup_check(fd, no_progress, NULL, why));
	assert_non_null(strstr(why, "the copy is damaged: "));
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_false(store_backup_check(fd, no_progress, NULL, why));
	(void)close(fd);
}

/* A copy that somebody has put more into, or that was something else all the time. */
static void test_a_copy_with_other_tables_is_refused(void **state)
{
	static const struct {
		const char *sql, *why;
	} changes[] = {
		{"CREATE VIEW v AS WITH RECURSIVE n(b) AS (SELECT 1 UNION ALL SELECT b FROM n)"
		 " SELECT b FROM n",
			"the copy is not as hookd makes a store: view \"v\" is not hookd's"},
		{"CREATE TRIGGER t AFTER INSERT ON events BEGIN SELECT 1; END",
			"the copy is not as hookd makes a store: trigger \"t\" is not hookd's"},
		{"DROP INDEX audit_at",
			"the copy is not as hookd makes a store: index \"audit_at\" is missing"},
		{"PRAGMA application_id = 1", "the copy: not a hookd store"},
	};
	struct fixture *fx = *state;
	char path[160], why[STORE_READ_WHY];

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct store_backup b = {.op.kind = STORE_OP_BACKUP};
		int fd = make_target(fx);
		sqlite3 *db;

		while (!b.over)
			slice(fx, &b, fd);
		name_target(fx, fd, path);
		assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
		assert_int_equal(sqlite3_exec(db, changes[i].sql, NULL, NULL, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_close(db), SQLITE_OK);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		assert_false(store_backup_check(fd, no_progress, NULL, why));
		assert_string_equal(why, changes[i].why);
		(void)close(fd);
		(void)unlink(path);
	}
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, fx_make_open, fx_remove)

int main(void)
{
	const struct CMUnitTest tests[] = {
		OPEN(test_it_is_the_store_when_its_last_slice_ends),
		OPEN(test_a_transaction_that_fails_meanwhile),
		OPEN(test_an_asker_who_takes_no_more_ends_the_copy_alone),
		OPEN(test_one_that_is_stopped),
		OPEN(test_two_at_once),
		OPEN(test_a_damaged_copy_is_refused),
		OPEN(test_a_copy_with_other_tables_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
