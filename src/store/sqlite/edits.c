/* store/sqlite/edits.c - the SQL of the edits of store/session.h. */
#include "damage.h"
#include "db.h"
#include "session.h"

#include <sqlite3.h>

#define VACUUM_PAGES "512" /* returned to the disk in one transaction */

static const char *const texts[EDIT_COUNT] = {
	[EDIT_ADD_SOURCE] = "INSERT INTO sources(name) VALUES(?1) ON CONFLICT(name) DO NOTHING",
	[EDIT_ADD_HOOK] = "INSERT INTO hooks(name) VALUES(?1) ON CONFLICT(name) DO NOTHING",
	[EDIT_ADD_DELIVERY] =
		"INSERT INTO deliveries(event_id, hook_id, state, due_at, reason, ended_at)"
		" SELECT ?1, id, iif(?4 IS NULL, 'READY', 'SKIPPED'), ?3, ?4,"
		" iif(?4 IS NULL, NULL, ?3) FROM hooks WHERE name = ?2",
	[EDIT_IMPORT] =
		"INSERT INTO events(source_id, idempotency_key, provider_event_id, type,"
		" entity_kind, entity_id, received_at, occurred_at, origin, remote_addr,"
		" quarantined, declined, payload, checksum)"
		" SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0), 'manual', '', ?9, ?10, ?11, ?12"
		" FROM sources WHERE name = ?1"
		" ON CONFLICT(source_id, idempotency_key) DO NOTHING",
	[EDIT_REPAIR] = "UPDATE events SET payload = ?3, checksum = ?4"
			" WHERE source_id = (SELECT id FROM sources WHERE name = ?1)"
			" AND idempotency_key = ?2 AND " STORE_REPAIRABLE_SQL("?3", "?4"),
	/* The new delivery gets its event's ordering key at once. */
	[EDIT_REPLAY] =
		"INSERT INTO deliveries(event_id, hook_id, state, due_at, failed_id, replay_of,"
		" ordering_key, ordering_at) SELECT event_id, hook_id, 'READY', ?2, failed_id,"
		" coalesce(replay_of, id), ordering_key, ordering_at FROM deliveries WHERE id = ?1"
		" AND state IN ('DONE', 'DEAD', 'SKIPPED') AND replayed_by IS NULL",
	[EDIT_REPLAYED_BY] = "UPDATE deliveries SET replayed_by = ?2 WHERE id = ?1",
	[EDIT_CANCEL] =
		"UPDATE deliveries SET reason = iif(state = 'DEAD', 'dead, put aside by hand',"
		" 'cancelled by hand'), state = 'SKIPPED', ended_at = coalesce(ended_at, ?2),"
		" blocked_by = NULL WHERE id = ?1 AND (state = 'READY' OR (state = 'DEAD'"
		" AND replayed_by IS NULL))",
	[EDIT_RELEASE_BLOCKED] = "UPDATE deliveries SET blocked_by = NULL WHERE blocked_by = ?1"
				 " AND hook_id = (SELECT hook_id FROM deliveries WHERE id = ?1)",
	[EDIT_PAUSE] = "UPDATE hooks SET paused_at = ?2 WHERE name = ?1",
	[EDIT_LEAVE_QUARANTINE] =
		"UPDATE events SET type = ?2, entity_kind = ?3, entity_id = ?4, declined = ?5,"
		" quarantined = NULL WHERE id = ?1 AND quarantined IS NOT NULL",
	[EDIT_DROP_QUARANTINED] = "DELETE FROM events WHERE id = ?1 AND quarantined IS NOT NULL",
	[EDIT_REMOVE_EVENT] =
		"DELETE FROM events WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries"
		" WHERE event_id = ?1 AND state IN ('READY', 'RUNNING'))",
};

static int prepare_edit(struct store_session *s, enum store_edit edit)
{
	if (s->edit[edit] != NULL)
		return SQLITE_OK;
	return sqlite3_prepare_v2(s->sqlite, texts[edit], -1, &s->edit[edit], NULL);
}

bool store_edit(struct store_session *s, enum store_edit edit, const struct store_value *values,
	size_t count, struct store_changed *changed)
{
	int rc = prepare_edit(s, edit);

	*changed = (struct store_changed){0};
	if (rc != SQLITE_OK)
		return false;
	rc = store_bind_values(s->edit[edit], values, count);
	rc = store_step(s->edit[edit], rc);
	if (rc != SQLITE_OK)
		return false;
	changed->rows = sqlite3_changes(s->sqlite);
	changed->id = sqlite3_last_insert_rowid(s->sqlite);
	return true;
}

bool store_return_pages(struct store_session *s, int64_t *pages, int64_t *size)
{
	int64_t all = 0, page = 0;

	int rc = sqlite3_exec(
		s->sqlite, "PRAGMA incremental_vacuum(" VACUUM_PAGES ")", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = store_number(s->sqlite, "PRAGMA freelist_count", pages);
	if (rc == SQLITE_OK)
		rc = store_number(s->sqlite, "PRAGMA page_count", &all);
	if (rc == SQLITE_OK)
		rc = store_number(s->sqlite, "PRAGMA page_size", &page);
	*size = all * page;
	return rc == SQLITE_OK;
}
