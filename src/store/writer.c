/* store/writer.c - the writer's thread: takes the operations that wait, has the engine run them
 * in one transaction with one fsync, and calls each one's `done`. While one group is being
 * written the next one gathers, so groups grow with the load and no operation waits for
 * others to arrive.
 *
 * Slices - of what a person asks for, and of retention - wait in a queue of their own, and each is
 * written alone. After one that took a time T, the groups have the writer for 4 T, or until none
 * has come for a moment: so slices take a fifth of a busy writer, and all of an idle one. (The
 * queue of groups is empty again and again while clients wait for their answers: that is not
 * idle.)
 *
 * Refused requests come from strangers, as many as they like to send. A part of them is written at
 * times so far apart that they take a fiftieth of the writer at most, and a bounded rate of the
 * disk; what comes faster never gets there. */
#include "base/clock.h"
#include "base/thread.h"
#include "checksum.h"
#include "private.h"
#include "store/import.h"

#include <assert.h>

enum {
	GROUPS_SHARE = 4,   /* the time that a slice took, so many times, is the groups' */
	IDLE = 10,          /* ms without an operation */
	KEEP_EVERY = 500,   /* ms at least between two parts of the refused requests … */
	KEEP_SHARE = 50,    /* … and so many times the time that the first took */
	KEEP_OLD = 3600000, /* ms between two removals of old ones */
};

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* Marks, as op->done, an operation whose caller is in store_wait. Never called. */
static void wait_done(struct store_op *op)
{
	(void)op;
}

enum store_result store_wait(struct store *st, struct store_op *op)
{
	op->done = wait_done;
	store_submit(st, op);
	(void)pthread_mutex_lock(&st->mutex);
	while (op->done != NULL)
		(void)pthread_cond_wait(&st->waited, &st->mutex);
	(void)pthread_mutex_unlock(&st->mutex);
	return op->result;
}

/* Computed in the caller's thread, because the writer's is the busiest. */
static void add_checksums(struct store_op *op)
{
	if (op->kind == STORE_OP_PUT) {
		struct store_put *p = (struct store_put *)op;
		p->checksum = store_checksum(p->event->payload, p->event->payload_len);
	} else if (op->kind == STORE_OP_IMPORT) {
		const struct store_import *import = (struct store_import *)op;
		for (size_t i = 0; i < import->count; i++) {
			struct store_imported_event *e = &import->list[i];
			if (e->checksum == 0) /* not submitted before */
				e->checksum =
					store_checksum(e->event->payload, e->event->payload_len);
		}
	}
}

static void queue_add(struct store_queue *q, struct store_op *first, struct store_op *last)
{
	*q->tail = first;
	q->tail = &last->next;
}

void store_submit(struct store *st, struct store_op *op)
{
	bool slice = store_op_is_slice(op);

	add_checksums(op);
	op->next = NULL;
	(void)pthread_mutex_lock(&st->mutex);
	queue_add(slice ? &st->slices : &st->queue, op, op);
	if (!slice)
		st->active_at = clock_steady();
	(void)pthread_mutex_unlock(&st->mutex);
	/* Signalled only after unlocking: otherwise the writer would wake only to wait for the
	 * mutex. */
	(void)pthread_cond_signal(&st->wake);
}

void store_submit_all(struct store *st, struct store_op *first)
{
	struct store_op *last = first;

	add_checksums(last);
	assert(!store_op_is_slice(last));
	while (last->next != NULL) {
		last = last->next;
		add_checksums(last);
		assert(!store_op_is_slice(last));
	}
	(void)pthread_mutex_lock(&st->mutex);
	queue_add(&st->queue, first, last);
	st->active_at = clock_steady();
	(void)pthread_mutex_unlock(&st->mutex);
	(void)pthread_cond_signal(&st->wake);
}

void store_refuse(struct store *st, const struct store_refused *r)
{
	struct store_refusal *copy = store_refusal_make(r), *out = NULL;
	bool wake = false;

	(void)pthread_mutex_lock(&st->mutex);
	if (copy == NULL) {
		st->refused.dropped++;
	} else {
		wake = st->refused.count == 0;
		out = store_refusals_add(&st->refused, copy);
	}
	if (wake && copy != NULL)
		st->refused_at = later(st->refused_from, clock_steady() + KEEP_EVERY);
	(void)pthread_mutex_unlock(&st->mutex);
	if (wake)
		(void)pthread_cond_signal(&st->wake);
	store_refusal_free(out);
}

/* `done` gives the operation back to its caller: it must not be touched after that. */
static void op_finish(struct store *st, struct store_op *op)
{
	if (op->done != wait_done) {
		op->done(op);
		return;
	}
	(void)pthread_mutex_lock(&st->mutex);
	op->done = NULL;
	(void)pthread_cond_broadcast(&st->waited);
	(void)pthread_mutex_unlock(&st->mutex);
}

