/* A sync fails, and what it was for is lost, as on Linux: the store stops and acknowledges nothing
 * more, and the next hookd has everything that was acknowledged, even if a reader keeps the store
 * open meanwhile. */
#include "fixture.h"
#include "store/read.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define BODY  100000
#define LONG  100 /* events of that size: many times what makes a checkpoint worthwhile */
#define SHORT 20  /* few enough to stay in the WAL */

enum file { DATABASE, WAL, OTHER };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards synced */
/* What a file had when it was synced last. */
static struct {
	char *bytes;
	size_t len;
} synced[OTHER];
static atomic_bool to_fail[OTHER]; /* the syncs of it */
static atomic_uint failed[OTHER];
static atomic_uint stops; /* calls of on_failure */
static int count;

static enum file file_of(int fd)
{
	static const char *const names[OTHER] = {"/hookd.db", "/hookd.db-wal"};
	char link[64];
	char path[256] = "";

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, sizeof(path) - 1);
	for (enum file f = DATABASE; f < OTHER; f++) {
		size_t len = strlen(names[f]);
		if (n > (ssize_t)len && strcmp(path + (size_t)n - len, names[f]) == 0)
			return f;
	}
	return OTHER;
}

/* By pread: opening and closing the file would drop SQLite's locks. */
static void keep(enum file f, int fd)
{
	struct stat sb;

	(void)pthread_mutex_lock(&mutex);
	assert_int_equal(fstat(fd, &sb), 0);
	free(synced[f].bytes);
	synced[f].len = (size_t)sb.st_size;
	synced[f].bytes = malloc(synced[f].len + 1);
	assert_non_null(synced[f].bytes);
	assert_true(pread(fd, synced[f].bytes, synced[f].len, 0) == (ssize_t)synced[f].len);
	(void)pthread_mutex_unlock(&mutex);
}

/* The file as the disk has it. */
static void put_back(const struct fixture *fx, enum file f)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s%s", fx->path, f == WAL ? "-wal" : "");
	int fd = open(path, O_RDWR | O_CLOEXEC | O_TRUNC);
	assert_true(fd >= 0);
	assert_true(write(fd, synced[f].bytes, synced[f].len) == (ssize_t)synced[f].len);
	assert_int_equal(close(fd), 0);
}

/* Replaces libc's. */
int fdatasync(int fd)
{
	enum file f = file_of(fd);

	if (f == OTHER)
		return (int)syscall(SYS_fdatasync, fd);
	if (!to_fail[f]) {
		keep(f, fd);
		return 0;
	}
	failed[f]++;
	errno = EIO;
	return -1;
}

int fsync(int fd)
{
	return file_of(fd) != OTHER ? fdatasync(fd) : (int)syscall(SYS_fsync, fd);
}

static void note_stop(void *arg)
{
	(void)arg;
	stops++;
}

static struct store *open_store(struct fixture *fx)
{
	struct store_options options = {
		.path = fx->path, .migrate = true, .backlog = 100000, .on_failure = note_stop};

	stops = 0;
	return store_open(&options);
}

static enum store_result try_put(struct fixture *fx)
{
	static char body[BODY];
	char key[32];

	(void)snprintf(key, sizeof(key), "e:%d", count);
	struct event ev = fx_event(fx, key, body, sizeof(body));
	struct store_put p = {.op.kind = STORE_OP_PUT, .event = &ev};
	enum store_result result = store_wait(fx->st, &p.op);
	count += result == STORE_OK;
	return result;
}

static void put(struct fixture *fx, int events)
{
	for (int i = 0; i < events; i++)
		assert_int_equal(try_put(fx), STORE_OK);
}

static off_t size_of(const struct fixture *fx)
{
	struct stat sb;

	assert_int_equal(stat(fx->path, &sb), 0);
	return sb.st_size;
}

static bool is_there(const struct fixture *fx, const char *suffix)
{
	char path[128];
	struct stat sb;

	(void)snprintf(path, sizeof(path), "%s%s", fx->path, suffix);
	return stat(path, &sb) == 0;
}

/* The store has stopped: it acknowledges nothing more. */
static void check_stopped(struct fixture *fx)
{
	for (int i = 0; i < 1000 && stops == 0; i++) /* another thread may be just calling it */
		usleep(1000);
	struct store_op ping = {.kind = STORE_OP_PING};
	struct store_claim claim = fx_claim(fx, 0, 0);
	assert_int_equal(try_put(fx), STORE_ERROR);
	assert_int_equal(claim.op.result, STORE_ERROR);
	assert_int_equal(store_wait(fx->st, &ping), STORE_ERROR);
	assert_int_equal(stops, 1);
	assert_false(is_there(fx, "-shm"));
}

