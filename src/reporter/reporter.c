#include "reporter/reporter.h"

#include "base/clock.h"
#include "base/log.h"
#include "digest.h"
#include "event/event.h"
#include "schedule.h"
#include "silence.h"
#include "store/report.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define MINUTE        INT64_C(60000)
#define LOOK_AGAIN    (15 * MINUTE) /* at a source that is silent but at a usual time for it */
#define STORE_AGAIN   (5 * MINUTE)  /* when the store could not be read or written */
#define LOOK_AT_CLOCK (10 * MINUTE)
#define NEVER         INT64_MAX

struct reporter {
	struct store *store;
	pthread_t thread;
	int64_t digested; /* the thread's: the due time of the digest last seen to */

	pthread_mutex_t lock; /* guards `conf` and `stopping` */
	pthread_cond_t wake;  /* either has changed */
	struct conf *conf;    /* a reference */
	bool stopping;
};

/* What one look at the store works with. */
struct look {
	struct reporter *reporter;
	const struct conf *conf;
	struct store_reader *store;
	int64_t now;
	int64_t next; /* unix ms of the next look */
};

static void be_back(struct look *look, int64_t at)
{
	if (at < look->next)
		look->next = at;
}

static void say_failure(struct look *look, const char *what, const char *why)
{
	log_error(what, log_text("reason", why));
	be_back(look, look->now + STORE_AGAIN);
}

/* Puts an event of our own, with a delivery for the hook, unless it is there. */
static bool put(struct look *look, const struct conf_hook *hook, const struct buf *body)
{
	struct event ev;
	struct store_put put = {
		.op = {.kind = STORE_OP_PUT},
		.event = &ev,
		.hooks = &hook->store_id,
		.hook_count = 1,
	};

	if (!event_parse(&ev, &look->conf->own.sender->shape, body->data, body->len)) {
		say_failure(look, "no memory for a report", hook->name);
		return false;
	}
	event_drop_document(&ev);
	ev.source = look->conf->own.name;
	ev.source_id = look->conf->own.store_id;
	ev.received_at = look->now;
	ev.origin = "api";
	switch (store_wait(look->reporter->store, &put.op)) {
	case STORE_OK:
		log_info("report made", log_int("event", put.event_id), log_text("type", ev.type),
			log_text("hook", hook->name));
		break;
	case STORE_DUPLICATE:
		break;
	case STORE_FULL:
	case STORE_ERROR:
		say_failure(look, "a report could not be stored: it is tried again", ev.type);
		break;
	}
	event_free(&ev);
	return put.op.result == STORE_OK || put.op.result == STORE_DUPLICATE;
}

static bool has(struct look *look, const char *key, bool *there)
{
	char why[STORE_READ_WHY];

	if (store_report_has(look->store, look->conf->own.name, key, there, why))
		return true;
	say_failure(look, "the store could not be read for a report", why);
	return false;
}

/* Was there anything in the store by then? A new hookd has no yesterday. */
static bool had_begun(struct look *look, int64_t due)
{
	char why[STORE_READ_WHY];
	int64_t first;

	if (store_report_first(look->store, &first, why))
		return first != 0 && first < due;
	say_failure(look, "the store could not be read for a report", why);
	return false;
}

static void make_digest(struct look *look, const char *day, int64_t due)
{
	const struct conf_digest *digest = &look->conf->digest;
	int64_t from = schedule_last(due - 1, digest->at), died;
	char why[STORE_READ_WHY];
	struct buf body = {0};

	if (!digest_make(look->store, look->conf, day, from, due, &body, &died, why))
		say_failure(look, "the digest could not be made: it is tried again", why);
	else if ((digest->when == CONF_DIGEST_DEAD && died == 0) ||
		 put(look, look->conf->digest_hook, &body))
		look->reporter->digested = due;
	buf_free(&body);
}

/* The digest of the last due time, unless it was made. Of those that were missed
 * while hookd was off only the last is made up for. */
static void look_at_digest(struct look *look)
{
	unsigned at = look->conf->digest.at;
	int64_t due = schedule_last(look->now, at);
	char day[CLOCK_TEXT], key[64];
	bool there;

	be_back(look, schedule_next(look->now, at));
	if (due == look->reporter->digested)
		return;
	clock_local(due, day);
	day[10] = '\0'; /* 2026-06-30 */
	(void)snprintf(key, sizeof(key), "id:digest-%s", day);
	if (has(look, key, &there) && !there && had_begun(look, due))
		make_digest(look, day, due);
}

