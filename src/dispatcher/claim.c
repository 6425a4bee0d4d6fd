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

static struct queue *find_queue(const struct dispatcher *d, int64_t hook)
{
	struct queue *q = d->queues;

	while (q != NULL && q->hook != hook)
		q = q->next;
	return q;
}

/* The queue of a hook that was in a claim: prepare_queues has made it, and queues are never freed
 * before the end. */
static struct queue *known_queue(const struct dispatcher *d, int64_t hook)
{
	struct queue *q = find_queue(d, hook);

	assert(q != NULL);
	return q;
}

static struct queue *make_queue(struct dispatcher *d, int64_t hook)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->hook = hook;
	q->took = DISPATCHER_TOOK_FIRST;
	q->next = d->queues;
	d->queues = q;
	return q;
}

/* Once for each conf: makes a queue, and room for a want, for each of its hooks. */
static bool prepare_queues(struct dispatcher *d)
{
	size_t n = d->conf->all_count;

	if (d->prepared)
		return true;
	struct queue **queues = reallocarray(d->queue_of, n, sizeof(struct queue *));
	if (queues != NULL)
		d->queue_of = queues;
	struct store_want *wants = reallocarray(d->wants, n, sizeof(*wants));
	if (wants != NULL)
		d->wants = wants;
	if (queues == NULL || wants == NULL)
		return false;
	for (size_t i = 0; i < n; i++) {
		int64_t hook = d->conf->all[i]->store_id;
		struct queue *q = find_queue(d, hook);
		queues[i] = q != NULL ? q : make_queue(d, hook);
		if (queues[i] == NULL)
			return false;
	}
	d->prepared = true;
	return true;
}

void dispatcher_queues_free(struct dispatcher *d)
{
	free(d->queue_of);
	free(d->wants);
	while (d->queues != NULL) {
		struct queue *q = d->queues;
		d->queues = q->next;
		free(q);
	}
}

void dispatcher_refresh(struct dispatcher *d)
{
	for (struct queue *q = d->queues; q != NULL; q = q->next)
		q->due = 0;
	d->refreshed_since = true;
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
	unsigned taken = q->running + q->waiting;
	unsigned ahead = ahead_of(d, hook, q);
	unsigned most = hook->action->concurrency + ahead;
	unsigned more = most > taken ? most - taken : 0;

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

	if (room->free > 0 && q->running + q->waiting < hook->action->concurrency)
		return true;
	return more >= half && room->total >= half;
}

/* The hooks that have room and may have something due, starting after the one served last:
 * the store serves them in rounds, and `total` may end a round anywhere. Returns 0 also if
 * it would be too early. */
static size_t fill_wants(struct dispatcher *d, const struct room *room)
{
	const struct conf *conf = d->conf;
	int64_t now = clock_wall();
	bool pressing = false;
	size_t first = 0;
	size_t n = 0;

	for (size_t i = 0; i < conf->all_count; i++)
		if (conf->all[i]->store_id == d->last_served)
			first = i + 1;
	for (size_t i = 0; i < conf->all_count; i++) {
		size_t at = (first + i) % conf->all_count;
		const struct conf_hook *hook = conf->all[at];
		const struct queue *q = d->queue_of[at];
		unsigned more = q->due <= now ? room_of(d, hook, q, room) : 0;
		if (more == 0)
			continue;
		pressing = pressing || is_pressing(d, hook, q, room, more);
		d->wants[n++] = (struct store_want){
			.hook = hook->store_id,
			.max = more,
			.ordered = hook->order == CONF_ORDER_ENTITY,
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
	if (!prepare_queues(d)) {
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
		.offset = d->offset,
	};
	d->refreshed_since = false;
	d->claim_busy = true;
	dispatcher_submit(d, &d->claim.op);
}

static void log_skipped(const struct dispatcher *d, const struct store_skip *skip)
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
	if (claim->op.result != STORE_OK)
		return; /* what was due is still due */
	for (size_t i = 0; i < claim->want_count && !d->refreshed_since; i++)
		known_queue(d, claim->wants[i].hook)->due = claim->wants[i].next_due;
	if (claim->job_count > 0)
		d->last_served = claim->jobs[claim->job_count - 1]->hook;
	for (size_t i = 0; i < claim->skip_count; i++)
		log_skipped(d, &claim->skips[i]);
	for (size_t i = 0; i < claim->job_count; i++)
		dispatcher_run_take(d, known_queue(d, claim->jobs[i]->hook), claim->jobs[i]);
	free(claim->skips);
	free(claim->jobs);
	claim->skips = NULL;
	claim->jobs = NULL;
}