/* The next hookd. */
static void check_recovered(struct fixture *fx)
{
	to_fail[DATABASE] = to_fail[WAL] = false;
	fx->st = open_store(fx);
	assert_non_null(fx->st);
	put(fx, 1);
	fx_close(fx);
	assert_int_equal(stops, 0);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM pragma_integrity_check"
				       " WHERE integrity_check = 'ok'"),
		1);
	assert_int_equal(fx_number(fx, "SELECT count(*) FROM events"), count);
}

/* ---- a process that keeps the store open, as `hookctl --follow` does. It is made before the store
 * is opened, since SQLite must not be carried across a fork. */
struct process {
	pid_t pid;
	int ask, answer;
};

static void count_event(void *arg, const struct store_event_row *row)
{
	(void)row;
	++*(int *)arg;
}

/* One order is one byte; its answer a number, -1: it failed. */
static int obey(struct store_reader **r, const char *path, char order)
{
	char why[STORE_READ_WHY] = "";
	struct store_filter filter = {.limit = 100000};
	int events = 0;

	switch (order) {
	case 'o':
		*r = store_reader_open(path, why);
		return *r != NULL ? 0 : -1;
	case 'b':
		return store_reader_begin(*r, why) ? 0 : -1;
	case 'n':
		return store_read_events(*r, &filter, count_event, &events, why) ? events : -1;
	case 'e':
		return store_reader_end(*r, why)                               ? 0
		       : strstr(why, "hookd was started while it was") != NULL ? -1
									       : -2;
	default:
		return -2;
	}
}

static _Noreturn void process_main(int orders, int answers, const char *path)
{
	struct store_reader *r = NULL;
	char order;

	while (read(orders, &order, 1) == 1) {
		int answer = obey(&r, path, order);
		if (write(answers, &answer, sizeof(answer)) != sizeof(answer))
			_exit(1);
	}
	store_reader_close(r);
	_exit(0);
}

static struct process process_start(const struct fixture *fx)
{
	struct process p;
	int ask[2], answer[2];

	assert_int_equal(pipe2(ask, O_CLOEXEC), 0);
	assert_int_equal(pipe2(answer, O_CLOEXEC), 0);
	p.pid = fork();
	assert_true(p.pid >= 0);
	if (p.pid == 0) {
		(void)close(ask[1]);
		process_main(ask[0], answer[1], fx->path);
	}
	(void)close(ask[0]);
	(void)close(answer[1]);
	p.ask = ask[1];
	p.answer = answer[0];
	return p;
}

static int process_ask(const struct process *p, char order)
{
	int answer = -3;

	assert_int_equal(write(p->ask, &order, 1), 1);
	assert_int_equal(read(p->answer, &answer, sizeof(answer)), sizeof(answer));
	return answer;
}

static void process_end(const struct process *p)
{
	int status;

	(void)close(p->ask);
	(void)close(p->answer);
	assert_int_equal(waitpid(p->pid, &status, 0), p->pid);
	assert_int_equal(status, 0);
}

/* ---- the tests */
static int setup(void **state)
{
	count = 0;
	for (enum file f = DATABASE; f < OTHER; f++) {
		to_fail[f] = false;
		failed[f] = 0;
	}
	return fx_make(state);
}

static void open_first(struct fixture *fx)
{
	fx->st = open_store(fx);
	assert_non_null(fx->st);
	fx->source = fx_name(fx->st, STORE_NAME_SOURCE, "fedapay");
}

/* Checkpoints a part, which is not synced by itself, because the reader keeps the rest from being
 * checkpointed. */
static void checkpoint_part(struct fixture *fx, const struct process *reader)
{
	put(fx, SHORT);
	assert_int_equal(process_ask(reader, 'o'), 0);
	assert_int_equal(process_ask(reader, 'b'), 0);
	assert_int_equal(process_ask(reader, 'n'), SHORT);
	off_t before = size_of(fx);
	put(fx, LONG);
	for (int i = 0; i < 1000 && size_of(fx) == before; i++) {
		put(fx, 1);
		usleep(10000);
	}
	assert_true(size_of(fx) > before);
}

/* Then the sync of the rest fails: the pages of both parts are lost. */
static void lose_pages(struct fixture *fx, const struct process *reader)
{
	checkpoint_part(fx, reader);
	to_fail[DATABASE] = true;
	assert_int_equal(process_ask(reader, 'e'), 0);
	for (int i = 0; i < 1000 && stops == 0; i++) {
		(void)try_put(fx);
		usleep(10000);
	}
	assert_int_equal(failed[DATABASE], 1);
	check_stopped(fx);
}

static void a_checkpoint(void **state)
{
	struct fixture *fx = *state;
	struct process reader = process_start(fx);

	open_first(fx);
	lose_pages(fx, &reader);
	process_end(&reader);
	fx_close(fx);
	put_back(fx, DATABASE);
	check_recovered(fx);
}

