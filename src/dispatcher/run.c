/* dispatcher/run.c - a claimed delivery: waits for a slot, starts, ends, and is settled in the
 * store. */
#include "base/clock.h"
#include "base/log.h"
#include "private.h"
#include "retry.h"

#include <assert.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

enum { CRASHES_MAX = 10 }; /* in a row: the action may be what brings hookd down each time */

unsigned dispatcher_run_reserve(struct dispatcher *d, unsigned wanted)
{
	while (d->idle_count < wanted) {
		struct run *r = calloc(1, sizeof(*r));
		if (!r)
			break;
		r->next = d->idle;
		d->idle = r;
		d->idle_count++;
	}
	return d->idle_count < wanted ? d->idle_count : wanted;
}

static const struct attempt_outcome *outcome_of(const struct run *r)
{
	return r->action ? &r->action->outcome : &r->not_run;
}

static void settle_done(struct store_op *op)
{
	struct run *r = (struct run *)(void *)op;
	dispatcher_op_returned(r->dispatcher, op);
}

static void add_to_batch(struct dispatcher *d, struct run *r)
{
	/* The delay starts when the result is submitted, also when it is submitted again. It is
	 * counted with the known offset, not from the wall clock: if that has just been set, the
	 * shift that follows moves this delivery as well. */
	r->settle.due_at = clock_steady() + d->offset + r->retry_in;
	r->settle.op.next = NULL;
	if (d->batch_count++ == 0) {
		d->batch_since = clock_steady();
		d->batch = &r->settle.op;
	} else {
		*d->batch_end = &r->settle.op;
	}
	d->batch_end = &r->settle.op.next;
}

/* Adds it to the batch, or keeps it until the store works again. */
static void submit_settle(struct dispatcher *d, struct run *r, struct store_settle settle)
{
	r->settle = settle;
	r->settle.op = (struct store_op){.kind = STORE_OP_SETTLE, .done = settle_done};
	r->settle.delivery = r->job->delivery;
	r->settle.attempt = r->job->attempt;
	if (dispatcher_store_is_well(d)) {
		add_to_batch(d, r);
	} else {
		r->next = d->unsettled;
		d->unsettled = r;
	}
}

void dispatcher_run_flush(struct dispatcher *d)
{
	/* It may go with the next claim, or wait for more results while one is under way. */
	bool may_wait = !d->draining && d->batch_count < DISPATCHER_AHEAD &&
			(d->claim_busy || d->waiting_count > 0);

	if (d->batch_count > 0 &&
		(!may_wait || clock_steady() - d->batch_since >= DISPATCHER_BATCH_TIME))
		dispatcher_submit(d, NULL);
}

/* Decides the delivery's new state from the outcome, and submits it to the store. */
static void settle(struct dispatcher *d, struct run *r)
{
	const struct attempt_outcome *outcome = outcome_of(r);
	const struct conf_hook *on_failure = r->hook->on_failure;
	enum delivery_state state = DELIVERY_READY;
	int64_t wait = 0;
	bool held = dispatcher_hold_judge(d, r->queue, r, outcome, &wait);

	switch (outcome->result) {
	case ATTEMPT_OK:
		state = DELIVERY_DONE;
		break;
	case ATTEMPT_PERMFAIL:
		state = DELIVERY_DEAD;
		break;
	case ATTEMPT_TEMPFAIL:
		r->retry_in = held ? wait
				   : retry_delay(&r->hook->action->retry, r->job->failures + 1,
					     randombytes_random());
		if (r->retry_in < 0) {
			r->retry_in = 0;
			state = DELIVERY_DEAD;
		} else if (r->retry_in < outcome->retry_after) {
			r->retry_in = outcome->retry_after;
		}
		break;
	case ATTEMPT_INTERRUPTED:
		break;
	}
	r->took = clock_steady() - r->started;
	r->ended_at = clock_wall();
	submit_settle(d, r,
		(struct store_settle){
			.outcome = outcome,
			.started_at = r->job->started_at,
			.ended_at = r->ended_at,
			.state = state,
			.uncounted = held,
			.once = r->hook->once == CONF_ONCE_ENTITY,
			.failure_hook = on_failure != NULL ? on_failure->store_id : 0,
		});
}

