/* dispatcher/claim.c - what is claimed from the store, and when: how much room each hook has,
 * and which hook's turn it is. */
#include "base/clock.h"
#include "base/log.h"
#include "private.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

static void claim_done(struct store_op *op)
{
	char *base = (char *)op - offsetof(struct dispatcher, claim.op);
	dispatcher_op_returned((struct dispatcher *)(void *)base, op);
}

/* How many deliveries of the hook may wait for its slots. */
static unsigned ahead_of(
	const struct dispatcher *d, const struct conf_hook *hook, const struct queue *q)
{
	unsigned slots = hook->action->concurrency;

	if (slots > d->conf->limits.concurrency)
		slots = d->conf->limits.concurrency;
	uint64_t ahead = (uint64_t)slots * DISPATCHER_AHEAD_TIME * DISPATCHER_TOOK_UNIT / q->took;
	return ahead < DISPATCHER_AHEAD ? (unsigned)ahead : DISPATCHER_AHEAD;
}

/* The room that the hooks share. */
struct room {
	unsigned free;  /* empty slots */
	unsigned ahead; /* deliveries that may wait for a slot */
	unsigned total; /* deliveries to claim */
};

static struct room find_room(const struct dispatcher *d)
{
	unsigned taken = d->running_count + d->waiting_count;
	unsigned slots = d->conf->limits.concurrency;
	struct room room = {.free = slots > taken ? slots - taken : 0};

	for (size_t i = 0; i < d->conf->all_count && room.ahead < DISPATCHER_AHEAD; i++)
		room.ahead += ahead_of(d, d->conf->all[i], d->queue_of[i]);
	if (room.ahead > DISPATCHER_AHEAD)
		room.ahead = DISPATCHER_AHEAD;
	room.total = slots + room.ahead > taken ? slots + room.ahead - taken : 0;
	return room;
}

/* How many more deliveries of a hook there is room for. */
static unsigned room_of(const struct dispatcher *d, const struct conf_hook *hook,
	const struct queue *q, const struct room *room)
{
	unsigned taken = q->running + q->waiting + q->asking;
	unsigned ahead = ahead_of(d, hook, q);
	unsigned most = hook->action->concurrency + ahead;
	unsigned more = most > taken ? most - taken : 0;

	if (q->target.hold != NULL) /* one probe at a time */
		return taken == 0 && room->free > 0 ? 1 : 0;
	if (ahead > 0 || more <= room->free)
		return more;
	/* A slow hook gets the slots that are free now. If there are none because others wait
	 * for slots, one delivery of it may wait as well, so that it has its turn. */
	return room->free == 0 && room->ahead > 0 && q->waiting == 0 ? 1 : room->free;
}

/* Is it time to claim `more` of a hook? Yes if a slot is empty for it, or if half of those
 * that may wait have started. Not for each slot that becomes free: that would be a
 * transaction each. */
static bool is_pressing(const struct dispatcher *d, const struct conf_hook *hook,
	const struct queue *q, const struct room *room, unsigned more)
{
	unsigned half = (ahead_of(d, hook, q) + 1) / 2;

	if (room->free > 0 && q->running + q->waiting + q->asking < hook->action->concurrency)
		return true;
	return more >= half && room->total >= half;
}

/* The hooks that have room and may have something due, starting after the one served last:
 * the store serves them in rounds, and `total` may end a round anywhere. One whose payload waits
 * for room in memory goes first. Returns 0 also if
 * it would be too early. */
