/* dispatcher/clock.c - the timer for the delivery that is due next, and how waiting deliveries
 * keep their delays when the wall clock is set. */
#include "base/clock.h"
#include "base/log.h"
#include "private.h"

#include <errno.h>
#include <stddef.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum {
	CLOCK_PAUSE = 100, /* ms, at most, between two readings that belong together */
};

#define CLOCK_UNSET INT64_C(1577836800000) /* 2020: an earlier time means a clock never set */
#define TIMER_NEVER INT64_C(9000000000000) /* year 2255 */

void dispatcher_timer_fired(struct dispatcher *d)
{
	uint64_t count;
	/* ECANCELED: the clock was set, which dispatcher_clock_check notices. */
	ssize_t n = read(d->timer, &count, sizeof(count));
	(void)n;
	d->armed = 0;
}

void dispatcher_timer_arm(struct dispatcher *d)
{
	/* Never off: only an armed timer reports that the clock was set. */
	int64_t due = TIMER_NEVER;

	/* Deliveries that are due already wait for a free slot, not for the clock. */
	for (const struct queue *q = d->queues; q != NULL && !d->draining; q = q->next) {
		int64_t at = dispatcher_hold_due(d, q);
		if (at > d->now && at < due)
			due = at;
	}
	if (due == d->armed)
		return;
	struct itimerspec spec = {
		.it_value = {.tv_sec = due / 1000, .tv_nsec = due % 1000 * 1000000}};
	if (timerfd_settime(d->timer, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &spec, NULL) !=
			0 &&
		errno != ECANCELED) /* the timer is armed nevertheless, and read fails the same */
		log_error("cannot set the dispatcher's timer", log_int("errno", errno));
	d->armed = due;
}

/* Reads the wall clock, and how far it is from the steady one. False: the thread was suspended
 * between the two readings, so the distance is meaningless. */
static bool read_clocks(int64_t *wall, int64_t *offset)
{
	int64_t before = clock_steady();
	*wall = clock_wall();
	*offset = *wall - before;
	return clock_steady() - before <= CLOCK_PAUSE;
}

void dispatcher_clock_start(struct dispatcher *d)
{
	for (int tries = 0; tries < 10 && !read_clocks(&d->now, &d->offset); tries++)
		;
}

void dispatcher_clock_check(struct dispatcher *d)
{
	int64_t offset;
	if (!read_clocks(&d->now, &offset)) {
		d->now = clock_steady() + d->offset;
		return;
	}
	int64_t delta = offset - d->offset;
	if (delta >= -CLOCK_STEP && delta <= CLOCK_STEP)
		return;

	int64_t wall_before = d->now - delta;
	log_warn("the clock was set: waiting deliveries keep their waits", log_int("by_ms", delta));
	d->offset = offset;
	dispatcher_refresh(d);
	/* If the machine started without a valid time, the waiting deliveries were stored
	 * before that, by a valid clock: their due times are already correct. */
	if (wall_before >= CLOCK_UNSET)
		d->shift_delta += delta;
}

static void shift_done(struct store_op *op)
{
	char *base = (char *)op - offsetof(struct dispatcher, shift.op);
	dispatcher_op_returned((struct dispatcher *)(void *)base, op);
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
	dispatcher_refresh(d); /* the due times have changed */
	if (d->shift.op.result == STORE_OK)
		return;
	if (d->shift.op.at_fault)
		log_error("waiting deliveries cannot all be read: they do not keep their waits",
			log_text("hint", "hookctl check"));
	else
		d->shift_delta += d->shift.delta;
}