static void settle_not_run(
	struct dispatcher *d, struct run *r, enum attempt_result result, const char *message)
{
	r->not_run = (struct attempt_outcome){.result = result, .exit_code = -1};
	(void)snprintf(r->not_run.message, sizeof(r->not_run.message), "%s", message);
	settle(d, r);
}

static void add_running(struct dispatcher *d, struct run *r)
{
	r->next = d->running;
	d->running = r;
	r->queue->running++;
	atomic_store(&d->running_now, ++d->running_count);
}

void dispatcher_run_take(struct dispatcher *d, struct queue *queue, struct delivery_job *job)
{
	struct run **end = &d->waiting;
	struct run *r = d->idle;

	assert(r); /* a claim is never larger than what was reserved */
	d->idle = r->next;
	d->idle_count--;
	*r = (struct run){
		.dispatcher = d,
		.queue = queue,
		.job = job,
		.claimed = clock_steady(),
		.bytes = dispatcher_payload_take(d, job),
	};
	while (*end != NULL)
		end = &(*end)->next;
	*end = r;
	queue->waiting++;
	d->waiting_count++;
}

/* Why a delivery must not be tried; NULL: it may. What reports a failure is run with what there is.
 */
static const char *why_not(const struct delivery_job *job)
{
	if (job->crashes >= CRASHES_MAX)
		return "hookd was killed or crashed during 10 attempts in a row: not tried again";
	if (job->unreadable && job->failure == NULL)
		return "not run: the store cannot read the event; see hookctl check";
	if (job->damaged && job->failure == NULL)
		return "not run: the stored payload is damaged; have the event sent again, then "
		       "replay";
	return NULL;
}

static void start_attempt(struct dispatcher *d, struct run *r, const struct conf_hook *hook)
{
	r->conf = conf_ref(d->conf);
	r->hook = hook;
	r->started = clock_steady();
	r->job->started_at = clock_wall();

	const char *why = why_not(r->job);
	if (why != NULL) {
		settle_not_run(d, r, ATTEMPT_PERMFAIL, why);
		return;
	}
	if (r->job->damaged || r->job->unreadable)
		log_warn(r->job->damaged ? "an on_failure hook gets a damaged payload"
					 : "an on_failure hook gets no payload: it cannot be read",
			log_int("event", r->job->event), log_text("hook", hook->name));
	enum action_step step;
	r->action = action_start(d->place, r->conf, hook, r->job, &step);
	if (!r->action) {
		settle_not_run(d, r, ATTEMPT_TEMPFAIL, "not run: out of memory");
		return;
	}
	add_running(d, r);
	if (step == ACTION_FINISHED)
		dispatcher_run_ended(d, r->action);
}

static struct run *take_from_waiting(struct dispatcher *d, struct run **link)
{
	struct run *r = *link;

	*link = r->next;
	r->queue->waiting--;
	d->waiting_count--;
	return r;
}

void dispatcher_run_await_slot(struct dispatcher *d, struct run *r)
{
	struct run **end = &d->waiting;

	r->claimed = clock_steady();
	r->next = NULL;
	while (*end != NULL)
		end = &(*end)->next;
	*end = r;
	r->queue->waiting++;
	d->waiting_count++;
}

void dispatcher_run_leave(struct dispatcher *d, struct run *r, bool skip, int64_t wait)
{
	r->retry_in = wait;
	submit_settle(d, r,
		(struct store_settle){
			.unstarted = true,
			.state = skip ? DELIVERY_SKIPPED : DELIVERY_READY,
			.deferred = !skip && wait > 0,
			.skipped = skip,
			.reason = r->question.why,
			.ended_at = clock_wall(),
		});
}

void dispatcher_run_refuse(struct dispatcher *d, struct run *r, enum attempt_result result)
{
	r->started = clock_steady();
	r->job->started_at = clock_wall();
	settle_not_run(d, r, result, r->question.why);
}