static size_t fill_wants(struct dispatcher *d, const struct room *room)
{
	const struct conf *conf = d->conf;
	bool pressing = false;
	size_t first = 0;
	size_t n = 0;

	for (size_t i = 0; i < conf->all_count; i++) {
		if (conf->all[i]->store_id == d->last_served && d->payloads.hook == 0)
			first = i + 1;
		if (conf->all[i]->store_id == d->payloads.hook)
			first = i;
	}
	for (size_t i = 0; i < conf->all_count; i++) {
		size_t at = (first + i) % conf->all_count;
		const struct conf_hook *hook = conf->all[at];
		const struct queue *q = d->queue_of[at];
		unsigned more = dispatcher_hold_due(d, q) <= d->now ? room_of(d, hook, q, room) : 0;
		if (more == 0)
			continue;
		pressing = pressing || is_pressing(d, hook, q, room, more);
		d->want_of[n] = d->queue_of[at];
		d->wants[n++] = (struct store_want){
			.hook = hook->store_id,
			.max = more,
			.ordered = hook->order == CONF_ORDER_ENTITY,
			.once = hook->once == CONF_ONCE_ENTITY,
			.skip_stale = hook->skip_stale ? hook->source->sender->states : NULL,
		};
	}
	return pressing ? n : 0;
}

static void postpone_claim(struct dispatcher *d)
{
	log_error("out of memory: deliveries are claimed later");
	dispatcher_store_failed(d); /* tries again after a while */
}

void dispatcher_claim(struct dispatcher *d)
{
	if (d->claim_busy || d->draining || !dispatcher_store_is_well(d) || d->conf->all_count == 0)
		return;
	if (d->shift_delta != 0)
		return; /* the due times are still by the clock before it was set */
	if (!dispatcher_queues_prepare(d)) {
		postpone_claim(d);
		return;
	}
	/* If there is no room, the next attempt that ends calls this again. */
	struct room room = find_room(d);
	size_t count = room.total > 0 ? fill_wants(d, &room) : 0;
	if (count == 0)
		return;
	unsigned total = dispatcher_run_reserve(d, room.total);
	if (total == 0) {
		postpone_claim(d);
		return;
	}
	d->claim = (struct store_claim){
		.op = {.kind = STORE_OP_CLAIM, .done = claim_done},
		.wants = d->wants,
		.want_count = count,
		.total = total,
		.now = d->now,
	};
	dispatcher_payloads_limit(d);
	d->refreshed_since = false;
	d->claim_busy = true;
	dispatcher_submit(d, &d->claim.op);
}

static void log_skipped(const struct dispatcher *d, const struct store_skip *skip)
{
	const struct queue *q = dispatcher_queue(d, skip->hook);
	const struct conf_hook *hook = q != NULL ? dispatcher_rule(d, q) : NULL;

	log_info("delivery skipped", log_int("event", skip->event),
		log_text("hook", hook != NULL ? hook->name : NULL),
		log_text("reason", skip->reason));
}

/* It was in a claim, so it has been made, and queues are never freed before the end. */
static struct queue *known_queue(const struct dispatcher *d, const struct delivery_job *job)
{
	struct queue *q = dispatcher_queue(d, job->hook);

	assert(q != NULL);
	return q;
}

void dispatcher_claimed(struct dispatcher *d)
{
	struct store_claim *claim = &d->claim;

	d->claim_busy = false;
	/* What was due is still due; but a claim that is itself at fault is not made again at once.
	 */
	for (size_t i = 0; i < claim->want_count && claim->op.at_fault; i++)
		d->want_of[i]->due = d->now + DISPATCHER_CLAIM_AGAIN;
	if (claim->op.result != STORE_OK)
		return;
	for (size_t i = 0; i < claim->want_count && !d->refreshed_since; i++)
		d->want_of[i]->due = claim->wants[i].next_due;
	if (claim->job_count > 0)
		d->last_served = claim->jobs[claim->job_count - 1]->hook;
	for (size_t i = 0; i < claim->skip_count; i++)
		log_skipped(d, &claim->skips[i]);
	for (size_t i = 0; i < claim->job_count; i++)
		dispatcher_run_take(d, known_queue(d, claim->jobs[i]), claim->jobs[i]);
	free(claim->skips);
	free(claim->jobs);
	claim->skips = NULL;
	claim->jobs = NULL;
	dispatcher_payloads_claimed(d);
}
