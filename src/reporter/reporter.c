#include "reporter/reporter.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "digest.h"
#include "event/event.h"
#include "schedule.h"
#include "silence.h"
#include "store/report.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define MINUTE      INT64_C(60000)
#define CHECK_AGAIN (15 * MINUTE) /* a source whose silence is not unusual yet */
#define RETRY_STORE (5 * MINUTE)  /* after it could not be read or written */
#define CHECK_CLOCK (10 * MINUTE) /* the wall clock may have been set */
#define NEVER       INT64_MAX

struct reporter {
	struct store *store;
	pthread_t thread;
	int64_t digested; /* the thread's own: when the last digest that was made was due */

	pthread_mutex_t lock; /* guards `conf` and `stopping` */
	pthread_cond_t wake;  /* either has changed */
	struct conf *conf;    /* a reference */
	bool stopping;
};

/* One round: what the thread works with between two sleeps. */
struct round {
	struct reporter *reporter;
	const struct conf *conf;
	struct store_reader *store;
	int64_t now;
	int64_t next; /* unix ms of the next round */
};

static void schedule_round(struct round *round, int64_t at)
{
	if (at < round->next)
		round->next = at;
}

static void report_failure(struct round *round, const char *what, const char *why)
{
	log_error(what, log_text("reason", why));
	schedule_round(round, round->now + RETRY_STORE);
}

/* Stores a report as an event of the source "hookd", with a delivery for the hook, unless the
 * store has it already. */
static bool store_report(struct round *round, const struct conf_hook *hook, const struct buf *body)
{
	struct event ev;
	struct store_put put = {
		.op = {.kind = STORE_OP_PUT},
		.event = &ev,
		.hooks = &hook->store_id,
		.hook_count = 1,
	};

	if (!event_parse(&ev, &round->conf->own.sender->shape, body->data, body->len)) {
		report_failure(round, "out of memory: report not made", hook->name);
		return false;
	}
	event_drop_document(&ev);
	ev.source = round->conf->own.name;
	ev.source_id = round->conf->own.store_id;
	ev.received_at = round->now;
	ev.origin = "api";
	switch (store_wait(round->reporter->store, &put.op)) {
	case STORE_OK:
		log_info("report made", log_int("event", put.event_id), log_text("type", ev.type),
			log_text("hook", hook->name));
		break;
	case STORE_DUPLICATE:
		break;
	case STORE_FULL:
	case STORE_ERROR:
		report_failure(round, "report not stored, will be retried", ev.type);
		break;
	}
	event_free(&ev);
	return put.op.result == STORE_OK || put.op.result == STORE_DUPLICATE;
}

static bool find_report(struct round *round, const char *key, bool *there)
{
	char why[STORE_READ_WHY];

	if (store_report_has(round->store, round->conf->own.name, key, there, why))
		return true;
	report_failure(round, "cannot read the store for a report", why);
	return false;
}

/* Did the store have an event by then? A new hookd makes no digest of the day before. */
static bool had_events(struct round *round, int64_t due)
{
	char why[STORE_READ_WHY];
	int64_t first;

	if (store_report_first(round->store, &first, why))
		return first != 0 && first < due;
	report_failure(round, "cannot read the store for a report", why);
	return false;
}

static void make_digest(struct round *round, const char *day, int64_t due)
{
	const struct conf_digest *digest = &round->conf->digest;
	int64_t from = schedule_last(due - 1, digest->at), died;
	char why[STORE_READ_WHY];
	struct buf body = {0};

	if (!digest_make(round->store, round->conf, day, from, due, &body, &died, why))
		report_failure(round, "digest not made, will be retried", why);
	else if ((digest->when == CONF_DIGEST_DEAD && died == 0) ||
		 store_report(round, round->conf->digest_hook, &body))
		round->reporter->digested = due;
	buf_free(&body);
}

/* Makes the digest of the last due time unless it was made. Of those that hookd missed while it was
 * stopped, it makes only the last. */
static void check_digest(struct round *round)
{
	unsigned at = round->conf->digest.at;
	int64_t due = schedule_last(round->now, at);
	char day[CLOCK_TEXT], key[64];
	bool there;

	schedule_round(round, schedule_next(round->now, at));
	if (due == round->reporter->digested)
		return;
	clock_local(due, day);
	day[10] = '\0'; /* 2026-06-30 */
	(void)snprintf(key, sizeof(key), "id:digest-%s", day);
	if (find_report(round, key, &there) && !there && had_events(round, due))
		make_digest(round, day, due);
}

static void check_source(struct round *round, const struct conf_source *source)
{
	int64_t after = round->conf->silence.after;
	char why[STORE_READ_WHY];
	struct silence silence;
	struct buf body = {0};

	if (!silence_check(round->store, source->name, round->now, after, &silence, why)) {
		report_failure(round, "cannot read the store to check for silence", why);
		return;
	}
	if (silence.last != 0 && silence.last + after > round->now)
		schedule_round(round, silence.last + after);
	else
		schedule_round(round, round->now + (after < CHECK_AGAIN ? after : CHECK_AGAIN));
	if (!silence.alarming)
		return;
	if (silence_body(source, &silence, round->now, after, &body))
		(void)store_report(round, round->conf->silence_hook, &body);
	else
		report_failure(round, "out of memory: report not made", source->name);
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
	struct round round = {.reporter = r, .conf = conf, .now = clock_wall(), .next = NEVER};
	char why[STORE_READ_WHY];

	if (conf->digest_hook == NULL && conf->silence_hook == NULL)
		return NEVER;
	round.store = store_reader_open(conf->store.path, why);
	if (round.store == NULL) {
		report_failure(&round, "cannot read the store for a report", why);
		return round.next;
	}
	if (conf->digest_hook != NULL)
		check_digest(&round);
	if (conf->silence_hook != NULL)
		check_silence(&round);
	store_reader_close(round.store);
	return round.next;
}

/* Sleeps until then by the wall clock, which it reads from time to time, since it may be set. */
static void sleep_until(struct reporter *r, const struct conf *conf, int64_t until)
{
	int64_t left;

	(void)pthread_mutex_lock(&r->lock);
	while (!r->stopping && r->conf == conf && (left = until - clock_wall()) > 0) {
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

struct reporter *reporter_start(struct conf *conf, struct store *st)
{
	struct reporter *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		log_error("out of memory: reporter not started");
		return NULL;
	}
	r->store = st;
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
