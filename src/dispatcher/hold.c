/* dispatcher/hold.c - a target that is down holds its hook: after some failures in a row over a
 * minute that say that it is not reachable or not well, its deliveries wait without using up
 * attempts. One at a time is tried, with growing gaps; each waits at least as long as the gap, so
 * that another has its turn. Once the target answers, all go on.
 *
 * A single delivery that fails may be the reason itself, and must not hold others, unless nothing
 * of it has reached the target. It is not known after a restart; a minute of failures shows it
 * again. */
#include "base/clock.h"
#include "base/log.h"
#include "private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ms. With the last gap less than 5 minutes, a backlog has time to be done in 5. */
enum { GAP_FIRST = 10000, GAP_MAX = 240000 };

/* How many different deliveries are among the failures. */
static void note_delivery(struct target *t, int64_t delivery)
{
	size_t i = 0;

	while (i < DISPATCHER_HOLD_FAILURES && t->deliveries[i] != 0 &&
		t->deliveries[i] != delivery)
		i++;
	if (i < DISPATCHER_HOLD_FAILURES)
		t->deliveries[i] = delivery;
}

static void note_failure(struct target *t, int64_t delivery, int64_t now)
{
	if (t->failures++ == 0)
		t->first = now;
	note_delivery(t, delivery);
}

static bool is_down(const struct target *t, enum attempt_target last, int64_t now)
{
	return t->failures >= DISPATCHER_HOLD_FAILURES && now - t->first >= DISPATCHER_HOLD_TIME &&
	       (last == TARGET_UNREACHABLE || t->deliveries[DISPATCHER_HOLD_FAILURES - 1] != 0);
}

/* Without memory the next failure starts it. */
static void start_hold(struct dispatcher *d, struct target *t, const char *hook, const char *why)
{
	struct dispatcher_hold *hold = calloc(1, sizeof(*hold));

	if (hold == NULL)
		return;
	(void)snprintf(hold->hook, sizeof(hold->hook), "%s", hook);
	(void)snprintf(hold->why, sizeof(hold->why), "%s", why);
	t->since = clock_steady();
	t->gap = GAP_FIRST;
	t->probe = t->since + t->gap;
	pthread_mutex_lock(&d->lock);
	t->hold = hold;
	pthread_mutex_unlock(&d->lock);
	log_warn("hook held: its target is not reachable or not well", log_text("hook", hook),
		log_int("failures", t->failures), log_text("reason", why));
}

static void end_hold(struct dispatcher *d, struct queue *q)
{
	struct target *t = &q->target;
	struct dispatcher_hold *hold = t->hold;

	if (hold == NULL)
		return;
	pthread_mutex_lock(&d->lock);
	t->hold = NULL;
	pthread_mutex_unlock(&d->lock);
	log_info("hook no longer held", log_text("hook", hold->hook),
		log_int("seconds", (clock_steady() - t->since) / 1000),
		log_int("probes", hold->probes));
	free(hold);
	q->due = 0;
}

static void probe_failed(struct dispatcher *d, struct target *t, const char *why)
{
	t->gap = t->gap * 2 < GAP_MAX ? t->gap * 2 : GAP_MAX;
	t->probe = clock_steady() + t->gap;
	pthread_mutex_lock(&d->lock);
	t->hold->probes++;
	(void)snprintf(t->hold->why, sizeof(t->hold->why), "%s", why);
	pthread_mutex_unlock(&d->lock);
}

/* It says that the target is down. */
static void judge_failure(struct dispatcher *d, struct queue *q, const struct run *r,
	const struct attempt_outcome *outcome)
{
	struct target *t = &q->target;
	int64_t now = clock_steady();

	note_failure(t, r->job->delivery, now);
	if (t->hold == NULL && is_down(t, outcome->target, now))
		start_hold(d, t, r->hook->name, outcome->message);
	else if (t->hold != NULL && r->started >= t->since)
		probe_failed(d, t, outcome->message);
}

bool dispatcher_hold_judge(struct dispatcher *d, struct queue *q, const struct run *r,
	const struct attempt_outcome *outcome, int64_t *wait)
{
	struct target *t = &q->target;
	bool held = t->hold != NULL;

	if (!r->hook->action->hold || outcome->target == TARGET_WELL) {
		end_hold(d, q);
		t->failures = 0;
		memset(t->deliveries, 0, sizeof(t->deliveries));
		return false;
	}
	if (outcome->target != TARGET_UNKNOWN)
		judge_failure(d, q, r, outcome);
	*wait = t->gap;
	return held && outcome->result == ATTEMPT_TEMPFAIL;
}

int64_t dispatcher_hold_due(const struct dispatcher *d, const struct queue *q)
{
	int64_t probe = q->target.probe + d->offset;

	return q->target.hold != NULL && q->due < probe ? probe : q->due;
}

bool dispatcher_hold_allows(const struct queue *q)
{
	return q->target.hold == NULL || (q->running == 0 && clock_steady() >= q->target.probe);
}

void dispatcher_hold_retry(struct dispatcher *d)
{
	for (struct queue *q = d->queues; q != NULL; q = q->next) {
		if (q->target.hold == NULL)
			continue;
		const struct conf_hook *hook = dispatcher_rule(d, q);
		if (hook == NULL || !hook->action->hold)
			end_hold(d, q);
		q->target.gap = GAP_FIRST;
		q->target.probe = 0;
	}
}

size_t dispatcher_holds(struct dispatcher *d, struct dispatcher_hold *out, size_t max)
{
	int64_t wall = clock_wall(), steady = clock_steady();
	size_t n = 0;

	pthread_mutex_lock(&d->lock);
	for (const struct queue *q = d->queues; q != NULL; q = q->next) {
		if (q->target.hold == NULL)
			continue;
		if (n < max) {
			out[n] = *q->target.hold;
			out[n].since = wall - (steady - q->target.since);
		}
		n++;
	}
	pthread_mutex_unlock(&d->lock);
	return n;
}
