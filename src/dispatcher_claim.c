#include "clock.h"
#include "dispatcher_private.h"
#include "log.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	CLOCK_STEP = 1000, /* ms: less is not called a jump */
	CLOCK_PAUSE = 100, /* ms: between two readings that belong together */
};

#define CLOCK_UNSET INT64_C(1577836800000) /* 2020: a clock before that was never set */
#define TIMER_NEVER INT64_C(9000000000000) /* year 2255 */

static void claim_done(struct store_op *op)
{
	char *base = (char *)op - offsetof(struct dispatcher, claim.op);
	dispatcher_deliver((struct dispatcher *)(void *)base, op);
}

static unsigned running_of(const struct dispatcher *d, int64_t hook)
{
	unsigned n = 0;
	for (const struct run *r = d->running; r; r = r->next)
		n += r->job->hook == hook;
	return n;
}

/* The hooks that have room, the one after the last served first: the store
 * serves them in rounds, and `total` may end a round anywhere. */
static size_t fill_wants(struct dispatcher *d)
{
	const struct conf *conf = d->conf;
	size_t first = 0;
	size_t n = 0;

	for (size_t i = 0; i < conf->all_count; i++)
		if (conf->all[i]->store_id == d->last_served)
			first = i + 1;
	for (size_t i = 0; i < conf->all_count; i++) {
		const struct conf_hook *hook = conf->all[(first + i) % conf->all_count];
		unsigned running = running_of(d, hook->store_id);
		if (running < hook->action->concurrency)
			d->wants[n++] = (struct store_want){
				.hook = hook->store_id,
				.max = hook->action->concurrency - running,
				.ordered = hook->order == CONF_ORDER_ENTITY,
				.skip_stale = hook->skip_stale,
			};
	}
	return n;
}

void dispatcher_claim(struct dispatcher *d)
{
	const struct conf *conf = d->conf;

	if (!d->claim_wanted || d->claim_busy || d->draining || !dispatcher_store_is_well(d))
		return;
	/* When all is taken, the next attempt to end brings us back. */
	if (conf->all_count == 0 || d->running_count >= conf->limits.concurrency)
		return;
	struct store_want *wants = realloc(d->wants, conf->all_count * sizeof(*wants));
	if (wants)
		d->wants = wants;
	unsigned total =
		wants ? dispatcher_run_reserve(d, conf->limits.concurrency - d->running_count) : 0;
	if (total == 0) {
		log_error("no memory to claim deliveries");
		dispatcher_store_failed(d); /* so that it is tried again later */
		return;
	}
	size_t count = fill_wants(d);
	if (count == 0)
		return;

	d->claim = (struct store_claim){
		.op = {.kind = STORE_OP_CLAIM, .done = claim_done},
		.wants = d->wants,
		.want_count = count,
		.total = total,
	};
	d->claim_wanted = false;
	d->claim_busy = true;
	dispatcher_submit(d, &d->claim.op);
}

static void say_skipped(const struct dispatcher *d, const struct store_skip *skip)
{
	const struct conf_hook *hook = conf_hook_by_store_id(d->conf, skip->hook);

	log_info("delivery skipped", log_int("event", skip->event),
		log_text("hook", hook != NULL ? hook->name : NULL),
		log_text("reason", skip->reason));
}

void dispatcher_claimed(struct dispatcher *d)
{
	struct store_claim *claim = &d->claim;

	d->claim_busy = false;
	if (claim->op.result != STORE_OK) {
		d->claim_wanted = true;
		return;
	}
	d->next_due = claim->next_due;
	if (claim->job_count > 0)
		d->last_served = claim->jobs[claim->job_count - 1]->hook;
	for (size_t i = 0; i < claim->skip_count; i++)
		say_skipped(d, &claim->skips[i]);
	for (size_t i = 0; i < claim->job_count; i++)
		dispatcher_run_start(d, claim->jobs[i]);
	free(claim->skips);
	free(claim->jobs);
	claim->skips = NULL;
	claim->jobs = NULL;
}

void dispatcher_timer_fired(struct dispatcher *d)
{
	uint64_t count;
	/* ECANCELED says that the clock was set; dispatcher_clock_check sees that. */
	ssize_t n = read(d->timer, &count, sizeof(count));
	(void)n;
	d->armed = 0;
	if (d->next_due <= clock_wall()) {
		d->next_due = INT64_MAX; /* until the claim tells another */
		d->claim_wanted = true;
	}
}

void dispatcher_timer_arm(struct dispatcher *d)
{
	/* Never off: only a timer that is set hears that the clock was. */
	int64_t due = d->next_due < TIMER_NEVER ? d->next_due : TIMER_NEVER;
	if (due < 1)
		due = 1;
	if (d->draining)
		due = TIMER_NEVER;
	if (due == d->armed)
		return;
	struct itimerspec spec = {
		.it_value = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000}};
	if (timerfd_settime(d->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL) !=
			0 &&
		errno != ECANCELED) /* set all the same; read tells it too */
		log_error("cannot set the dispatcher's timer", log_int("errno", errno));
	d->armed = due;
}

/* Wall clock minus steady clock. False when the thread lost the processor
 * between the two, and the difference says nothing. */
static bool read_offset(int64_t *offset)
{
	int64_t before = clock_steady();
	int64_t wall = clock_wall();
	*offset = wall - before;
	return clock_steady() - before <= CLOCK_PAUSE;
}

void dispatcher_clock_start(struct dispatcher *d)
{
	for (int tries = 0; tries < 10 && !read_offset(&d->offset); tries++)
		;
}

void dispatcher_clock_check(struct dispatcher *d)
{
	int64_t offset;
	if (!read_offset(&offset))
		return;
	int64_t delta = offset - d->offset;
	if (delta >= -CLOCK_STEP && delta <= CLOCK_STEP)
		return;

	int64_t wall_before = clock_wall() - delta;
	log_warn("the clock was set: waiting deliveries keep their waits", log_int("by_ms", delta));
	d->offset = offset;
	d->claim_wanted = true;
	/* A machine that starts without a clock: what it has waiting was put there
	 * under a right one, and is due by that. */
	if (wall_before >= CLOCK_UNSET)
		d->shift_delta += delta;
}

static void shift_done(struct store_op *op)
{
	char *base = (char *)op - offsetof(struct dispatcher, shift.op);
	dispatcher_deliver((struct dispatcher *)(void *)base, op);
}

void dispatcher_shift(struct dispatcher *d)
{
	if (d->shift_delta == 0 || d->shift_busy || !dispatcher_store_is_well(d))
		return;
	d->shift = (struct store_shift){
		.op = {.kind = STORE_OP_SHIFT, .done = shift_done},
		.delta = d->shift_delta,
	};
	d->shift_delta = 0;
	d->shift_busy = true;
	dispatcher_submit(d, &d->shift.op);
}

void dispatcher_shifted(struct dispatcher *d)
{
	d->shift_busy = false;
	d->claim_wanted = true; /* for the next due time */
	if (d->shift.op.result != STORE_OK)
		d->shift_delta += d->shift.delta;
}
