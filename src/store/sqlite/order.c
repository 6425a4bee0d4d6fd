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

/* The hook's place in db->ordered. False: it is not there, and belongs there. */
static bool find_ordered(const struct store_db *db, int64_t hook, size_t *at)
{
	size_t low = 0, high = db->ordered_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (db->ordered[middle].hook < hook)
			low = middle + 1;
		else
			high = middle;
	}
	*at = low;
	return low < db->ordered_count && db->ordered[low].hook == hook;
}

static int step_with(struct store_db *db, enum store_sql sql, int64_t id)
{
	int rc = SQLITE_OK;

	store_bind_int(db->sql[sql], 1, id, &rc);
	return store_step(db->sql[sql], rc);
}

static void remove_ordered(struct store_db *db, size_t at)
{
	struct store_ordered *place = &db->ordered[at];

	memmove(place, place + 1, (--db->ordered_count - at) * sizeof(*place));
}

static int add_ordered(struct store_db *db, int64_t hook, size_t at)
{
	struct store_ordered *more =
		reallocarray(db->ordered, db->ordered_count + 1, sizeof(*more));

	if (more == NULL)
		return SQLITE_NOMEM;
	db->ordered = more;
	memmove(&more[at + 1], &more[at], (db->ordered_count++ - at) * sizeof(*more));
	more[at] = (struct store_ordered){.hook = hook, .fresh = true};
	db->ordered_fresh = true;
	return SQLITE_OK;
}

/* Of those that wait, one by one, but for those whose events cannot be read. */
static int set_keys_singly(struct store_db *db, int64_t hook)
{
	sqlite3_stmt *s = db->sql[SQL_ORDER_UNKEYED];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, hook, &rc);
	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0);
		rc = SQLITE_OK;
		if ((store_unreadable_parts(db, ROW_DELIVERY, id) & UNREADABLE_KEY) == 0)
			rc = store_reading(db, ROW_DELIVERY, id, UNREADABLE_KEY,
				step_with(db, SQL_ORDER_KEY, id));
	}
	store_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* Of all that wait or run. */
static int set_keys(struct store_db *db, int64_t hook)
{
	int rc;

	if ((store_unreadable_parts(db, ROW_HOOK, hook) & UNREADABLE_KEY) != 0) {
		rc = set_keys_singly(db, hook);
	} else {
		rc = step_with(db, SQL_ORDER_KEY_READY, hook);
		if (rc == SQLITE_OK)
			rc = step_with(db, SQL_ORDER_KEY_RUNNING, hook);
	}
	return store_reading(db, ROW_HOOK, hook, UNREADABLE_KEY, rc);
}

int store_order_want(struct store_db *db, int64_t hook, bool ordered)
{
	size_t at;
	bool known = find_ordered(db, hook, &at);

	if (known && !ordered)
		remove_ordered(db, at);
	if (known || !ordered)
		return SQLITE_OK;
	int rc = set_keys(db, hook);
	return rc == SQLITE_OK ? add_ordered(db, hook, at) : rc;
}

void store_order_end(struct store_db *db, bool committed)
{
	size_t left = 0;

	if (!db->ordered_fresh)
		return;
	for (size_t i = 0; i < db->ordered_count; i++) {
		struct store_ordered o = db->ordered[i];
		if (committed || !o.fresh)
			db->ordered[left++] = (struct store_ordered){.hook = o.hook};
	}
	db->ordered_count = left;
	db->ordered_fresh = false;
}

int store_order_set_key(struct store_db *db, int64_t hook, int64_t delivery)
{
	size_t at;

	return find_ordered(db, hook, &at) ? step_with(db, SQL_ORDER_KEY, delivery) : SQLITE_OK;
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

/* Finds the furthest state beyond the delivery's own that the entity has reached since, in the
 * latest event that reports it. Fills in *skip. An event of an earlier time overtakes nothing: what
 * was refunded may have been approved again. Of one time, often a whole second, the state decides.
 * The times are compared here, not in SQL, where LIMIT would no longer bound the events read. */
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
		bool earlier = sqlite3_column_int(s, 6) != 0;
		if (quarantined || earlier || rank <= reached)
			continue;
		reached = rank;
		*found = true;
		skip_fill(s, delivery, skip);
	}
	store_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

int store_order_end_skipped(struct store_db *db, const struct store_skip *skip, int64_t now)
{
	sqlite3_stmt *s = db->sql[SQL_SKIP];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, skip->delivery, &rc);
	store_bind_text(s, 2, skip->reason, &rc);
	store_bind_int(s, 3, now, &rc);
	return store_step(s, rc);
}

int store_order_skip(struct store_db *db, const struct lifecycle_state *states, int64_t delivery,
	int64_t now, struct store_skip *skip, bool *skipped)
{
	int rc = find_later_state(db, states, delivery, skip, skipped);

	return rc == SQLITE_OK && *skipped ? store_order_end_skipped(db, skip, now) : rc;
}
