/* The WAL is checkpointed beside the writer: it stays short under a load that never pauses, grows
 * only while a reader holds an old state, and loses nothing. */
#include "fixture.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>

#define BODY  100000
#define LARGE 1000000
#define WAVE  100 /* puts at once */

#define WAL_MAX ((off_t)64 * 1024 * 1024)

static char body[LARGE];
static char wal_path[128];
static off_t longest; /* the WAL after each commit */

static int wal_index = -1;            /* the -shm file of the store whose checkpoints count */
static atomic_uint begun, begun_done; /* by the thread; those with nothing left to do */

/* https://www.sqlite.org/walformat.html: does the WAL have frames that are not checkpointed? */
static bool has_work(void)
{
	uint32_t header[25];

	assert_true(pread(wal_index, header, sizeof(header), 0) == sizeof(header));
	return header[24] < header[4]; /* nBackfill, mxFrame */
}

/* Stands in for SQLite's, and calls it. */
int sqlite3_wal_checkpoint_v2(sqlite3 *db, const char *name, int mode, int *frames, int *done)
{
	int (*real)(sqlite3 *, const char *, int, int *, int *);
	char thread[16] = "";

	*(void **)&real = dlsym(RTLD_NEXT, "sqlite3_wal_checkpoint_v2");
	(void)pthread_getname_np(pthread_self(), thread, sizeof(thread));
	if (wal_index >= 0 && strcmp(thread, "checkpoint") == 0) {
		begun++;
		begun_done += !has_work();
	}
	return real(db, name, mode, frames, done);
}

struct wave {
	struct event events[WAVE];
	struct store_put puts[WAVE];
	char keys[WAVE][32];
	_Atomic int left;
};

static struct wave *wave_now;

static void put_done(struct store_op *op)
{
	struct stat sb;

	assert_int_equal(op->result, STORE_OK);
	if (stat(wal_path, &sb) == 0 && sb.st_size > longest)
		longest = sb.st_size;
	wave_now->left--;
}

/* Writes 10 MB through the WAL, or 100, in any number of groups. */
static void put_wave_of(struct fixture *fx, int number, size_t len)
{
	struct wave *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	wave_now = w;
	w->left = WAVE;
	for (int i = 0; i < WAVE; i++) {
		(void)snprintf(w->keys[i], sizeof(w->keys[i]), "w:%d:%d", number, i);
		w->events[i] = fx_event(fx, w->keys[i], body, len);
		w->puts[i] = (struct store_put){
			.op = {.kind = STORE_OP_PUT, .done = put_done}, .event = &w->events[i]};
		store_submit(fx->st, &w->puts[i].op);
	}
	while (w->left > 0)
		(void)nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	struct store_op ping = {.kind = STORE_OP_PING};
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
	free(w);
}

static void put_wave(struct fixture *fx, int number)
{
	put_wave_of(fx, number, BODY);
}

static off_t size_of(const struct fixture *fx, const char *suffix)
{
	char path[160];
	struct stat sb;

	(void)snprintf(path, sizeof(path), "%s%s", fx->path, suffix);
	return stat(path, &sb) == 0 ? sb.st_size : 0;
}

/* SQLite's WAL-reset bug needs a checkpoint that begins when all is checkpointed. Waves with
 * pauses let the thread catch up with the writer; what writes nothing follows each. */
static void no_checkpoint_begins_with_nothing_to_do(void **state)
{
	struct fixture *fx = *state;
	struct store_op ping = {.kind = STORE_OP_PING};
	char path[128];

	(void)snprintf(path, sizeof(path), "%s-shm", fx->path);
	wal_index = open(path, O_RDONLY | O_CLOEXEC);
	assert_true(wal_index >= 0);
	begun = begun_done = 0;
	for (int i = 0; i < 40; i++) {
		put_wave(fx, 1000 + i);
		for (int k = 0; k < 20; k++) {
			assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
			usleep(500);
		}
	}
	assert_true(begun >= 20);
	assert_int_equal(begun_done, 0);
	fx_close(fx);
	(void)close(wal_index); /* not before: that would drop SQLite's locks */
	wal_index = -1;
}

static void the_wal_stays_short_under_a_load_that_never_pauses(void **state)
{
	struct fixture *fx = *state;

	longest = 0;
	(void)snprintf(wal_path, sizeof(wal_path), "%s-wal", fx->path);
	for (int i = 0; i < 60; i++)
		put_wave_of(fx, i, i % 20 == 19 ? LARGE : BODY);
	wal_path[0] = '\0';
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 60 * WAVE);
	assert_true(longest > 0 && longest < WAL_MAX);
	assert_true(size_of(fx, "") > (off_t)30 * WAVE * BODY);
	fx_close(fx);
	assert_int_equal(size_of(fx, "-wal"), 0);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 60 * WAVE);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_quick_check"), 1);
}

/* A reader sees one state during its transaction; after it the WAL is reset. */
static void a_long_read(void **state)
{
	struct fixture *fx = *state;
	char trouble[STORE_TROUBLE];
	struct capture capture;
	sqlite3 *reader;
	sqlite3_stmt *s;

	put_wave(fx, 0);
	assert_false(store_trouble(fx->st, trouble));
	capture_begin(&capture);
	assert_int_equal(sqlite3_open(fx->path, &reader), SQLITE_OK);
	assert_int_equal(sqlite3_exec(reader, "BEGIN", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(
		sqlite3_prepare_v2(reader, "SELECT count(*) FROM events", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(s, 0), WAVE);
	for (int i = 1; i < 20; i++)
		put_wave(fx, i);
	assert_true(store_trouble(fx->st, trouble));
	assert_non_null(strstr(trouble, "MiB: a process keeps a transaction open on the store"));
	(void)sqlite3_reset(s);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(s, 0), WAVE);
	(void)sqlite3_finalize(s);
	assert_int_equal(sqlite3_exec(reader, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
	(void)sqlite3_close(reader);
	off_t grown = size_of(fx, "-wal");
	for (int i = 20; i < 60; i++)
		put_wave(fx, i);
	assert_true(size_of(fx, "-wal") <= grown + WAL_MAX);
	assert_false(store_trouble(fx->st, trouble));
	const char *log = capture_end(&capture);
	assert_non_null(strstr(log, "warn store's WAL grows: a process keeps a transaction open"));
	assert_non_null(strstr(log, "info store's WAL is short again"));
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), 60 * WAVE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			no_checkpoint_begins_with_nothing_to_do, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(the_wal_stays_short_under_a_load_that_never_pauses,
			fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(a_long_read, fx_make_open, fx_remove),
	};

	memset(body, 'x', sizeof(body));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
