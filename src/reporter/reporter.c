#include "reporter/reporter.h"

#include "alerts.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "digests.h"
#include "reporter/silence.h"
#include "round.h"
#include "store/report.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MINUTE       INT64_C(60000)
#define CHECK_AGAIN  (15 * MINUTE) /* a source whose silence is not unusual yet */
#define CHECK_CLOCK  (10 * MINUTE) /* the wall clock may have been set */
#define CHECK_ALERTS MINUTE
#define NEVER        INT64_MAX

struct reporter {
	struct store *store;
	struct alerts alerts; /* the thread's own, like all up to the lock */
	struct digests digests;
	pthread_t thread;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t wake;  /* one of them has changed */
	struct conf *conf;    /* a reference */
	bool notified;        /* a round is due at once */
	bool stopping;
};

static void check_source(struct round *round, const struct conf_source *source)
{
	int64_t after = round->conf->silence.after;
	char why[STORE_READ_WHY];
	struct silence silence;
	struct buf body = {0};

	if (!silence_check(round->store, source->name, round->now, after, &silence, why)) {
		round_failed(round, "cannot read the store to check for silence", why);
		return;
	}
	if (silence.last != 0 && silence.last + after > round->now)
		round_schedule(round, silence.last + after);
	else
		round_schedule(round, round->now + (after < CHECK_AGAIN ? after : CHECK_AGAIN));
	if (!silence.alarming)
		return;
	if (silence_body(source, &silence, round->now, after, &body))
		(void)round_store(round, round->conf->silence_hook, &body);
	else
		round_failed(round, "out of memory: report not made", source->name);
	buf_free(&body);
}

static void check_silence(struct round *round)
{
	const struct conf_silence *silence = &round->conf->silence;
	const struct conf *conf = round->conf;

	for (size_t i = 0; i < silence->source_count; i++)
		check_source(round, silence->sources[i]);
	for (size_t i = 0; silence->source_count == 0 && i < conf->source_count; i++)
		check_source(round, &conf->sources[i]);
}

/* Makes the reports that are due. Returns the unix ms of the next round. */
static int64_t make_due_reports(struct reporter *r, const struct conf *conf)
{
	struct round round = {.writer = r->store, .conf = conf, .now = clock_wall(), .next = NEVER};
	char why[STORE_READ_WHY];

	if (conf->alert_hook != NULL)
		round_schedule(&round, round.now + CHECK_ALERTS);
	if (conf->digest_hook == NULL && conf->silence_hook == NULL &&
		(conf->alert_hook == NULL || !alerts_find(&r->alerts, &round)))
		return round.next;
	round.store = store_reader_open(conf->store.path, why);
	if (round.store == NULL) {
		round_failed(&round, "cannot read the store for a report", why);
		return round.next;
	}
	if (conf->digest_hook != NULL)
		digests_check(&r->digests, &round);
	if (conf->silence_hook != NULL)
		check_silence(&round);
	if (conf->alert_hook != NULL)
		alerts_check(&r->alerts, &round);
	store_reader_close(round.store);
	return round.next;
}

/* Sleeps until then by the wall clock, which it reads from time to time, since it may be set. */
static void sleep_until(struct reporter *r, const struct conf *conf, int64_t until)
{
	int64_t left;

	(void)pthread_mutex_lock(&r->lock);
	while (!r->stopping && !r->notified && r->conf == conf &&
		(left = until - clock_wall()) > 0) {
		if (until == NEVER)
			(void)pthread_cond_wait(&r->wake, &r->lock);
		else /* better late than twice */
			(void)thread_wait_until(&r->wake, &r->lock,
				clock_steady() + (left < CHECK_CLOCK ? left : CHECK_CLOCK) + 1000);
	}
	(void)pthread_mutex_unlock(&r->lock);
}

/* A reference to the current conf. NULL: stop. */
static struct conf *current_conf(struct reporter *r)
{
	struct conf *conf;

	(void)pthread_mutex_lock(&r->lock);
	conf = r->stopping ? NULL : conf_ref(r->conf);
	r->notified = false;
	(void)pthread_mutex_unlock(&r->lock);
	return conf;
}

static void *report_until_stopped(void *arg)
{
	struct reporter *r = arg;
	struct conf *conf;

	while ((conf = current_conf(r)) != NULL) {
		sleep_until(r, conf, make_due_reports(r, conf));
		conf_unref(conf);
	}
	return NULL;
}

struct reporter *reporter_start(struct conf *conf, const struct reporter_watched *watched)
{
	struct reporter *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		log_error("out of memory: reporter not started");
		return NULL;
	}
	r->store = watched->store;
	r->alerts = (struct alerts){.watched = *watched, .started = clock_steady()};
	r->digests.dispatcher = watched->dispatcher;
	r->conf = conf_ref(conf);
	(void)pthread_mutex_init(&r->lock, NULL);
	thread_condition_init(&r->wake);
	if (thread_start(&r->thread, "reporter", report_until_stopped, r))
		return r;
	conf_unref(r->conf);
	free(r);
	return NULL;
}

void reporter_reload(struct reporter *r, struct conf *conf)
{
	struct conf *old;

	(void)pthread_mutex_lock(&r->lock);
	old = r->conf;
	r->conf = conf_ref(conf);
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
	conf_unref(old);
}

void reporter_notify(struct reporter *r)
{
	(void)pthread_mutex_lock(&r->lock);
	r->notified = true;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
}

void reporter_stop(struct reporter *r)
{
	if (r == NULL)
		return;
	(void)pthread_mutex_lock(&r->lock);
	r->stopping = true;
	(void)pthread_cond_signal(&r->wake);
	(void)pthread_mutex_unlock(&r->lock);
	(void)pthread_join(r->thread, NULL);
	conf_unref(r->conf);
	(void)pthread_cond_destroy(&r->wake);
	(void)pthread_mutex_destroy(&r->lock);
	free(r);
}
