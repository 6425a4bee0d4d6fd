/* store/writer.c - the writer's thread: takes what waits, does it in one
 * transaction with one fsync, tells each caller. While one group is being
 * written the next one gathers, so groups grow with the load and nobody ever
 * waits for others to come. */
#include "base/clock.h"
#include "store/sqlite/checksum.h"
#include "store/sqlite/db.h"

#include <assert.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int store_begin(struct store *st)
{
	return store_step(st->sql[SQL_BEGIN], SQLITE_OK);
}

static void write_failed(struct store *st, int rc)
{
	unsigned suppressed;

	st->failing = true;
	if (!log_allowed(&st->failures, &suppressed))
		return;
	if (suppressed > 0)
		log_warn("store errors were not all logged", log_int("suppressed", suppressed));
	store_log_error(st->db, rc, "store cannot write", st->path);
}

int store_end(struct store *st, int rc)
{
	/* Nothing may be touched between an error and its logging: SQLite would forget
	 * what it was about. */
	if (rc == SQLITE_OK)
		rc = store_step(st->sql[SQL_COMMIT], rc);
	if (rc == SQLITE_OK)
		return rc;
	write_failed(st, rc);
	/* Some errors have ended the transaction already. */
	if (!sqlite3_get_autocommit(st->db) &&
		store_step(st->sql[SQL_ROLLBACK], SQLITE_OK) != SQLITE_OK)
		store_log_error(
			st->db, sqlite3_errcode(st->db), "store cannot roll back", st->path);
	return rc;
}

void store_apply(struct store *st, const struct store_delta *delta)
{
	(void)pthread_mutex_lock(&st->mutex);
	st->counts.stored += delta->stored;
	st->counts.duplicates += delta->duplicates;
	st->counts.quarantined += delta->quarantined;
	st->counts.waiting += delta->waiting;
	st->counts.dead += delta->dead;
	(void)pthread_mutex_unlock(&st->mutex);
}

/* Stands in op->done for a caller in store_wait; told apart by its address. */
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

/* In the caller's thread: the writer's has enough to do. */
static void sum_up(struct store_op *op)
{
	struct store_put *p = (struct store_put *)op;

	if (op->kind == STORE_OP_PUT)
		p->checksum = store_checksum(p->event->payload, p->event->payload_len);
}

void store_submit(struct store *st, struct store_op *op)
{
	sum_up(op);
	op->next = NULL;
	(void)pthread_mutex_lock(&st->mutex);
	*st->tail = op;
	st->tail = &op->next;
	(void)pthread_mutex_unlock(&st->mutex);
	/* Not before: the writer would wake only to wait for the mutex. */
	(void)pthread_cond_signal(&st->wake);
}

void store_submit_all(struct store *st, struct store_op *first)
{
	struct store_op *last = first;

	sum_up(last);
	while (last->next != NULL) {
		last = last->next;
		sum_up(last);
	}
	(void)pthread_mutex_lock(&st->mutex);
	*st->tail = first;
	st->tail = &last->next;
	(void)pthread_mutex_unlock(&st->mutex);
	(void)pthread_cond_signal(&st->wake);
}

/* The operation is its caller's again with `done`: nothing of it is touched after. */
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

/* Only the operation itself is at fault: the others of its group can go in. */
static bool is_own_fault(int rc)
{
	int primary = rc & 0xff;

	return primary == SQLITE_CONSTRAINT || primary == SQLITE_MISMATCH ||
	       primary == SQLITE_TOOBIG || primary == SQLITE_RANGE || primary == SQLITE_NOMEM;
}

static int group_run(struct store *st, struct store_op *group, struct store_delta *delta)
{
	int changes = sqlite3_total_changes(st->db);

	*delta = (struct store_delta){0};
	for (struct store_op *op = group; op != NULL; op = op->next)
		store_op_start(op);
	int rc = store_begin(st);
	if (rc == SQLITE_OK)
		rc = store_ops_run(st, group, delta);
	rc = store_end(st, rc);
	if (rc != SQLITE_OK) {
		store_order_forget(st);
		for (struct store_op *op = group; op != NULL; op = op->next)
			store_op_undo(op);
	} else if (st->failing && changes != sqlite3_total_changes(st->db)) {
		st->failing = false;
		log_info("store can write again", log_text("file", st->path));
	}
	return rc;
}

