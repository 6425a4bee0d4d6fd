#include "base/thread.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STACK_SIZE ((size_t)8 << 20) /* the default is what the parent's limit was */

struct start {
	const char *name;
	void *(*body)(void *);
	void *arg;
};

/* The thread names itself: to name another thread, pthread_setname_np opens a file in /proc, which
 * belongs to root once the process is not dumpable (process/sandbox.h). */
static void *run_named(void *arg)
{
	const struct start start = *(struct start *)arg;

	free(arg);
	(void)pthread_setname_np(pthread_self(), start.name);
	return start.body(start.arg);
}

/* All but those of a crash, which could not be handled then. */
static void block_signals(sigset_t *before)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT};
	sigset_t blocked;

	(void)sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		(void)sigdelset(&blocked, crashes[i]);
	(void)pthread_sigmask(SIG_SETMASK, &blocked, before);
}

static int create_with_signals_blocked(pthread_t *thread, struct start *start)
{
	pthread_attr_t attributes;
	sigset_t before;
	int error;

	(void)pthread_attr_init(&attributes);
	(void)pthread_attr_setstacksize(&attributes, STACK_SIZE);
	block_signals(&before);
	error = pthread_create(thread, &attributes, run_named, start);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	(void)pthread_attr_destroy(&attributes);
	return error;
}

bool thread_start(pthread_t *thread, const char *name, void *(*body)(void *), void *arg)
{
	struct start *start = malloc(sizeof(*start));
	char text[128];
	int error = ENOMEM;

	if (start != NULL) {
		*start = (struct start){name, body, arg};
		error = create_with_signals_blocked(thread, start);
	}
	if (error == 0)
		return true;
	free(start);
	log_error("cannot start a thread", log_text("thread", name),
		log_text("error", strerror_r(error, text, sizeof(text))));
	return false;
}

void thread_condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	(void)pthread_condattr_init(&attributes);
	(void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	(void)pthread_cond_init(condition, &attributes);
	(void)pthread_condattr_destroy(&attributes);
}

bool thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t steady)
{
	int64_t left = steady - clock_steady();
	struct timespec until;

	if (left <= 0)
		return false;
	/* clock_steady also counts while the machine sleeps; a condition cannot wait for that. */
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(left / 1000);
	until.tv_nsec += (long)(left % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_timedwait(condition, mutex, &until);
	return true;
}
