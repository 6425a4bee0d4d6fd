/* store/sqlite/order.c - runs the deliveries of one hook for one entity one at a time. Each is
 * blocked by the nearest unfinished delivery that comes before it. So they form a chain, and the
 * end of one releases the next, however many wait. The order is looked up when a claim reaches a
 * delivery, not when its event arrives: a late one still goes before those that have not run.
 *
 * A delivery may be blocked by a later one only while that one runs: otherwise two could block
 * each other. When the later one becomes READY again it releases the earlier one. */
#include "db.h"
#include "event/lifecycle.h"

#include <inttypes.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Its index in db->ordered; ordered_count: not found. */
static size_t find_ordered(const struct store_db *db, int64_t hook)
{
	size_t i = 0;

	while (i < db->ordered_count && db->ordered[i] != hook)
		i++;
	return i;
}

static int step_with(struct store_db *db, enum store_sql sql, int64_t id)
{
	int rc = SQLITE_OK;

	store_bind_int(db->sql[sql], 1, id, &rc);
	return store_step(db->sql[sql], rc);
}

int store_order_want(struct store_db *db, int64_t hook, bool ordered)
{
	size_t at = find_ordered(db, hook);
	bool known = at < db->ordered_count;

	if (known == ordered)
		return SQLITE_OK;
	if (!ordered) {
		db->ordered[at] = db->ordered[--db->ordered_count];
		return SQLITE_OK;
	}
	int64_t *more = reallocarray(db->ordered, db->ordered_count + 1, sizeof(*more));
	if (more == NULL)
		return SQLITE_NOMEM;
	db->ordered = more;
	int rc = step_with(db, SQL_ORDER_KEY_READY, hook);
	if (rc == SQLITE_OK)
		rc = step_with(db, SQL_ORDER_KEY_RUNNING, hook);
	if (rc == SQLITE_OK)
		db->ordered[db->ordered_count++] = hook;
	return rc;
}

void store_order_forget(struct store_db *db)
{
	db->ordered_count = 0;
}

int store_order_set_key(struct store_db *db, int64_t hook, int64_t delivery)
{
	if (find_ordered(db, hook) == db->ordered_count)
		return SQLITE_OK;
	return step_with(db, SQL_ORDER_KEY, delivery);
}

/* The nearest unfinished delivery before the one whose place was read; otherwise one that
 * runs, wherever it is in the order. *before is 0: there is none. */
static int find_before(struct store_db *db, sqlite3_stmt *place, int64_t delivery, int64_t *before)
{
	static const enum store_sql where[] = {SQL_ORDER_BEFORE, SQL_ORDER_RUNNING};
	int rc = SQLITE_OK;

	*before = 0;
	for (size_t i = 0; i < 2 && rc == SQLITE_OK && *before == 0; i++) {
		sqlite3_stmt *s = db->sql[where[i]];
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

int store_order_block(struct store_db *db, int64_t delivery, bool *blocked)
{
	sqlite3_stmt *s = db->sql[SQL_ORDER_PLACE];
	int64_t before = 0;
	int rc = SQLITE_OK;

	*blocked = false;
	store_bind_int(s, 1, delivery, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		bool placed = sqlite3_column_type(s, 1) != SQLITE_NULL;
		rc = placed ? find_before(db, s, delivery, &before) : SQLITE_OK;
	}
	store_reset(s);
	if (rc != SQLITE_OK || before == 0)
		return rc == SQLITE_DONE ? SQLITE_OK : rc;
	*blocked = true;
	db->blocked = true;
	s = db->sql[SQL_ORDER_BLOCK];
	store_bind_int(s, 1, delivery, &rc);
	store_bind_int(s, 2, before, &rc);
	return store_step(s, rc);
}

static int release_by(struct store_db *db, enum store_sql sql, int64_t delivery)
{
	if (!db->blocked)
		return SQLITE_OK;
	int rc = step_with(db, sql, delivery);
	if (rc == SQLITE_OK && sqlite3_changes(db->sqlite) > 0)
		db->delta->ready = true;
	return rc;
}

int store_order_release(struct store_db *db, int64_t delivery)
{
	return release_by(db, SQL_ORDER_RELEASE, delivery);
}

int store_order_requeue(struct store_db *db, int64_t delivery)
{
	return release_by(db, SQL_ORDER_RELEASE_EARLIER, delivery);
}

static int rank_of(const struct lifecycle_state *states, sqlite3_stmt *s, int column)
{
	const char *type = (const char *)sqlite3_column_text(s, column);

	return type != NULL ? lifecycle_rank(states, type) : -1;
}

static void skip_fill(sqlite3_stmt *s, int64_t delivery, struct store_skip *skip)
{
	int64_t later = sqlite3_column_int64(s, 3);

	*skip = (struct store_skip){
		.delivery = delivery,
		.event = sqlite3_column_int64(s, 0),
		.hook = sqlite3_column_int64(s, 2),
	};
	(void)snprintf(skip->reason, sizeof(skip->reason), "overtaken by %s (event %" PRId64 ")",
		(const char *)sqlite3_column_text(s, 4), later);
}

/* Finds the furthest state beyond the delivery's own that the entity has reached, in the latest
 * event that reports it. Fills in *skip. */
static int find_later_state(struct store_db *db, const struct lifecycle_state *states,
	int64_t delivery, struct store_skip *skip, bool *found)
{
	sqlite3_stmt *s = db->sql[SQL_STALE_EVENTS];
	int reached = -1;
	int rc = SQLITE_OK;

	*found = false;
	store_bind_int(s, 1, delivery, &rc);
	store_bind_int(s, 2, STORE_STALE_EVENTS, &rc);
	while (rc == SQLITE_OK) {
		rc = sqlite3_step(s);
		if (rc != SQLITE_ROW)
			break;
		rc = SQLITE_OK;
		if (reached < 0)
			reached = rank_of(states, s, 1);
		if (reached < 0)
			break; /* its event reports no state */
		int rank = rank_of(states, s, 4);
		bool quarantined = sqlite3_column_int(s, 5) != 0;
		if (quarantined || rank <= reached)
			continue;
		reached = rank;
		*found = true;
		skip_fill(s, delivery, skip);
	}
	store_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int store_order_skip(struct store_db *db, const struct lifecycle_state *states, int64_t delivery,
	int64_t now, struct store_skip *skip, bool *skipped)
{
	sqlite3_stmt *s = db->sql[SQL_STALE_SKIP];

	int rc = find_later_state(db, states, delivery, skip, skipped);
	if (rc != SQLITE_OK || !*skipped)
		return rc;
	store_bind_int(s, 1, delivery, &rc);
	store_bind_text(s, 2, skip->reason, &rc);
	store_bind_int(s, 3, now, &rc);
	return store_step(s, rc);
}
