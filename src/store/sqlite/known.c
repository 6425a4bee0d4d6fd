#include "known.h"

#include "db.h"

#include <sqlite3.h>

/* What is stored under an idempotency key, compared with the event that has come. */
struct stored {
	int64_t event; /* 0: nothing */
	bool same_payload, same_checksum, same_origin;
};

static int find_key(struct store_db *db, const struct event *ev, const char *origin,
	int64_t checksum, struct stored *stored)
{
	sqlite3_stmt *s = db->sql[SQL_EVENT_FIND];
	int rc = SQLITE_OK;

	*stored = (struct stored){0};
	store_bind_int(s, 1, ev->source_id, &rc);
	store_bind_text(s, 2, ev->idempotency_key, &rc);
	store_bind_blob(s, 3, ev->payload, ev->payload_len, &rc);
	store_bind_int(s, 4, checksum, &rc);
	store_bind_text(s, 5, origin, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		stored->event = sqlite3_column_int64(s, 0);
		stored->same_payload = sqlite3_column_int(s, 1) == 1;
		stored->same_checksum = sqlite3_column_int(s, 2) == 1;
		stored->same_origin = sqlite3_column_int(s, 3) == 1;
	}
	store_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int store_known_state(struct store_db *db, int64_t source, const char *state_key, int64_t *event)
{
	sqlite3_stmt *s = db->sql[SQL_EVENT_FIND_STATE];
	int rc = SQLITE_OK;

	*event = 0;
	if (state_key == NULL)
		return rc;
	store_bind_int(s, 1, source, &rc);
	store_bind_text(s, 2, state_key, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*event = sqlite3_column_int64(s, 0);
	store_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* The sender has sent again a payload that the disk had damaged. */
static int repair(struct store_db *db, const struct event *ev, int64_t checksum,
	const struct stored *stored, bool *repaired)
{
	sqlite3_stmt *s = db->sql[SQL_EVENT_REPAIR];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, stored->event, &rc);
	store_bind_blob(s, 2, ev->payload, ev->payload_len, &rc);
	store_bind_int(s, 3, checksum, &rc);
	rc = store_step(s, rc);
	*repaired = rc == SQLITE_OK && sqlite3_changes(db->sqlite) == 1;
	return rc;
}

int store_known_find(struct store_db *db, const struct event *ev, const char *origin,
	int64_t checksum, struct store_known *known)
{
	struct stored stored;

	*known = (struct store_known){0};
	int rc = find_key(db, ev, origin, checksum, &stored);
	if (rc == SQLITE_OK && stored.event == 0)
		return store_known_state(db, ev->source_id, ev->state_key, &known->event);
	if (rc == SQLITE_OK && stored.event != 0 && stored.same_payload != stored.same_checksum)
		rc = repair(db, ev, checksum, &stored, &known->repaired);
	known->event = stored.event;
	known->conflict = !stored.same_payload && !known->repaired && stored.same_origin;
	return rc;
}
