/* The dispatcher when the wall clock is set, and when nothing is due: with a real store and a
 * wall clock that the test sets. */
#include "action/script_fixture.h"
#include "dispatcher/dispatcher.h"
#include "dispatcher/private.h"
#include "store/fixture.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#define HOUR    INT64_C(3600000)
#define DONE    "SELECT count(*) FROM deliveries WHERE state = 'DONE'"
#define WAITING "SELECT count(*) FROM deliveries WHERE id = 1 AND state = 'READY' AND failures = 1"
#define DUE     "SELECT due_at FROM deliveries WHERE id = 1"

enum { STALL_MAX = 60 }; /* ms */

static atomic_llong wall_shift;  /* ms */
static atomic_llong stall_until; /* wall ms; 0: never */
static atomic_int stall_at;      /* how many readings of the clock before that go well */

/* Suspends the dispatcher's thread right after it has read the clock, shortly before stall_until,
 * until that time has passed. */
static void stall(const struct timespec *now)
{
	int64_t until = atomic_load(&stall_until);
	int64_t left = until - (int64_t)now->tv_sec * 1000 - now->tv_nsec / 1000000;
	char name[16] = "";

	if (left <= 0 || left > STALL_MAX)
		return;
	(void)pthread_getname_np(pthread_self(), name, sizeof(name));
	if (strcmp(name, "dispatcher") == 0 && atomic_fetch_sub(&stall_at, 1) == 0)
		usleep((useconds_t)(left + 2) * 1000);
}

/* Replaces libc's, here and in all of hookd that is linked in. */
int clock_gettime(clockid_t id, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, id, now);
	if (id == CLOCK_REALTIME) {
		int64_t shift = atomic_load(&wall_shift);
		now->tv_sec += (time_t)(shift / 1000);
		stall(now);
	}
	return (int)result;
}

/* alpha is retried in half an hour to an hour; beta succeeds. */
static struct conf *one_waits(void)
{
	struct conf *conf = fixture_conf(2, 4);
	fixture_hook(conf, 0, "alpha", 1, "exit 75")->own.retry =
		(struct conf_retry){.attempts = 100, .first = HOUR, .max = HOUR};
	fixture_hook(conf, 1, "beta", 2, "exit 0");
	return conf;
}

static struct dispatcher *open_all(struct fixture *fx, struct conf *conf)
{
	struct dispatcher *d = dispatcher_new();
	assert_non_null(d);
	struct store_options options = {
		.path = fx->path,
		.migrate = true,
		.backlog = 100,
		.on_ready = dispatcher_notify,
		.on_ready_arg = d,
	};
	fx_open_with(fx, &options);
	assert_true(dispatcher_start(d, conf, fx->st));
	return d;
}

static void close_all(struct fixture *fx, struct dispatcher *d)
{
	dispatcher_free(d);
	fx_close(fx);
}

/* The dispatcher's timer is on the true clock, so the change must be announced. */
static void set_clock(struct dispatcher *d, int64_t shift)
{
	atomic_store(&wall_shift, shift);
	dispatcher_notify(d);
}

static void delays_stay_as_long_when_the_clock_is_set(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = one_waits();
	atomic_store(&wall_shift, 0);
	struct dispatcher *d = open_all(fx, conf);

	(void)fx_put(fx, "id:1", 1);
	fx_await(fx, WAITING, 1);
	int64_t due = fx_number(fx, DUE);

	set_clock(d, 2 * HOUR);
	for (int i = 0; i < 6000 && fx_number(fx, DUE) == due; i++)
		usleep(10000);
	assert_in_range(fx_number(fx, DUE), due + 2 * HOUR - 1000, due + 2 * HOUR + 1000);

	set_clock(d, -5 * HOUR);
	for (int i = 0; i < 6000 && fx_number(fx, DUE) > due; i++)
		usleep(10000);
	assert_in_range(fx_number(fx, DUE), due - 5 * HOUR - 1000, due - 5 * HOUR + 1000);

	assert_int_equal(fx_number(fx, WAITING), 1);
	close_all(fx, d);
	conf_unref(conf);
}

