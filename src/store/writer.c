/* store/writer.c - the writer's thread: takes the operations that wait, has the engine run them
 * in one transaction with one fsync, and calls each one's `done`. While one group is being
 * written the next one gathers, so groups grow with the load and no operation waits for
 * others to arrive. */
#include "base/clock.h"
#include "base/thread.h"
#include "checksum.h"
#include "private.h"

#include <assert.h>

#define SLICE_GROUPS 16 /* groups that may go ahead of a waiting slice of retention */

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
static void add_checksum(struct store_op *op)
{
	struct store_put *p = (struct store_put *)op;

	if (op->kind == STORE_OP_PUT)
		p->checksum = store_checksum(p->event->payload, p->event->payload_len);
}

void store_submit(struct store *st, struct store_op *op)
{
	add_checksum(op);
	op->next = NULL;
	(void)pthread_mutex_lock(&st->mutex);
	*st->tail = op;
	st->tail = &op->next;
	(void)pthread_mutex_unlock(&st->mutex);
	/* Signalled only after unlocking: otherwise the writer would wake only to wait for the
	 * mutex. */
	(void)pthread_cond_signal(&st->wake);
}

void store_submit_all(struct store *st, struct store_op *first)
{
	struct store_op *last = first;

	add_checksum(last);
	while (last->next != NULL) {
		last = last->next;
		add_checksum(last);
	}
	(void)pthread_mutex_lock(&st->mutex);
	*st->tail = first;
	st->tail = &last->next;
	(void)pthread_mutex_unlock(&st->mutex);
	(void)pthread_cond_signal(&st->wake);
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
static enum store_commit group_run(
	struct store *st, struct store_op *first, unsigned backlog, struct store_delta *delta)
{
	struct store_group group = {
		.first = first,
		.backlog = backlog,
		.waiting = st->counts.waiting,
		.dead = st->counts.dead,
	};

	*delta = (struct store_delta){0};
	for (struct store_op *op = first; op != NULL; op = op->next)
		store_op_start(op);
	enum store_commit commit = st->engine->write(st->db, &group, delta);
	if (commit == STORE_COMMITTED)
		return commit;
	*delta = (struct store_delta){0};
	for (struct store_op *op = first; op != NULL; op = op->next)
		store_op_undo(op);
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

static struct store_op *queue_take(struct store *st)
{
	struct store_op *group = st->head;
	struct store_op **end = &st->head;

	for (unsigned n = 0; n < STORE_GROUP_MAX && *end != NULL; n++)
		end = &(*end)->next;
	st->head = *end;
	if (st->head == NULL)
		st->tail = &st->head;
	*end = NULL;
	return group;
}

/* Sleeps until there is work, or a slice of retention is due. */
static void writer_sleep(struct store *st)
{
	if (st->retention == 0)
		(void)pthread_cond_wait(&st->wake, &st->mutex);
	else
		(void)thread_wait_until(&st->wake, &st->mutex, st->retain_at);
}

enum turn_kind { TURN_GROUP, TURN_RETAIN, TURN_STOP };

/* What the writer does next, with all it needs from under the mutex. */
struct turn {
	enum turn_kind kind;
	struct store_op *group;
	unsigned backlog;
	int64_t retention;
};

/* Work goes first, but under a load that never pauses retention gets its turn after
 * SLICE_GROUPS groups: otherwise the store would only grow. Called with the mutex. */
static bool turn_choose(const struct store *st, enum turn_kind *kind)
{
	bool retain = !st->stopping && st->retention > 0 && st->retain_at <= clock_steady();

	if (retain && (st->head == NULL || st->groups_since_slice >= SLICE_GROUPS))
		*kind = TURN_RETAIN;
	else if (st->head != NULL)
		*kind = TURN_GROUP;
	else if (st->stopping)
		*kind = TURN_STOP;
	else
		return false;
	return true;
}

static struct turn turn_next(struct store *st)
{
	struct turn turn = {0};

	(void)pthread_mutex_lock(&st->mutex);
	while (!turn_choose(st, &turn.kind))
		writer_sleep(st);
	turn.backlog = st->backlog;
	turn.retention = st->retention;
	if (turn.kind == TURN_GROUP) {
		turn.group = queue_take(st);
		st->groups_since_slice++;
	}
	(void)pthread_mutex_unlock(&st->mutex);
	return turn;
}

static void retention_slice(struct store *st, int64_t retention)
{
	struct store_delta delta = {0};

	st->groups_since_slice = 0;
	int64_t wait = st->engine->retain(st->db, retention, &delta);
	counts_apply(st, &delta);
	(void)pthread_mutex_lock(&st->mutex);
	/* A retention that was configured meanwhile is due at once. */
	if (st->retention == retention)
		st->retain_at = clock_steady() + wait;
	(void)pthread_mutex_unlock(&st->mutex);
}

static void *writer_main(void *arg)
{
	struct store *st = arg;

	for (;;) {
		struct turn turn = turn_next(st);
		if (turn.kind == TURN_STOP)
			return NULL;
		if (turn.kind == TURN_GROUP)
			group_write(st, turn.group, turn.backlog);
		else
			retention_slice(st, turn.retention);
		st->engine->after_write(st->db);
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