static void requeue_unstarted(struct dispatcher *d, struct run *r)
{
	submit_settle(d, r, (struct store_settle){.unstarted = true, .state = DELIVERY_READY});
}

static bool has_room(const struct dispatcher *d, const struct conf_hook *hook, const struct run *r)
{
	return d->running_count < d->conf->limits.concurrency &&
	       r->queue->running < hook->action->concurrency;
}

/* Attempts have become longer: no delivery is claimed ahead until they are short again. */
static void requeue_waiting(struct dispatcher *d)
{
	while (d->waiting != NULL)
		requeue_unstarted(d, take_from_waiting(d, &d->waiting));
	for (struct queue *q = d->queues; q != NULL; q = q->next)
		q->took = DISPATCHER_TOOK_FIRST;
}

static void start_or_ask(struct dispatcher *d, struct run *r, const struct conf_hook *hook)
{
	if (r->confirmed || !dispatcher_confirm_ask(d, r, hook))
		start_attempt(d, r, hook);
}

void dispatcher_run_start_waiting(struct dispatcher *d)
{
	struct run **link = &d->waiting;

	while (*link != NULL) {
		const struct conf_hook *hook = dispatcher_rule(d, (*link)->queue);
		if (!d->draining && hook != NULL && !has_room(d, hook, *link))
			link = &(*link)->next;
		else if (d->draining || hook == NULL || !dispatcher_hold_allows((*link)->queue) ||
			 store_hook_paused(d->store, hook->store_id))
			requeue_unstarted(d, take_from_waiting(d, link));
		else
			start_or_ask(d, take_from_waiting(d, link), hook);
	}
	if (d->waiting != NULL && clock_steady() - d->waiting->claimed >= DISPATCHER_AHEAD_MAX)
		requeue_waiting(d);
}

/* A moving average over about eight attempts. */
static void average_time(struct queue *q, int64_t ms)
{
	const int64_t longest = 3600000;

	if (ms > longest)
		ms = longest;
	q->took = (unsigned)((q->took * INT64_C(7) + ms * DISPATCHER_TOOK_UNIT) / 8) + 1;
}

void dispatcher_run_ended(struct dispatcher *d, struct action *a)
{
	struct run **link = &d->running;
	while ((*link)->action != a)
		link = &(*link)->next;
	struct run *r = *link;
	*link = r->next;
	r->queue->running--;
	average_time(r->queue, clock_steady() - r->started);
	/* Its result may make the next delivery of the same ordering key due. */
	if (r->hook->order == CONF_ORDER_ENTITY)
		r->queue->due = 0;
	atomic_store(&d->running_now, --d->running_count);
	settle(d, r);
}

int64_t dispatcher_run_deadline(const struct dispatcher *d)
{
	int64_t nearest = INT64_MAX;
	for (const struct run *r = d->running; r; r = r->next)
		if (r->action->deadline < nearest)
			nearest = r->action->deadline;
	if (d->waiting != NULL && d->waiting->claimed + DISPATCHER_AHEAD_MAX < nearest)
		nearest = d->waiting->claimed + DISPATCHER_AHEAD_MAX;
	if (d->batch_count > 0 && d->batch_since + DISPATCHER_BATCH_TIME < nearest)
		nearest = d->batch_since + DISPATCHER_BATCH_TIME;
	return nearest;
}

void dispatcher_run_expire(struct dispatcher *d)
{
	int64_t now = clock_steady();
	struct run *next;
	for (struct run *r = d->running; r; r = next) {
		struct action *a = r->action;
		next = r->next;
		if (a->deadline <= now && action_expire(a) == ACTION_FINISHED)
			dispatcher_run_ended(d, a);
	}
}

void dispatcher_run_interrupt(struct dispatcher *d)
{
	for (struct run *r = d->running; r; r = r->next)
		action_interrupt(r->action);
}

void dispatcher_run_settle_again(struct dispatcher *d)
{
	struct run *r = d->unsettled;
	d->unsettled = NULL;
	while (r) {
		struct run *next = r->next;
		add_to_batch(d, r);
		r = next;
	}
}

