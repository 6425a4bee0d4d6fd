/* store/sqlite/settle.c - closes attempts: writes their outcome, moves their deliveries on, and
 * releases the deliveries that these blocked. */
#include "base/clock.h"
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

/* A delivery for the hook that runs when another delivery was given up. */
static int insert_failure_delivery(struct store_db *db, const struct store_settle *p)
{
	sqlite3_stmt *s = db->sql[SQL_SETTLE_FAILURE];
	int64_t now = clock_wall();
	int rc = SQLITE_OK;

	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->failure_hook, &rc);
	/* At once, even if the clock has been set back since. */
	store_bind_int(s, 3, p->ended_at < now ? p->ended_at : now, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK)
		return rc;
	db->delta->waiting++;
	db->delta->ready = true;
	return SQLITE_OK;
}

/* The claimed delivery's new state, as if no attempt had been made. */
static int move_unstarted(struct store_db *db, const struct store_settle *p)
{
	enum store_sql sql = p->skipped    ? SQL_SETTLE_SKIP
			     : p->deferred ? SQL_SETTLE_DEFER
					   : SQL_SETTLE_UNCLAIM;
	sqlite3_stmt *s = db->sql[sql];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->attempt, &rc);
	store_bind_int(s, 3, p->skipped ? p->ended_at : p->due_at, &rc);
	if (p->skipped || p->deferred)
		store_bind_text(s, 4, p->reason, &rc);
	return store_step(s, rc);
}

/* As if it had never been claimed. It was due, and stays due, unless it is deferred: a shift of the
 * clock did not reach it while it was RUNNING. */
static int undo_claim(struct store_db *db, const struct store_settle *p)
{
	sqlite3_stmt *s = db->sql[SQL_SETTLE_UNSTARTED];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->attempt, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK || sqlite3_changes(db->sqlite) == 0)
		return rc;
	rc = move_unstarted(db, p);
	if (rc != SQLITE_OK || sqlite3_changes(db->sqlite) == 0)
		return rc;
	if (p->skipped) {
		db->delta->waiting--;
		return store_order_release(db, p->delivery);
	}
	db->delta->ready = true;
	return store_order_requeue(db, p->delivery);
}

static int close_attempt(struct store_db *db, const struct store_settle *p)
{
	sqlite3_stmt *s = db->sql[SQL_SETTLE_ATTEMPT];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->attempt, &rc);
	store_bind_int(s, 3, p->ended_at, &rc);
	bind_outcome(s, p->outcome, &rc);
	if (p->started_at != 0)
		store_bind_int(s, 10, p->started_at, &rc);
	return store_step(s, rc);
}

static int move_delivery(struct store_db *db, const struct store_settle *p)
{
	sqlite3_stmt *s = db->sql[SQL_SETTLE_DELIVERY];
	enum attempt_result result = p->outcome->result;
	bool failed = result == ATTEMPT_TEMPFAIL || result == ATTEMPT_PERMFAIL;
	int rc = SQLITE_OK;

	store_bind_int(s, 1, p->delivery, &rc);
	store_bind_int(s, 2, p->attempt, &rc);
	store_bind_text(s, 3, delivery_state_text(p->state), &rc);
	store_bind_int(s, 4, failed && !p->uncounted, &rc);
	if (p->state == DELIVERY_READY)
		store_bind_int(s, 5, p->due_at, &rc);
	else
		store_bind_int(s, 6, p->ended_at, &rc);
	return store_step(s, rc);
}

int store_settle_run(struct store_db *db, struct store_settle *p)
{
	if (p->unstarted)
		return undo_claim(db, p);

	assert(p->state == DELIVERY_READY || p->state == DELIVERY_DONE ||
		p->state == DELIVERY_DEAD);
	int rc = close_attempt(db, p);
	/* No change: settled already, by a transaction whose commit was reported as failed. */
	if (rc != SQLITE_OK || sqlite3_changes(db->sqlite) == 0)
		return rc;
	rc = move_delivery(db, p);
	if (rc != SQLITE_OK || sqlite3_changes(db->sqlite) == 0)
		return rc;
	if (p->state == DELIVERY_READY) {
		db->delta->ready = true;
		return store_order_requeue(db, p->delivery);
	}
	db->delta->waiting--;
	db->delta->dead += p->state == DELIVERY_DEAD;
	rc = store_order_release(db, p->delivery);
	if (rc == SQLITE_OK && p->state == DELIVERY_DONE && p->once)
		rc = store_once_acted(db, p->delivery, p->ended_at);
	if (rc == SQLITE_OK && p->state == DELIVERY_DEAD && p->failure_hook != 0)
		rc = insert_failure_delivery(db, p);
	return rc;
}
