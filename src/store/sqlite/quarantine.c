/* store/sqlite/quarantine.c - takes events out of quarantine by hand: releases them, or drops
 * them. */
#include "act.h"
#include "known.h"

#include <sqlite3.h>

int store_release_run(struct store_db *db, struct store_release *r)
{
	sqlite3_stmt *s = db->sql[SQL_QUARANTINE_LEAVE];

	int rc = store_known_state(db, r->source, r->state_key, &r->reported);
	if (rc != SQLITE_OK || r->reported != 0)
		return rc;

	store_bind_int(s, 1, r->event, &rc);
	store_bind_text(s, 2, r->type, &rc);
	store_bind_text(s, 3, r->entity_kind, &rc);
	store_bind_text(s, 4, r->entity_id, &rc);
	store_bind_text(s, 5, r->declined, &rc);
	store_bind_text(s, 6, r->state_key, &rc);
	rc = store_step(s, rc);
	r->done = rc == SQLITE_OK && sqlite3_changes(db->sqlite) > 0;
	if (r->done)
		rc = store_deliver(db, r->event, r->hooks, r->hook_count, r->now, NULL);
	return rc == SQLITE_OK ? store_audit_add(db, r->audit, r->done) : rc;
}

int store_drop_run(struct store_db *db, struct store_drop *d)
{
	sqlite3_stmt *s = db->sql[SQL_QUARANTINE_FIND];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, d->event, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	bool found = rc == SQLITE_ROW;
	store_reset(s);
	if (!found && rc != SQLITE_DONE)
		return rc;
	rc = found ? store_event_remove(db, d->event, &d->done) : SQLITE_OK;
	return rc == SQLITE_OK ? store_audit_add(db, d->audit, d->done) : rc;
}
