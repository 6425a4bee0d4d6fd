/* store/sqlite/import.c - adds events by hand, and deliveries of events that others added. */
#include "act.h"
#include "known.h"

#include <sqlite3.h>

#define ORIGIN "manual"

static int add_delivery(
	struct store_db *db, int64_t event, int64_t hook, int64_t now, const char *skipped)
{
	sqlite3_stmt *s = db->sql[SQL_DELIVER];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, event, &rc);
	store_bind_int(s, 2, hook, &rc);
	store_bind_int(s, 3, now, &rc);
	store_bind_text(s, 4, skipped, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK || skipped != NULL)
		return rc;
	db->delta->waiting++;
	db->delta->ready = true;
	return store_order_set_key(db, hook, sqlite3_last_insert_rowid(db->sqlite));
}

int store_deliver(struct store_db *db, int64_t event, const int64_t *hooks, size_t count,
	int64_t now, const char *skipped)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = add_delivery(db, event, hooks[i], now, skipped);
	return rc;
}

/* Does limits.backlog leave room for its deliveries? An event with more of them than that goes in
 * when nothing waits. */
static bool has_room(const struct store_db *db, const struct store_imported_event *e)
{
	int64_t waiting = db->group->waiting + db->delta->waiting;

	return e->skipped != NULL || e->hook_count == 0 || waiting == 0 ||
	       waiting + (int64_t)e->hook_count <= (int64_t)db->group->backlog;
}

/* *event is 0 if one of its keys is stored already. */
static int insert_event(struct store_db *db, const struct store_imported_event *e, int64_t *event)
{
	const struct event *ev = e->event;
	sqlite3_stmt *s = db->sql[SQL_IMPORT];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, ev->source_id, &rc);
	store_bind_text(s, 2, ev->idempotency_key, &rc);
	store_bind_text(s, 3, ev->provider_event_id, &rc);
	store_bind_text(s, 4, ev->type, &rc);
	store_bind_text(s, 5, ev->entity_kind, &rc);
	store_bind_text(s, 6, ev->entity_id, &rc);
	store_bind_int(s, 7, ev->received_at, &rc);
	store_bind_int(s, 8, ev->occurred_at, &rc);
	store_bind_text(s, 9, ev->quarantined, &rc);
	store_bind_text(s, 10, e->declined, &rc);
	store_bind_blob(s, 11, ev->payload, ev->payload_len, &rc);
	store_bind_int(s, 12, e->checksum, &rc);
	store_bind_text(s, 13, ORIGIN, &rc);
	store_bind_text(s, 14, ev->state_key, &rc);
	rc = store_step(s, rc);
	*event = rc == SQLITE_OK && sqlite3_changes(db->sqlite) > 0
			 ? sqlite3_last_insert_rowid(db->sqlite)
			 : 0;
	return rc;
}

static enum store_imported result_of(const struct store_known *known)
{
	if (known->repaired)
		return STORE_IMPORT_REPAIRED;
	return known->conflict ? STORE_IMPORT_CONFLICT : STORE_IMPORT_THERE;
}

/* A known key needs no room. */
static int import_one(struct store_db *db, struct store_imported_event *e, int64_t now, bool *full)
{
	bool room = has_room(db, e);
	struct store_known known;
	int64_t event = 0;

	int rc = room ? insert_event(db, e, &event) : SQLITE_OK;
	if (rc == SQLITE_OK && event != 0) {
		e->result = STORE_IMPORT_NEW;
		return store_deliver(db, event, e->hooks, e->hook_count, now, e->skipped);
	}
	if (rc == SQLITE_OK)
		rc = store_known_find(db, e->event, ORIGIN, e->checksum, &known);
	if (rc != SQLITE_OK)
		return rc;
	if (known.event != 0) {
		e->result = result_of(&known);
		return SQLITE_OK;
	}
	*full = !room;
	/* The index has the key that the table has not: the file is damaged. */
	return room ? SQLITE_CORRUPT : SQLITE_OK;
}

int store_import_run(struct store_db *db, struct store_import *i)
{
	int64_t changed = 0;
	int rc = SQLITE_OK;

	while (i->done < i->count && rc == SQLITE_OK) {
		struct store_imported_event *e = &i->list[i->done];

		rc = import_one(db, e, i->now, &i->full);
		if (i->full)
			break;
		if (rc == SQLITE_OK && e->refused != 0)
			rc = store_recheck_end(db, e);
		changed += e->result == STORE_IMPORT_NEW || e->result == STORE_IMPORT_REPAIRED;
		i->done++;
		if (store_slice_is_over(db))
			break;
	}
	return rc == SQLITE_OK ? store_audit_add(db, i->audit, changed) : rc;
}
