/* store/sqlite/settle.c - closes attempts: writes what came of each, moves its delivery on, and
 * lets those that wait behind it go. */
#include "db.h"

#include <assert.h>
#include <sqlite3.h>

static void bind_outcome(sqlite3_stmt *s, const struct attempt_outcome *outcome, int *rc)
{
	store_bind_text(s, 4, attempt_result_text(outcome->result), rc);
	if (outcome->exit_code >= 0)
		store_bind_int(s, 5, outcome->exit_code, rc);
	if (outcome->signal != 0)
		store_bind_int(s, 6, outcome->signal, rc);
	if (outcome->message[0] != '\0')
		store_bind_text(s, 7, outcome->message, rc);
	if (outcome->output_len > 0)
		store_bind_blob(s, 8, outcome->output, outcome->output_len, rc);
	if (outcome->status != 0)
		store_bind_int(s, 9, outcome->status, rc);
}

/* The delivery that tells of one that was given up. */
static int settle_failure(struct store *st, const struct store_settle *p, struct store_delta *delta)
{
	sqlite3_stmt *s = st->sql[SQL_SETTLE_FAILURE];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->failure_hook, &rc);
	store_bind_int(s, 3, p->ended_at, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK)
		return rc;
	delta->waiting++;
	delta->ready = true;
	return SQLITE_OK;
}

/* As if it had never been claimed. It was due, and stays so: a shift of the clock passed
 * it by while it was RUNNING. */
static int give_back(struct store *st, const struct store_settle *p, struct store_delta *delta)
{
	static const enum store_sql sql[] = {SQL_SETTLE_UNSTARTED, SQL_SETTLE_UNCLAIM};
	int rc = SQLITE_OK;

	for (size_t i = 0; i < 2; i++) {
		sqlite3_stmt *s = st->sql[sql[i]];
		store_bind_int(s, 1, p->delivery, &rc);
		store_bind_int(s, 2, p->attempt, &rc);
		if (sql[i] == SQL_SETTLE_UNCLAIM)
			store_bind_int(s, 3, p->due_at, &rc);
		rc = store_step(s, rc);
		if (rc != SQLITE_OK || sqlite3_changes(st->db) == 0)
			return rc;
	}
	delta->ready = true;
	return store_order_put_back(st, p->delivery, delta);
}

int store_settle_run(struct store *st, struct store_settle *p, struct store_delta *delta)
{
	if (p->unstarted)
		return give_back(st, p, delta);

	sqlite3_stmt *s = st->sql[SQL_SETTLE_ATTEMPT];
	enum attempt_result result = p->outcome->result;
	int rc = SQLITE_OK;

	assert(p->state == DELIVERY_READY || p->state == DELIVERY_DONE ||
		p->state == DELIVERY_DEAD);
	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->attempt, &rc);
	store_bind_int(s, 3, p->ended_at, &rc);
	bind_outcome(s, p->outcome, &rc);
	if (p->started_at != 0)
		store_bind_int(s, 10, p->started_at, &rc);
	rc = store_step(s, rc);
	/* Settled before: the caller was told of an error but it had gone in. */
	if (rc != SQLITE_OK || sqlite3_changes(st->db) == 0)
		return rc;
	s = st->sql[SQL_SETTLE_DELIVERY];
	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->attempt, &rc);
	store_bind_text(s, 3, delivery_state_text(p->state), &rc);
	store_bind_int(s, 4, result == ATTEMPT_TEMPFAIL || result == ATTEMPT_PERMFAIL, &rc);
	if (p->state == DELIVERY_READY)
		store_bind_int(s, 5, p->due_at, &rc);
	else
		store_bind_int(s, 6, p->ended_at, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK || sqlite3_changes(st->db) == 0)
		return rc;
	if (p->state == DELIVERY_READY) {
		delta->ready = true;
		return store_order_put_back(st, p->delivery, delta);
	}
	delta->waiting--;
	delta->dead += p->state == DELIVERY_DEAD;
	rc = store_order_release(st, p->delivery, delta);
	if (rc == SQLITE_OK && p->state == DELIVERY_DEAD && p->failure_hook != 0)
		rc = settle_failure(st, p, delta);
	return rc;
}
