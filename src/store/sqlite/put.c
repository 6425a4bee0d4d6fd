/* store/sqlite/put.c - stores events and their deliveries, a run of puts at a time, by two
 * statements for the whole run. What SQLite does once per statement (opening seven and nine
 * cursors, taking and releasing locks, noting the last id) costs as much as inserting the rows.
 * So the statements read their rows from the virtual tables of put_table.c. */
#include "put.h"
#include "db.h"

#include <sqlite3.h>

/* What is stored under a put's key. */
struct stored {
	int64_t event;     /* 0: nothing */
	bool same_payload; /* as the put's */
	bool same_checksum;
};

static int find_event(struct store_db *db, const struct store_put *p, struct stored *stored)
{
	const struct event *ev = p->event;
	sqlite3_stmt *s = db->sql[SQL_EVENT_FIND];
	int rc = SQLITE_OK;

	*stored = (struct stored){0};
	store_bind_int(s, 1, ev->source_id, &rc);
	store_bind_text(s, 2, ev->idempotency_key, &rc);
	store_bind_blob(s, 3, ev->payload, ev->payload_len, &rc);
	store_bind_int(s, 4, p->checksum, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		stored->event = sqlite3_column_int64(s, 0);
		stored->same_payload = sqlite3_column_int(s, 1) == 1;
		stored->same_checksum = sqlite3_column_int(s, 2) == 1;
	}
	store_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* The sender has sent again a payload that the disk had damaged. */
static int repair(struct store_db *db, struct store_put *p, struct stored *stored)
{
	sqlite3_stmt *s = db->sql[SQL_EVENT_REPAIR];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, stored->event, &rc);
	store_bind_blob(s, 2, p->event->payload, p->event->payload_len, &rc);
	store_bind_int(s, 3, p->checksum, &rc);
	rc = store_step(s, rc);
	p->repaired = rc == SQLITE_OK && sqlite3_changes(db->sqlite) == 1;
	stored->same_payload |= p->repaired;
	return rc;
}

/* A put that was not inserted: its key exists already, or the backlog has no room. A known key
 * needs no room, so that is checked first. */
static int put_refused(struct store_db *db, struct store_put *p)
{
	struct stored stored;

	int rc = find_event(db, p, &stored);
	if (rc == SQLITE_OK && stored.event != 0 && stored.same_payload != stored.same_checksum)
		rc = repair(db, p, &stored);
	if (rc != SQLITE_OK)
		return rc;
	p->event_id = stored.event;
	if (p->event_id == 0) {
		p->op.result = STORE_FULL;
		return SQLITE_OK;
	}
	p->op.result = STORE_DUPLICATE;
	p->conflict = !stored.same_payload;
	db->delta->duplicates++;
	sqlite3_stmt *s = db->sql[stored.same_payload ? SQL_EVENT_DUPLICATE : SQL_EVENT_CONFLICT];
	store_bind_int(s, 1, p->event_id, &rc);
	return store_step(s, rc);
}

/* The deliveries of a run have consecutive ids, in the order of the rows. */
static int set_ordering_keys(struct store_db *db, struct store_op *first)
{
	int64_t id = sqlite3_last_insert_rowid(db->sqlite) - (int64_t)db->put_deliveries;
	int rc = SQLITE_OK;

	if (db->ordered_count == 0)
		return rc;
	for (const struct store_put *p = store_put_of(first); p != NULL;
		p = store_put_of(p->op.next)) {
		for (size_t i = 0; p->event_id != 0 && i < p->hook_count && rc == SQLITE_OK; i++)
			rc = store_order_set_key(db, p->hooks[i], ++id);
	}
	return rc;
}

int store_put_run(struct store_db *db, struct store_op *first, struct store_op **rest)
{
	db->put_first = first;
	db->put_deliveries = 0;
	/* So that the id of an earlier insert is never taken for this event's. */
	sqlite3_set_last_insert_rowid(db->sqlite, 0);
	int rc = store_step(db->sql[SQL_EVENTS_INSERT], SQLITE_OK);
	if (rc == SQLITE_OK && db->put_deliveries > 0)
		rc = store_step(db->sql[SQL_DELIVERIES_INSERT], rc);
	if (rc == SQLITE_OK && db->put_deliveries > 0)
		rc = set_ordering_keys(db, first);
	*rest = first;
	for (struct store_put *p; (p = store_put_of(*rest)) != NULL; *rest = p->op.next) {
		if (rc == SQLITE_OK && p->event_id == 0)
			rc = put_refused(db, p);
	}
	return rc;
}