/* A retry that falls due between two readings of the clock must be claimed or armed. */
static void what_falls_due_during_a_round_is_not_forgotten(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = fixture_conf(1, 4);
	fixture_hook(conf, 0, "alpha", 1, "exit 75")->own.retry =
		(struct conf_retry){.attempts = 100, .first = 600, .max = 600};
	atomic_store(&wall_shift, 0);
	struct dispatcher *d = open_all(fx, conf);

	(void)fx_put(fx, "id:1", 1);
	for (int failures = 1; failures <= 6; failures++) {
		char sql[96];
		(void)snprintf(sql, sizeof(sql),
			"SELECT count(*) FROM deliveries WHERE failures = %d AND state = 'READY'",
			failures);
		fx_await(fx, sql, 1);
		int64_t due = fx_number(fx, DUE);
		atomic_store(&stall_at, failures - 1);
		atomic_store(&stall_until, due);
		/* Something else wakes it just before. */
		while (clock_wall() < due - STALL_MAX / 2)
			usleep(1000);
		dispatcher_wake(d);
	}
	atomic_store(&stall_until, 0);
	close_all(fx, d);
	conf_unref(conf);
}

/* It starts in 1970 and gets the time later: no delivery waits for long. */
static void a_machine_that_starts_without_the_time_delays_nothing(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = one_waits();
	atomic_store(&wall_shift, 0);
	struct dispatcher *d = open_all(fx, conf);

	(void)fx_put(fx, "id:1", 1);
	fx_await(fx, WAITING, 1);
	close_all(fx, d);

	atomic_store(&wall_shift, -clock_wall());
	d = open_all(fx, conf);
	(void)fx_put(fx, "id:2", 2);
	fx_await(fx, DONE, 1);
	set_clock(d, 0);
	(void)fx_put(fx, "id:3", 2);
	fx_await(fx, DONE, 2);
	fx_await(fx, "SELECT count(*) FROM deliveries WHERE state = 'RUNNING'", 0);
	assert_true(fx_number(fx, "SELECT max(due_at) FROM deliveries") <= clock_wall() + HOUR);
	close_all(fx, d);
	conf_unref(conf);
}

/* How often the dispatcher's thread has gone to sleep. */
static long sleeps(void)
{
	long count = -1;
	DIR *tasks = opendir("/proc/self/task");
	assert_non_null(tasks);
	for (struct dirent *e; (e = readdir(tasks)) != NULL;) {
		char path[300], line[128] = "";
		(void)snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
		FILE *file = fopen(path, "r");
		if (file == NULL || fgets(line, sizeof(line), file) == NULL)
			continue;
		bool is_it = strcmp(line, "Name:\tdispatcher\n") == 0;
		while (is_it && fgets(line, sizeof(line), file) != NULL)
			if (strncmp(line, "voluntary_ctxt_switches:", 24) == 0)
				count = strtol(line + 24, NULL, 10);
		(void)fclose(file);
	}
	(void)closedir(tasks);
	return count;
}

static void nothing_wakes_it_when_nothing_is_due(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = one_waits();
	atomic_store(&wall_shift, 0);
	struct dispatcher *d = open_all(fx, conf);

	(void)fx_put(fx, "id:1", 2);
	fx_await(fx, WAITING, 1);
	fx_await(fx, DONE, 1);
	long before = -1;
	long after = sleeps();
	assert_true(after > 0);
	for (int i = 0; i < 60 && before != after; i++) {
		before = after;
		usleep(500000);
		after = sleeps();
	}
	assert_int_equal(after, before);
	assert_true(dispatcher_alive(d)); /* asleep is alive */
	assert_true(dispatcher_alive(d));
	close_all(fx, d);
	conf_unref(conf);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fx_make, fx_remove)
	const struct CMUnitTest tests[] = {
		TEST(delays_stay_as_long_when_the_clock_is_set),
		TEST(what_falls_due_during_a_round_is_not_forgotten),
		TEST(a_machine_that_starts_without_the_time_delays_nothing),
		TEST(nothing_wakes_it_when_nothing_is_due),
	};
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	return sodium_init() < 0 ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
