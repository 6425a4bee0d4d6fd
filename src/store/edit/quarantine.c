#include "store/quarantine.h"

#include "store/sqlite/db.h"

#include <sqlite3.h>

static void bind_maybe(sqlite3_stmt *s, int column, const char *text, int *rc)
{
	if (text != NULL)
		store_bind_text(s, column, text, rc);
}

static int release_event(struct sqlite3 *db, const struct store_release *r, bool *done)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db,
		"UPDATE events SET type = ?2, entity_kind = ?3, entity_id = ?4, declined = ?5,"
		" quarantined = NULL WHERE id = ?1 AND quarantined IS NOT NULL",
		-1, &s, NULL);

	store_bind_int(s, 1, r->event, &rc);
	store_bind_text(s, 2, r->type, &rc);
	bind_maybe(s, 3, r->entity_kind, &rc);
	bind_maybe(s, 4, r->entity_id, &rc);
	bind_maybe(s, 5, r->declined, &rc);
	if (rc == SQLITE_OK)
		rc = store_step(s, rc);
	*done = rc == SQLITE_OK && sqlite3_changes(db) > 0;
	(void)sqlite3_finalize(s);
	return rc;
}

bool store_release(struct store_editor *e, const struct store_release *release, bool *done,
	char why[STORE_READ_WHY])
{
	struct sqlite3 *db = store_editor_begin(e, why);
	int rc;

	*done = false;
	if (db == NULL)
		return false;
	rc = release_event(db, release, done);
	if (rc == SQLITE_OK && *done)
		rc = store_editor_deliver(db, release->event, release->hooks, release->hook_count,
			release->now, NULL);
	return store_editor_end(e, rc, why);
}

bool store_drop(struct store_editor *e, int64_t event, bool *done, char why[STORE_READ_WHY])
{
	struct sqlite3 *db = store_editor_begin(e, why);
	sqlite3_stmt *s = NULL;
	int rc;

	*done = false;
	if (db == NULL)
		return false;
	rc = sqlite3_prepare_v2(
		db, "DELETE FROM events WHERE id = ?1 AND quarantined IS NOT NULL", -1, &s, NULL);
	store_bind_int(s, 1, event, &rc);
	if (rc == SQLITE_OK)
		rc = store_step(s, rc);
	*done = rc == SQLITE_OK && sqlite3_changes(db) > 0;
	(void)sqlite3_finalize(s);
	return store_editor_end(e, rc, why);
}
