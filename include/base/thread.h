/* base/thread.h - how hookd's threads start, and how they wait for a time of the steady
 * clock. Any thread. */
#ifndef HOOKD_THREAD_H
#define HOOKD_THREAD_H

#include "base/attributes.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Starts a thread called `name` (a literal, at most 15 bytes) with all signals blocked, since the
 * main thread handles them, but those of a crash. False: logged. */
bool thread_start(
	pthread_t *thread, const char *name, void *(*body)(void *), void *arg) WARN_UNUSED;

/* Makes a condition variable for thread_wait_until. Cannot fail with glibc. */
void thread_condition_init(pthread_cond_t *condition);

/* Waits on `condition`, but not beyond `steady` (ms of clock_steady). Holds `mutex` before
 * and after. May return early, as any wait on a condition. False: that time has passed, so it did
 * not wait. */
bool thread_wait_until(pthread_cond_t *condition, pthread_mutex_t *mutex, int64_t steady);

#endif
