#include "dispatcher/dispatcher.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "private.h"
#include "process/child.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

static void take_result(struct dispatcher *d, struct store_op *op)
{
	d->with_store--;
	if (op->result == STORE_OK)
		dispatcher_store_worked(d);
	else if (!op->at_fault)
		dispatcher_store_failed(d);

	if (op == &d->claim.op)
		dispatcher_claimed(d);
	else if (op == &d->shift.op)
		dispatcher_shifted(d);
	else
		dispatcher_run_settled(d, op);
}

static void take_conf(struct dispatcher *d, struct conf *conf)
{
	(void)action_place_protect(d->place, conf); /* on failure the old secrets stay protected */
	conf_unref(d->conf);
	d->conf = conf;
	d->prepared = false;
	dispatcher_hold_retry(d); /* its target may be another */
	dispatcher_refresh(d);
}

static void start_drain(struct dispatcher *d)
{
	d->draining = true;
	d->drain_deadline = clock_steady() + d->conf->limits.grace;
}

/* Carries out what other threads have ordered. False: the thread must end. */
static bool take_orders(struct dispatcher *d)
{
	pthread_mutex_lock(&d->lock);
	struct store_op *op = d->orders.first;
	struct conf *conf = d->orders.conf;
	bool drain = d->orders.drain;
	bool quit = d->orders.quit;
	struct confirmation *answered = d->orders.answered;
	d->orders.first = NULL;
	d->orders.last = NULL;
	d->orders.conf = NULL;
	d->orders.answered = NULL;
	pthread_mutex_unlock(&d->lock);

	if (conf)
		take_conf(d, conf);
	if (drain && !d->draining)
		start_drain(d);
	if (atomic_exchange(&d->notified, false))
		dispatcher_refresh(d);
	dispatcher_answers_take(d, answered);
	while (op) {
		struct store_op *next = op->next;
		take_result(d, op);
		op = next;
	}
	return !quit;
}

static int wait_time(const struct dispatcher *d)
{
	int64_t deadline = dispatcher_run_deadline(d);
	if (d->draining && d->drain_deadline < deadline)
		deadline = d->drain_deadline;
	if (d->store_again < deadline)
		deadline = d->store_again;
	if (d->settle_again < deadline)
		deadline = d->settle_again;
	if (deadline == INT64_MAX)
		return -1;
	int64_t left = deadline - clock_steady();
	return left < 0 ? 0 : left > INT_MAX ? INT_MAX : (int)left;
}

static void settle_ended(void *dispatcher, struct action *a)
{
	dispatcher_run_ended(dispatcher, a);
}

/* One event per call: an action may end with it and be freed, and then no other event of
 * the same epoll_wait may point to it. */
static void wait_once(struct dispatcher *d)
{
	struct epoll_event event;
	uint64_t count;
	ssize_t got;
	int timeout = wait_time(d);

	atomic_store(&d->asleep, true);
	int n = epoll_wait(d->epoll, &event, 1, timeout);
	atomic_store(&d->asleep, false);
	atomic_fetch_add(&d->rounds, 1);
	if (n <= 0)
		return;

	if (event.data.ptr == &d->wake) {
		got = read(d->wake, &count, sizeof(count));
		(void)got;
	} else if (event.data.ptr == &d->timer) {
		dispatcher_timer_fired(d);
	} else {
		action_place_ready(d->place, event.data.ptr);
	}
}

static void meet_deadlines(struct dispatcher *d)
{
	dispatcher_run_expire(d);
	if (d->store_again <= clock_steady()) {
		d->store_again = INT64_MAX;
		d->settle_again = 0;
	}
	if (d->settle_again <= clock_steady()) {
		d->settle_again = INT64_MAX;
		if (dispatcher_store_is_well(d))
			dispatcher_run_settle_again(d);
	}
	if (d->draining && d->drain_deadline <= clock_steady()) {
		d->drain_deadline = INT64_MAX;
		dispatcher_run_interrupt(d);
	}
}

static void report_drained(struct dispatcher *d)
{
	if (!d->draining || d->drained_reported || d->running || d->waiting || d->unsettled ||
		d->with_store > 0)
		return;
	const uint64_t one = 1;
	ssize_t n = write(d->drained, &one, sizeof(one));
	(void)n;
	d->drained_reported = true;
}

/* Until the store has returned all operations. */
static void await_store(struct dispatcher *d)
{
	struct pollfd woken = {.fd = d->wake, .events = POLLIN};
	while (d->with_store > 0) {
		uint64_t count;
		(void)poll(&woken, 1, -1);
		ssize_t n = read(d->wake, &count, sizeof(count));
		(void)n;
		(void)take_orders(d);
		dispatcher_run_start_waiting(d);
		dispatcher_run_flush(d);
	}
}

