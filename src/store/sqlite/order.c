/* store/sqlite/order.c - the deliveries of one hook for one entity, one at a time: each
 * is held behind the nearest unfinished one that goes before it, so that they
 * make a chain and the end of one releases the next, however many wait. Who goes
 * before whom is looked up when a claim comes to a delivery, not when its event
 * arrives: one that comes late is put before those that have not run yet.
 *
 * A delivery may only be held behind a later one while that runs: else two could
 * be held behind each other. When such a one is READY again it releases them. */
#include "db.h"
#include "event/lifecycle.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its place in st->ordered; ordered_count: it is not there. */
static size_t find(const struct store *st, int64_t hook)
{
	size_t i = 0;

	while (i < st->ordered_count && st->ordered[i] != hook)
		i++;
	return i;
}

static int step_with(struct store *st, enum store_sql sql, int64_t id)
{
	int rc = SQLITE_OK;

	store_bind_int(st->sql[sql], 1, id, &rc);
	return store_step(st->sql[sql], rc);
}

int store_order_want(struct store *st, int64_t hook, bool ordered)
{
	size_t at = find(st, hook);
	bool known = at < st->ordered_count;

	if (known == ordered)
		return SQLITE_OK;
	if (!ordered) {
		st->ordered[at] = st->ordered[--st->ordered_count];
		return SQLITE_OK;
	}
	int64_t *more = reallocarray(st->ordered, st->ordered_count + 1, sizeof(*more));
	if (more == NULL)
		return SQLITE_NOMEM;
	st->ordered = more;
	int rc = step_with(st, SQL_ORDER_JOIN_READY, hook);
	if (rc == SQLITE_OK)
		rc = step_with(st, SQL_ORDER_JOIN_RUNNING, hook);
	if (rc == SQLITE_OK)
		st->ordered[st->ordered_count++] = hook;
	return rc;
}

void store_order_forget(struct store *st)
{
	st->ordered_count = 0;
}

int store_order_join(struct store *st, int64_t hook, int64_t delivery)
{
	if (find(st, hook) == st->ordered_count)
		return SQLITE_OK;
	return step_with(st, SQL_ORDER_JOIN, delivery);
}

/* The nearest unfinished one before the delivery whose place was read; else
 * one that runs, whatever its place. *before is 0: there is none. */
static int find_before(struct store *st, sqlite3_stmt *place, int64_t delivery, int64_t *before)
{
	static const enum store_sql where[] = {SQL_ORDER_BEFORE, SQL_ORDER_RUNNING};
	int rc = SQLITE_OK;

	*before = 0;
	for (size_t i = 0; i < 2 && rc == SQLITE_OK && *before == 0; i++) {
		sqlite3_stmt *s = st->sql[where[i]];
		store_bind_int(s, 1, sqlite3_column_int64(place, 0), &rc);
		store_bind_text(s, 2, (const char *)sqlite3_column_text(place, 1), &rc);
		if (where[i] == SQL_ORDER_BEFORE) {
			store_bind_int(s, 3, sqlite3_column_int64(place, 2), &rc);
			store_bind_int(s, 4, sqlite3_column_int64(place, 3), &rc);
			store_bind_int(s, 5, delivery, &rc);
		}
		if (rc == SQLITE_OK)
			rc = sqlite3_step(s);
		if (rc == SQLITE_ROW)
			*before = sqlite3_column_int64(s, 0);
		store_reset(s);
		rc = rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
	}
	return rc;
}

int store_order_hold(struct store *st, int64_t delivery, bool *held)
{
	sqlite3_stmt *s = st->sql[SQL_ORDER_PLACE];
	int64_t before = 0;
	int rc = SQLITE_OK;

	*held = false;
	store_bind_int(s, 1, delivery, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		bool placed = sqlite3_column_type(s, 1) != SQLITE_NULL;
		rc = placed ? find_before(st, s, delivery, &before) : SQLITE_OK;
	}
	store_reset(s);
	if (rc != SQLITE_OK || before == 0)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	*held = true;
	st->held = true;
	s = st->sql[SQL_ORDER_HOLD];
	store_bind_int(s, 1, delivery, &rc);
	store_bind_int(s, 2, before, &rc);
	return store_step(s, rc);
}

static int release(
	struct store *st, enum store_sql sql, int64_t delivery, struct store_delta *delta)
{
	if (!st->held)
		return SQLITE_OK;
	int rc = step_with(st, sql, delivery);
	if (rc == SQLITE_OK && sqlite3_changes(st->db) > 0)
		delta->ready = true;
	return rc;
}

int store_order_release(struct store *st, int64_t delivery, struct store_delta *delta)
{
	return release(st, SQL_ORDER_RELEASE, delivery, delta);
}

int store_order_put_back(struct store *st, int64_t delivery, struct store_delta *delta)
{
	return release(st, SQL_ORDER_PUT_BACK, delivery, delta);
}

static int rank_of(sqlite3_stmt *s, int column)
{
	const char *type = (const char *)sqlite3_column_text(s, column);

	return type != NULL ? lifecycle_rank(type) : -1;
}

static void skip_fill(sqlite3_stmt *s, int64_t delivery, struct store_skip *skip)
{
	int64_t further = sqlite3_column_int64(s, 3);

	*skip = (struct store_skip){
		.delivery = delivery,
		.event = sqlite3_column_int64(s, 0),
		.hook = sqlite3_column_int64(s, 2),
	};
	(void)snprintf(skip->reason, sizeof(skip->reason), "overtaken by %s (event %" PRId64 ")",
		(const char *)sqlite3_column_text(s, 4), further);
}

/* Looks for the furthest state that the entity is known to have come to, beyond
 * the delivery's own; the latest event of those that tell it. Fills *skip. */
static int look_further(struct store *st, int64_t delivery, struct store_skip *skip, bool *further)
{
	sqlite3_stmt *s = st->sql[SQL_STALE_LOOK];
	int reached = -1;
	int rc = SQLITE_OK;

	*further = false;
	store_bind_int(s, 1, delivery, &rc);
	store_bind_int(s, 2, STORE_STALE_LOOK, &rc);
	while (rc == SQLITE_OK) {
		rc = sqlite3_step(s);
		if (rc != SQLITE_ROW)
			break;
		rc = SQLITE_OK;
		if (reached < 0)
			reached = rank_of(s, 1);
		if (reached < 0)
			break; /* its event tells of no state */
		int rank = rank_of(s, 4);
		bool quarantined = sqlite3_column_int(s, 5) != 0;
		if (quarantined || rank <= reached)
			continue;
		reached = rank;
		*further = true;
		skip_fill(s, delivery, skip);
	}
	store_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int store_order_skip(
	struct store *st, int64_t delivery, int64_t now, struct store_skip *skip, bool *skipped)
{
	sqlite3_stmt *s = st->sql[SQL_STALE_SKIP];

	int rc = look_further(st, delivery, skip, skipped);
	if (rc != SQLITE_OK || !*skipped)
		return rc;
	store_bind_int(s, 1, delivery, &rc);
	store_bind_text(s, 2, skip->reason, &rc);
	store_bind_int(s, 3, now, &rc);
	return store_step(s, rc);
}