static void look_at_source(struct look *look, const struct conf_source *source)
{
	int64_t after = look->conf->silence.after;
	char why[STORE_READ_WHY];
	struct silence silence;
	struct buf body = {0};

	if (!silence_check(look->store, source->name, look->now, after, &silence, why)) {
		say_failure(look, "the store could not be read for silence", why);
		return;
	}
	if (silence.last != 0 && silence.last + after > look->now)
		be_back(look, silence.last + after);
	else
		be_back(look, look->now + (after < LOOK_AGAIN ? after : LOOK_AGAIN));
	if (!silence.alarming)
		return;
	if (silence_body(source, &silence, look->now, after, &body))
		(void)put(look, look->conf->silence_hook, &body);
	else
		say_failure(look, "no memory for a report", source->name);
	buf_free(&body);
}

static void look_at_silence(struct look *look)
{
	const struct conf_silence *silence = &look->conf->silence;
	const struct conf *conf = look->conf;

	for (size_t i = 0; i < silence->source_count; i++)
		look_at_source(look, silence->sources[i]);
	for (size_t i = 0; silence->source_count == 0 && i < conf->source_count; i++)
		look_at_source(look, &conf->sources[i]);
}

/* Makes what is due; returns the unix ms of the next look. */
static int64_t look_around(struct reporter *r, const struct conf *conf)
{
	struct look look = {.reporter = r, .conf = conf, .now = clock_wall(), .next = NEVER};
	char why[STORE_READ_WHY];

	if (conf->digest_hook == NULL && conf->silence_hook == NULL)
		return NEVER;
	look.store = store_reader_open(conf->store.path, why);
	if (look.store == NULL) {
		say_failure(&look, "the store could not be read for a report", why);
		return look.next;
	}
	if (conf->digest_hook != NULL)
		look_at_digest(&look);
	if (conf->silence_hook != NULL)
		look_at_silence(&look);
	store_reader_close(look.store);
	return look.next;
}

/* Sleeps until then by the wall clock, which may be set meanwhile: a look at it now
 * and then is enough. */
static void sleep_until(struct reporter *r, const struct conf *conf, int64_t until)
{
	struct timespec at;
	int64_t left;

	(void)pthread_mutex_lock(&r->lock);
	while (!r->stopping && r->conf == conf && (left = until - clock_wall()) > 0) {
		if (until == NEVER) {
			(void)pthread_cond_wait(&r->wake, &r->lock);
			continue;
		}
		if (left > LOOK_AT_CLOCK)
			left = LOOK_AT_CLOCK;
		(void)clock_gettime(CLOCK_MONOTONIC, &at);
		at.tv_sec += (time_t)(left / 1000) + 1; /* rather late than twice */
		(void)pthread_cond_timedwait(&r->wake, &r->lock, &at);
	}
	(void)pthread_mutex_unlock(&r->lock);
}

/* The conf of now, a reference; NULL: it is time to stop. */
static struct conf *take_conf(struct reporter *r)
{
	struct conf *conf;

	(void)pthread_mutex_lock(&r->lock);
	conf = r->stopping ? NULL : conf_ref(r->conf);
	(void)pthread_mutex_unlock(&r->lock);
	return conf;
}

static void *run_thread(void *arg)
{
	struct reporter *r = arg;
	struct conf *conf;

	(void)pthread_setname_np(pthread_self(), "reporter");
	while ((conf = take_conf(r)) != NULL) {
		sleep_until(r, conf, look_around(r, conf));
		conf_unref(conf);
	}
	return NULL;
}

struct reporter *reporter_start(struct conf *conf, struct store *st)
{
	struct reporter *r = calloc(1, sizeof(*r));
	pthread_condattr_t monotonic;
	sigset_t all, before;
	int error;

	if (r == NULL) {
		log_error("no memory for the reporter");
		return NULL;
	}
	r->store = st;
	r->conf = conf_ref(conf);
	(void)pthread_mutex_init(&r->lock, NULL);
	(void)pthread_condattr_init(&monotonic);
	(void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	(void)pthread_cond_init(&r->wake, &monotonic);
	(void)pthread_condattr_destroy(&monotonic);
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are the main thread's */
	error = pthread_create(&r->thread, NULL, run_thread, r);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error == 0)
		return r;
	log_error("cannot start the reporter's thread", log_int("errno", error));
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