/* The reader would carry nBackfill, which counts the lost pages, to the next hookd. */
static void a_checkpoint_and_a_reader_that_stays(void **state)
{
	struct fixture *fx = *state;
	struct process reader = process_start(fx);

	open_first(fx);
	lose_pages(fx, &reader);
	fx_close(fx);
	put_back(fx, DATABASE);
	check_recovered(fx);
	assert_int_equal(process_ask(&reader, 'b'), 0);
	assert_int_equal(process_ask(&reader, 'n'), count);
	assert_int_equal(process_ask(&reader, 'e'), 0);
	process_end(&reader);
}

static void a_checkpoint_and_a_reader_in_its_transaction(void **state)
{
	struct fixture *fx = *state;
	struct process reader = process_start(fx);

	open_first(fx);
	lose_pages(fx, &reader);
	assert_int_equal(process_ask(&reader, 'o'), 0);
	assert_int_equal(process_ask(&reader, 'b'), 0);
	assert_int_equal(process_ask(&reader, 'n'), count);
	fx_close(fx);
	put_back(fx, DATABASE);
	/* The reader's is still the only WAL-index of that name. */
	check_recovered(fx);
	(void)process_ask(&reader, 'e');
	process_end(&reader);
}

static void a_reader_that_is_reading_when_the_sync_fails(void **state)
{
	struct fixture *fx = *state;
	struct process reader = process_start(fx), other = process_start(fx);

	open_first(fx);
	checkpoint_part(fx, &reader);
	assert_int_equal(process_ask(&other, 'o'), 0);
	assert_int_equal(process_ask(&other, 'b'), 0);
	assert_int_equal(process_ask(&other, 'n'), count);
	to_fail[WAL] = true;
	assert_int_equal(try_put(fx), STORE_ERROR);
	check_stopped(fx);
	fx_close(fx);
	put_back(fx, WAL);
	check_recovered(fx);
	assert_int_equal(process_ask(&other, 'e'), -1); /* says that it must read again */
	assert_int_equal(process_ask(&other, 'b'), 0);
	assert_int_equal(process_ask(&other, 'n'), count);
	assert_int_equal(process_ask(&other, 'e'), 0);
	process_end(&other);
	process_end(&reader);
}

static void a_commit(void **state)
{
	struct fixture *fx = *state;

	open_first(fx);
	put(fx, 3);
	to_fail[WAL] = true;
	assert_int_equal(try_put(fx), STORE_ERROR);
	to_fail[WAL] = false; /* as Linux does: it reports a failure once */
	check_stopped(fx);
	fx_close(fx);
	assert_true(is_there(fx, "-wal"));
	put_back(fx, WAL);
	check_recovered(fx);
}

static void the_checkpoint_of_the_close(void **state)
{
	struct fixture *fx = *state;

	open_first(fx);
	put(fx, 3);
	to_fail[DATABASE] = true;
	fx_close(fx);
	assert_int_equal(stops, 1);
	assert_true(is_there(fx, "-wal"));
	put_back(fx, DATABASE);
	check_recovered(fx);
}

/* hookd was killed, and its pages could not be written afterwards: the next one learns of it. */
static void a_start(void **state)
{
	struct fixture *fx = *state;
	struct process reader = process_start(fx);

	open_first(fx);
	checkpoint_part(fx, &reader);
	fx_close(fx);
	assert_true(is_there(fx, "-shm")); /* the reader keeps nBackfill */
	put_back(fx, DATABASE);
	to_fail[DATABASE] = true;
	assert_null(open_store(fx));
	assert_false(is_there(fx, "-shm"));
	check_recovered(fx);
	process_end(&reader);
}

static void the_checkpoint_of_a_start(void **state)
{
	struct fixture *fx = *state;
	struct process reader = process_start(fx);

	open_first(fx);
	checkpoint_part(fx, &reader);
	fx_close(fx);
	assert_int_equal(process_ask(&reader, 'e'), 0);
	process_end(&reader);
	put_back(fx, DATABASE);
	to_fail[WAL] = true;
	assert_null(open_store(fx));
	check_recovered(fx);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fx_remove)
	const struct CMUnitTest tests[] = {
		TEST(a_checkpoint),
		TEST(a_checkpoint_and_a_reader_that_stays),
		TEST(a_checkpoint_and_a_reader_in_its_transaction),
		TEST(a_reader_that_is_reading_when_the_sync_fails),
		TEST(a_commit),
		TEST(the_checkpoint_of_the_close),
		TEST(a_start),
		TEST(the_checkpoint_of_a_start),
	};
	int failures = cmocka_run_group_tests(tests, NULL, NULL);

	for (enum file f = DATABASE; f < OTHER; f++)
		free(synced[f].bytes);
	return failures;
}