static void *run_dispatcher(void *arg)
{
	struct dispatcher *d = arg;

	dispatcher_clock_start(d);
	while (take_orders(d)) {
		dispatcher_clock_check(d);
		meet_deadlines(d);
		dispatcher_run_start_waiting(d);
		dispatcher_shift(d);
		dispatcher_claim(d);
		dispatcher_run_flush(d);
		dispatcher_timer_arm(d);
		report_drained(d);
		wait_once(d);
	}
	/* Those that a claim still returns are requeued unstarted. A delivery whose result cannot
	 * be stored stays RUNNING; the store makes it READY at its next start. */
	d->draining = true;
	atomic_store(&d->asleep, true);
	dispatcher_run_kill(d);
	dispatcher_run_start_waiting(d);
	dispatcher_run_flush(d);
	await_store(d);
	dispatcher_run_free(d);
	return NULL;
}

static bool watch_fd(struct dispatcher *d, int fd, void *sign)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = sign};
	return fd >= 0 && epoll_ctl(d->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

static void free_all(struct dispatcher *d)
{
	action_place_free(d->place);
	close_fd(d->epoll);
	close_fd(d->wake);
	close_fd(d->timer);
	close_fd(d->drained);
	conf_unref(d->orders.conf);
	conf_unref(d->conf);
	dispatcher_queues_free(d);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

struct dispatcher *dispatcher_new(void)
{
	struct dispatcher *d = calloc(1, sizeof(*d));
	if (!d) {
		log_error("out of memory: cannot set up the dispatcher");
		return NULL;
	}
	pthread_mutex_init(&d->lock, NULL);
	d->store_again = INT64_MAX;
	d->settle_again = INT64_MAX;
	d->drain_deadline = INT64_MAX;
	d->payloads.max = DISPATCHER_PAYLOADS;
	atomic_store(&d->asleep, true);
	d->epoll = epoll_create1(EPOLL_CLOEXEC);
	d->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->drained = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	d->timer = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
	if (d->epoll >= 0 && d->drained >= 0 && watch_fd(d, d->wake, &d->wake) &&
		watch_fd(d, d->timer, &d->timer))
		d->place = action_place_new(d->epoll, settle_ended, d);
	else
		log_error("cannot make the dispatcher's descriptors", log_int("errno", errno));
	if (d->place == NULL) {
		free_all(d);
		return NULL;
	}
	return d;
}

void dispatcher_confirm_by(struct dispatcher *d, const struct confirmer *confirmer)
{
	d->confirmer = *confirmer;
}

bool dispatcher_start(struct dispatcher *d, struct conf *conf, struct store *st)
{
	d->conf = conf_ref(conf);
	d->store = st;
	child_find_signals_to_reset();
	if (!action_place_protect(d->place, conf))
		return false;
	d->started = thread_start(&d->thread, "dispatcher", run_dispatcher, d);
	return d->started;
}

void dispatcher_notify(void *dispatcher)
{
	struct dispatcher *d = dispatcher;
	if (!atomic_exchange(&d->notified, true))
		dispatcher_wake(d);
}

void dispatcher_reload(struct dispatcher *d, struct conf *conf)
{
	struct conf *fresh = conf_ref(conf);
	pthread_mutex_lock(&d->lock);
	struct conf *unused = d->orders.conf;
	d->orders.conf = fresh;
	pthread_mutex_unlock(&d->lock);
	conf_unref(unused);
	dispatcher_wake(d);
}

int dispatcher_drain(struct dispatcher *d)
{
	pthread_mutex_lock(&d->lock);
	d->orders.drain = true;
	pthread_mutex_unlock(&d->lock);
	dispatcher_wake(d);
	return d->drained;
}

bool dispatcher_alive(struct dispatcher *d)
{
	unsigned long long rounds = atomic_load(&d->rounds);
	bool moved = atomic_exchange(&d->rounds_seen, rounds) != rounds;
	return moved || atomic_load(&d->asleep);
}

void dispatcher_counts(struct dispatcher *d, struct dispatcher_counts *out)
{
	out->running = atomic_load(&d->running_now);
	out->done = atomic_load(&d->done);
	out->failed = atomic_load(&d->failed);
	out->dead = atomic_load(&d->dead);
}

void dispatcher_stop(struct dispatcher *d)
{
	if (!d->started)
		return;
	pthread_mutex_lock(&d->lock);
	d->orders.quit = true;
	pthread_mutex_unlock(&d->lock);
	dispatcher_wake(d);
	pthread_join(d->thread, NULL);
	d->started = false;
}

void dispatcher_free(struct dispatcher *d)
{
	if (!d)
		return;
	dispatcher_stop(d);
	if (d->store != NULL) {
		/* The store calls dispatcher_notify after it has returned operations. Once it
		 * has returned this one, the calls for those before it are over. */
		struct store_op ping = {.kind = STORE_OP_PING};
		(void)store_wait(d->store, &ping);
	}
	free_all(d);
}