static void keep_unsettled(struct dispatcher *d, struct run *r)
{
	r->next = d->unsettled;
	d->unsettled = r;
	if (r->settle.op.at_fault && d->settle_again == INT64_MAX)
		d->settle_again = clock_steady() + DISPATCHER_SETTLE_AGAIN;
}

/* "750ms", "40s", "12m", "3h" */
static void format_wait(char *out, size_t size, int64_t ms)
{
	const int64_t second = 1000;
	const int64_t minute = 60 * second;
	const int64_t hour = 60 * minute;

	if (ms < second)
		(void)snprintf(out, size, "%" PRId64 "ms", ms);
	else if (ms < 10 * minute)
		(void)snprintf(out, size, "%" PRId64 "s", (ms + second / 2) / second);
	else if (ms < 10 * hour)
		(void)snprintf(out, size, "%" PRId64 "m", (ms + minute / 2) / minute);
	else
		(void)snprintf(out, size, "%" PRId64 "h", (ms + hour / 2) / hour);
}

static void log_settled(const struct run *r)
{
	const struct attempt_outcome *o = outcome_of(r);
	struct log_field event = log_int("event", r->job->event);
	struct log_field hook = log_text("hook", r->hook->name);
	struct log_field attempt = log_int("attempt", r->job->attempt);
	struct log_field reason = log_text("reason", o->message);
	struct log_field code = log_text("exit", NULL);
	char wait[32];

	if (o->exit_code >= 0)
		code = log_int("exit", o->exit_code);
	else if (o->status > 0)
		code = log_int("status", o->status);
	if (o->result == ATTEMPT_OK) {
		log_info("delivery done", event, hook, attempt, log_int("ms", r->took));
	} else if (r->settle.state == DELIVERY_DEAD) {
		log_error("delivery dead", event, hook, attempt, code, reason);
	} else if (o->result == ATTEMPT_INTERRUPTED) {
		log_info("delivery requeued", event, hook, attempt, reason);
	} else {
		format_wait(wait, sizeof(wait), r->retry_in);
		log_warn("delivery failed", event, hook, attempt, code, log_text("retry_in", wait),
			reason);
	}
}

static void count_settled(struct dispatcher *d, const struct run *r)
{
	enum attempt_result result = outcome_of(r)->result;

	if (result == ATTEMPT_TEMPFAIL || result == ATTEMPT_PERMFAIL)
		atomic_fetch_add(&d->failed, 1);
	if (r->settle.state == DELIVERY_DONE)
		atomic_fetch_add(&d->done, 1);
	if (r->settle.state == DELIVERY_DEAD)
		atomic_fetch_add(&d->dead, 1);
}

static void free_run(struct run *r)
{
	dispatcher_payload_free(r->dispatcher, r->bytes);
	if (r->action)
		action_free(r->action);
	else
		delivery_job_free(r->job);
	conf_unref(r->conf);
	free(r);
}

void dispatcher_run_settled(struct dispatcher *d, struct store_op *op)
{
	struct run *r = (struct run *)(void *)op;

	if (op->result != STORE_OK) {
		if (!r->settle.unstarted)
			log_error("cannot store an attempt's result: it is kept and tried again",
				log_int("event", r->job->event), log_text("hook", r->hook->name),
				log_int("attempt", r->job->attempt));
		keep_unsettled(d, r);
		return;
	}
	if (r->settle.unstarted) {
		free_run(r);
		return;
	}
	if (r->settle.state == DELIVERY_READY && r->settle.due_at < r->queue->due)
		r->queue->due = r->settle.due_at;
	log_settled(r);
	count_settled(d, r);
	free_run(r);
}

void dispatcher_run_kill(struct dispatcher *d)
{
	while (d->running != NULL) {
		struct action *a = d->running->action;
		action_kill(a);
		dispatcher_run_ended(d, a);
	}
}

void dispatcher_run_free(struct dispatcher *d)
{
	while (d->unsettled) {
		struct run *r = d->unsettled;
		d->unsettled = r->next;
		free_run(r);
	}
	while (d->idle) {
		struct run *r = d->idle;
		d->idle = r->next;
		free(r);
	}
	d->idle_count = 0;
}
