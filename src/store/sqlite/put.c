/* store/sqlite/put.c - stores events and their deliveries, a run of puts at a time, by two
 * statements for the whole run. What SQLite does once per statement (opening seven and nine
 * cursors, taking and releasing locks, noting the last id) costs as much as inserting the rows.
 * So the statements read their rows from the virtual tables of put_table.c. */
#include "put.h"
#include "db.h"
#include "known.h"

#include <sqlite3.h>

static int count_duplicate(
	struct store_db *db, struct store_put *p, const struct store_known *known)
{
	sqlite3_stmt *s = db->sql[known->conflict ? SQL_EVENT_CONFLICT : SQL_EVENT_DUPLICATE];
	int rc = SQLITE_OK;

	p->conflict = known->conflict;
	p->repaired = known->repaired;
	store_bind_int(s, 1, known->event, &rc);
	return store_step(s, rc);
}

/* Reads no more than the indexes. 0: neither key is stored, or it cannot be read. */
static int64_t find_id(struct store_db *db, const struct store_put *p)
{
	const struct event *ev = p->event;
	sqlite3_stmt *s = db->sql[SQL_EVENT_ID];
	int64_t id = 0;
	int rc = SQLITE_OK;

	store_bind_int(s, 1, ev->source_id, &rc);
	store_bind_text(s, 2, ev->idempotency_key, &rc);
	if (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		id = sqlite3_column_int64(s, 0);
	store_reset(s);
	if (id != 0 || store_known_state(db, ev->source_id, ev->state_key, &id) == SQLITE_OK)
		return id;
	return 0;
}

/* An event whose row cannot be read is neither compared nor counted. (At first its sender gets an
 * error, and tries again later.) */
static bool is_unreadable(struct store_db *db, struct store_put *p)
{
	int64_t id = db->unreadable_count > 0 ? find_id(db, p) : 0;

	if (id == 0 || !store_unreadable_for_good(db, ROW_EVENT, id))
		return false;
	p->event_id = id;
	return true;
}

static int find_duplicate(struct store_db *db, struct store_put *p)
{
	struct store_known known;

	int rc = store_known_find(db, p->event, p->event->origin, p->checksum, &known);
	if (rc == SQLITE_OK && known.event != 0)
		rc = count_duplicate(db, p, &known);
	if (rc == SQLITE_OK)
		p->event_id = known.event;
	else if (store_is_read_error(rc))
		rc = store_reading(db, ROW_EVENT, find_id(db, p), UNREADABLE_EVENT, rc);
	return rc;
}

/* A put that was not inserted: one of its keys exists already, or the backlog has no room. A known
 * key needs no room, so that is checked first. */
static int put_refused(struct store_db *db, struct store_put *p)
{
	int rc = is_unreadable(db, p) ? SQLITE_OK : find_duplicate(db, p);

	if (rc != SQLITE_OK)
		return rc;
	p->op.result = p->event_id != 0 ? STORE_DUPLICATE : STORE_FULL;
	db->delta->duplicates += p->event_id != 0;
	return SQLITE_OK;
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
		for (size_t i = 0; p->event_id != 0 && i < p->hook_count && rc == SQLITE_OK; i++) {
			id++;
			if (p->skip == NULL)
				rc = store_order_set_key(db, p->hooks[i], id);
		}
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