static void counts_apply(struct store *st, const struct store_delta *delta)
{
	(void)pthread_mutex_lock(&st->mutex);
	st->counts.stored += delta->stored;
	st->counts.duplicates += delta->duplicates;
	st->counts.quarantined += delta->quarantined;
	st->counts.waiting += delta->waiting;
	st->counts.dead += delta->dead;
	(void)pthread_mutex_unlock(&st->mutex);
}

/* One transaction. The delta is empty if it was rolled back. */
static enum store_commit group_try(
	struct store *st, const struct store_group *group, struct store_delta *delta)
{
	*delta = (struct store_delta){0};
	for (struct store_op *op = group->first; op != NULL; op = op->next)
		store_op_start(op);
	enum store_commit commit = st->engine->write(st->db, group, delta);
	if (commit == STORE_COMMITTED)
		return commit;
	*delta = (struct store_delta){0};
	for (struct store_op *op = group->first; op != NULL; op = op->next)
		store_op_undo(op);
	return commit;
}

static enum store_commit group_run(
	struct store *st, struct store_op *first, unsigned backlog, struct store_delta *delta)
{
	struct store_group group = {
		.first = first,
		.backlog = backlog,
		.waiting = st->counts.waiting,
		.dead = st->counts.dead,
	};
	enum store_commit commit;

	do
		commit = group_try(st, &group, delta);
	while (commit == STORE_COMMIT_AGAIN);
	return commit;
}

static void group_finish(struct store *st, struct store_op *first, const struct store_delta *delta)
{
	counts_apply(st, delta);
	while (first != NULL) {
		struct store_op *op = first;
		first = op->next;
		op->next = NULL;
		op_finish(st, op);
	}
	if (delta->ready && st->on_ready != NULL)
		st->on_ready(st->on_ready_arg);
}

static void group_write(struct store *st, struct store_op *first, unsigned backlog)
{
	struct store_delta delta;

	assert(first != NULL);
	enum store_commit commit = group_run(st, first, backlog, &delta);
	if (commit != STORE_COMMIT_BAD_OPERATION || first->next == NULL) {
		group_finish(st, first, &delta);
		return;
	}
	while (first != NULL) {
		struct store_op *op = first;
		first = op->next;
		op->next = NULL;
		(void)group_run(st, op, backlog, &delta);
		group_finish(st, op, &delta);
	}
}

static void slice_write(struct store *st, struct store_op *op, unsigned backlog)
{
	struct store_delta delta;

	if (group_run(st, op, backlog, &delta) != STORE_COMMITTED && st->engine->make_room(st->db))
		(void)group_run(st, op, backlog, &delta);
	group_finish(st, op, &delta);
}

/* Takes the first operations, up to `max` and STORE_GROUP_BYTES, at least one. */
static struct store_op *queue_take(struct store_queue *q, unsigned max)
{
	struct store_op *first = q->head;
	struct store_op **end = &q->head;
	size_t bytes = 0;

	for (unsigned n = 0; n < max && *end != NULL; n++) {
		bytes += store_op_bytes(*end);
		if (n > 0 && bytes > STORE_GROUP_BYTES)
			break;
		end = &(*end)->next;
	}
	q->head = *end;
	if (q->head == NULL)
		q->tail = &q->head;
	*end = NULL;
	return first;
}

enum turn_kind { TURN_GROUP, TURN_SLICE, TURN_RETAIN, TURN_KEEP, TURN_STOP, TURN_WAIT };

/* What the writer does next, with all it needs from under the mutex. */
struct turn {
	enum turn_kind kind;
	struct store_op *first;
	unsigned backlog;
	int64_t retention;
	struct store_refusal *refused;
};

/* The next slice: those that people wait for and retention's take turns. */
static enum turn_kind next_slice(const struct store *st, int64_t now)
{
	bool retain = st->retention > 0 && st->retain_at <= now && !st->stopping;

	if (st->slices.head == NULL)
		return retain ? TURN_RETAIN : TURN_WAIT;
	return retain && !st->retained_last ? TURN_RETAIN : TURN_SLICE;
}

/* When the next slice may start. */
static int64_t slice_time(const struct store *st)
{
	if (st->stopping)
		return 0;
	return st->queue.head != NULL ? st->slice_at : earlier(st->slice_at, st->active_at + IDLE);
}

/* At the end, when all else is done, what is still there is written at once. */
static bool keep_is_due(const struct store *st, int64_t now)
{
	if (!st->stopping)
		return st->refused_at <= now;
	return st->queue.head == NULL && st->refused.count > 0;
}

/* Called with the mutex. */
static enum turn_kind turn_choose(const struct store *st, int64_t *until)
{
	int64_t now = clock_steady(), slice_at = slice_time(st);
	enum turn_kind slice = next_slice(st, now);

