/* store/sqlite/change.c - replays and cancels deliveries by hand. */
#include "act.h"

#include <sqlite3.h>
#include <string.h>

struct delivery {
	enum delivery_state state;
	int64_t hook;
	bool found, replayed;
};

static enum delivery_state state_of(const char *text)
{
	static const enum delivery_state states[] = {
		DELIVERY_READY, DELIVERY_RUNNING, DELIVERY_DONE, DELIVERY_DEAD};

	for (size_t i = 0; text != NULL && i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(text, delivery_state_text(states[i])) == 0)
			return states[i];
	return DELIVERY_SKIPPED;
}

static int find_delivery(struct store_db *db, int64_t id, struct delivery *d)
{
	sqlite3_stmt *s = db->sql[SQL_CHANGE_FIND];
	int rc = SQLITE_OK;

	*d = (struct delivery){0};
	store_bind_int(s, 1, id, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	d->found = rc == SQLITE_ROW;
	if (d->found) {
		d->state = state_of((const char *)sqlite3_column_text(s, 0));
		d->replayed = sqlite3_column_int(s, 1) != 0;
		d->hook = sqlite3_column_int64(s, 2);
	}
	store_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int replay_one(struct store_db *db, const struct store_change *c, int64_t id,
	const struct delivery *d, int64_t *made)
{
	sqlite3_stmt *s = db->sql[SQL_REPLAY];
	int rc = SQLITE_OK;

	if (d->replayed || d->state == DELIVERY_READY || d->state == DELIVERY_RUNNING)
		return SQLITE_OK;
	store_bind_int(s, 1, id, &rc);
	store_bind_int(s, 2, c->now, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK)
		return rc;
	*made = sqlite3_last_insert_rowid(db->sqlite);
	s = db->sql[SQL_REPLAYED_BY];
	store_bind_int(s, 1, id, &rc);
	store_bind_int(s, 2, *made, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK)
		return rc;
	db->delta->waiting++;
	db->delta->dead -= d->state == DELIVERY_DEAD;
	db->delta->ready = true;
	if (c->again)
		rc = store_once_lift(db, id, *made, c->now);
	return rc == SQLITE_OK ? store_order_set_key(db, d->hook, *made) : rc;
}

static int cancel_one(struct store_db *db, const struct store_change *c, int64_t id,
	const struct delivery *d, int64_t *made)
{
	bool dead = d->state == DELIVERY_DEAD;
	sqlite3_stmt *s = db->sql[SQL_CANCEL];
	int rc = SQLITE_OK;

	if (d->state != DELIVERY_READY && (!dead || d->replayed))
		return SQLITE_OK;
	store_bind_int(s, 1, id, &rc);
	store_bind_text(s, 2, dead ? "dead, put aside by hand" : "cancelled by hand", &rc);
	store_bind_int(s, 3, c->now, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK)
		return rc;
	*made = id;
	db->delta->waiting -= !dead;
	db->delta->dead -= dead;
	return store_order_release(db, id);
}

static int change_one(struct store_db *db, struct store_change *c, size_t i)
{
	struct delivery d;

	int rc = find_delivery(db, c->deliveries[i], &d);
	if (rc != SQLITE_OK || !d.found)
		return rc;
	return (c->kind == STORE_CHANGE_REPLAY ? replay_one : cancel_one)(
		db, c, c->deliveries[i], &d, &c->made[i]);
}

int store_change_run(struct store_db *db, struct store_change *c)
{
	int64_t changed = 0;
	int rc = SQLITE_OK;

	while (c->done < c->count && rc == SQLITE_OK) {
		rc = change_one(db, c, c->done);
		changed += c->made[c->done++] != 0;
		if (store_slice_is_over(db))
			break;
	}
	return rc == SQLITE_OK ? store_audit_add(db, c->audit, changed) : rc;
}
