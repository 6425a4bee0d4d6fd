#include "base/clock.h"
#include "base/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>

struct seen {
	sigset_t blocked;
};

static void *note(void *arg)
{
	struct seen *seen = arg;

	(void)pthread_sigmask(SIG_SETMASK, NULL, &seen->blocked);
	return NULL;
}

static void signals_are_the_main_threads(void **state)
{
	struct seen seen;
	sigset_t mine;
	pthread_t thread;

	(void)state;
	assert_true(thread_start(&thread, "fifteen-letters", note, &seen));
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(sigismember(&seen.blocked, SIGTERM));
	assert_true(sigismember(&seen.blocked, SIGCHLD));
	(void)pthread_sigmask(SIG_SETMASK, NULL, &mine);
	assert_false(sigismember(&mine, SIGTERM));
}

static void a_wait_ends_in_time(void **state)
{
	pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t condition;
	int64_t until = clock_steady() + 30;

	(void)state;
	thread_condition_init(&condition);
	(void)pthread_mutex_lock(&mutex);
	while (thread_wait_until(&condition, &mutex, until))
		;
	assert_true(clock_steady() >= until);
	assert_false(thread_wait_until(&condition, &mutex, until - 1000000));
	(void)pthread_mutex_unlock(&mutex);
	(void)pthread_cond_destroy(&condition);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signals_are_the_main_threads),
		cmocka_unit_test(a_wait_ends_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