	*until = INT64_MAX;
	if (slice != TURN_WAIT && slice_at <= now)
		return slice;
	if (keep_is_due(st, now))
		return TURN_KEEP;
	if (st->queue.head != NULL)
		return TURN_GROUP;
	if (slice != TURN_WAIT)
		*until = slice_at;
	else if (st->stopping)
		return TURN_STOP;
	else if (st->retention > 0)
		*until = st->retain_at;
	*until = earlier(*until, st->refused_at);
	return TURN_WAIT;
}

/* Called with the mutex. */
static void writer_sleep(struct store *st, int64_t until)
{
	if (until == INT64_MAX)
		(void)pthread_cond_wait(&st->wake, &st->mutex);
	else
		(void)thread_wait_until(&st->wake, &st->mutex, until);
}

static struct turn turn_next(struct store *st)
{
	struct turn turn = {0};
	int64_t until;

	(void)pthread_mutex_lock(&st->mutex);
	while ((turn.kind = turn_choose(st, &until)) == TURN_WAIT)
		writer_sleep(st, until);
	turn.backlog = st->backlog;
	turn.retention = st->retention;
	if (turn.kind == TURN_GROUP)
		turn.first = queue_take(&st->queue, STORE_GROUP_MAX);
	else if (turn.kind == TURN_SLICE)
		turn.first = queue_take(&st->slices, 1);
	else if (turn.kind == TURN_KEEP)
		turn.refused = store_refusals_take(&st->refused);
	(void)pthread_mutex_unlock(&st->mutex);
	return turn;
}

static void retention_slice(struct store *st, int64_t retention)
{
	struct store_delta delta = {0};

	int64_t wait = st->engine->retain(st->db, retention, &delta);
	counts_apply(st, &delta);
	(void)pthread_mutex_lock(&st->mutex);
	/* A retention that was configured meanwhile is due at once. */
	if (st->retention == retention)
		st->retain_at = clock_steady() + wait;
	(void)pthread_mutex_unlock(&st->mutex);
}

static void keep_done(struct store_op *op)
{
	(void)op;
}

/* What cannot be written is dropped: it may be asked for no more than a disk has room. */
static void keep_write(struct store *st, struct store_refusal *first)
{
	struct store_keep keep = {.op = {.kind = STORE_OP_REFUSED, .done = keep_done},
		.first = first,
		.now = clock_wall()};
	int64_t dropped = 0;

	slice_write(st, &keep.op, 0);
	if (keep.op.result != STORE_OK)
		for (const struct store_refusal *r = first; r != NULL; r = r->next)
			dropped++;
	store_refusal_free(first);
	(void)pthread_mutex_lock(&st->mutex);
	st->refused.dropped += dropped;
	(void)pthread_mutex_unlock(&st->mutex);
}

/* Called with the mutex. */
static void keep_again(struct store *st, int64_t start, int64_t end)
{
	st->refused_from = end + later((end - start + 1) * KEEP_SHARE, KEEP_EVERY);
	st->refused_at = st->refused.count > 0 ? st->refused_from : end + KEEP_OLD;
}

/* Runs a turn, and decides when the next slice may start. */
static void turn_run(struct store *st, const struct turn *turn)
{
	int64_t start = clock_steady();

	if (turn->kind == TURN_RETAIN)
		retention_slice(st, turn->retention);
	else if (turn->kind == TURN_SLICE)
		slice_write(st, turn->first, turn->backlog);
	else if (turn->kind == TURN_KEEP)
		keep_write(st, turn->refused);
	else
		group_write(st, turn->first, turn->backlog);
	st->engine->after_write(st->db);

	int64_t end = clock_steady();
	(void)pthread_mutex_lock(&st->mutex);
	if (turn->kind == TURN_GROUP) {
		st->active_at = end;
	} else if (turn->kind == TURN_KEEP) {
		keep_again(st, start, end);
	} else {
		/* One more: the clock counts whole milliseconds. */
		st->slice_at = end + (end - start + 1) * GROUPS_SHARE;
		st->retained_last = turn->kind == TURN_RETAIN;
	}
	(void)pthread_mutex_unlock(&st->mutex);
}

static void *writer_main(void *arg)
{
	struct store *st = arg;

	for (;;) {
		struct turn turn = turn_next(st);
		if (turn.kind == TURN_STOP)
			return NULL;
		turn_run(st, &turn);
	}
}

bool store_writer_start(struct store *st)
{
	return thread_start(&st->writer, "store", writer_main, st);
}

void store_writer_stop(struct store *st)
{
	(void)pthread_mutex_lock(&st->mutex);
	assert(!st->stopping);
	st->stopping = true;
	(void)pthread_cond_signal(&st->wake);
	(void)pthread_mutex_unlock(&st->mutex);
	(void)pthread_join(st->writer, NULL);
}