static void group_finish(struct store *st, struct store_op *group, const struct store_delta *delta)
{
	store_apply(st, delta);
	while (group != NULL) {
		struct store_op *op = group;
		group = op->next;
		op->next = NULL;
		op_finish(st, op);
	}
	if (delta->ready && st->on_ready != NULL)
		st->on_ready(st->on_ready_arg);
}

static void group_write(struct store *st, struct store_op *group)
{
	struct store_delta delta;
	struct store_delta none = {0};

	int rc = group_run(st, group, &delta);
	if (rc == SQLITE_OK) {
		group_finish(st, group, &delta);
		return;
	}
	if (!is_own_fault(rc) || group->next == NULL) {
		group_finish(st, group, &none);
		return;
	}
	while (group != NULL) {
		struct store_op *op = group;
		group = op->next;
		op->next = NULL;
		rc = group_run(st, op, &delta);
		group_finish(st, op, rc == SQLITE_OK ? &delta : &none);
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

/* Sleeps until there is work; without retention nothing but work wakes it. */
static void writer_sleep(struct store *st)
{
	struct timespec until;

	if (st->retention == 0) {
		(void)pthread_cond_wait(&st->wake, &st->mutex);
		return;
	}
	int64_t left = st->prune_at - clock_steady();
	if (left <= 0)
		return;
	(void)clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(left / 1000);
	until.tv_nsec += (long)(left % 1000) * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	(void)pthread_cond_timedwait(&st->wake, &st->mutex, &until);
}

enum turn { TURN_GROUP, TURN_PRUNE, TURN_STOP };

/* Work goes first, but under a load that never pauses a slice of retention gets
 * its turn after so many groups: else the store would only grow. */
static enum turn turn_next(struct store *st, struct store_op **group, int64_t *retention)
{
	enum turn turn;

	(void)pthread_mutex_lock(&st->mutex);
	for (;;) {
		bool prune = !st->stopping && st->retention > 0 && st->prune_at <= clock_steady();
		if (prune && (st->head == NULL || st->groups_since_slice >= STORE_PRUNE_GROUPS)) {
			turn = TURN_PRUNE;
			break;
		}
		if (st->head != NULL) {
			turn = TURN_GROUP;
			break;
		}
		if (st->stopping) {
			turn = TURN_STOP;
			break;
		}
		writer_sleep(st);
	}
	*retention = st->retention;
	*group = NULL;
	if (turn == TURN_GROUP) {
		*group = queue_take(st);
		st->group_backlog = st->backlog;
		st->groups_since_slice++;
	}
	(void)pthread_mutex_unlock(&st->mutex);
	return turn;
}

static void *writer_main(void *arg)
{
	struct store *st = arg;
	struct store_op *group;
	int64_t retention;

	for (;;) {
		enum turn turn = turn_next(st, &group, &retention);
		if (turn == TURN_STOP)
			return NULL;
		if (turn == TURN_GROUP) {
			group_write(st, group);
			store_checkpoint_after(st);
			continue;
		}
		st->groups_since_slice = 0;
		int64_t wait = store_prune_slice(st, retention);
		store_checkpoint_after(st);
		(void)pthread_mutex_lock(&st->mutex);
		/* A retention that was set meanwhile is looked at right away. */
		if (st->retention == retention)
			st->prune_at = clock_steady() + wait;
		(void)pthread_mutex_unlock(&st->mutex);
	}
}

bool store_writer_start(struct store *st)
{
	sigset_t all;
	sigset_t before;

	/* Signals are the main thread's. */
	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	int error = pthread_create(&st->writer, NULL, writer_main, st);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (error != 0) {
		char text[128];
		log_error("store writer cannot be started",
			log_text("error", strerror_r(error, text, sizeof(text))));
		return false;
	}
	(void)pthread_setname_np(st->writer, "store");
	return true;
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
