/* store/sqlite/sql.c - the daemon's statements, prepared once; transactions, binding and
 * stepping. Each statement finds its rows through an index, however large the store is; SQLite
 * uses a partial index only where the statement spells out its condition. */
#include "damage.h"
#include "db.h"

#include <sqlite3.h>

/* Sets a delivery's ordering key, which all deliveries of its entity share, with any characters in
 * the names. Without an entity it has none. */
#define SET_ORDERING                                                                               \
	" (ordering_key, ordering_at) = (SELECT e.source_id || ' ' || length(e.entity_id) || ' '"  \
	" || e.entity_id || ' ' || coalesce(e.entity_kind, ''),"                                   \
	" coalesce(e.occurred_at, e.received_at) FROM events e"                                    \
	" WHERE e.id = event_id AND e.entity_id IS NOT NULL)"

static const char *const texts[SQL_COUNT] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	/* WHERE true: without it ON would begin the condition of a join. */
	[SQL_EVENTS_INSERT] =
		"INSERT INTO events(source_id, idempotency_key, provider_event_id, type,"
		" entity_kind, entity_id, received_at, occurred_at, origin, remote_addr,"
		" quarantined, payload, declined, checksum)"
		" SELECT source_id, idempotency_key, provider_event_id, type, entity_kind,"
		" entity_id, received_at, occurred_at, origin, remote_addr, quarantined, payload,"
		" declined, checksum FROM put_events WHERE true"
		" ON CONFLICT(source_id, idempotency_key) DO NOTHING",
	[SQL_EVENT_FIND] = "SELECT id, payload = ?3, checksum IS ?4 FROM events"
			   " WHERE source_id = ?1 AND idempotency_key = ?2",
	[SQL_EVENT_DUPLICATE] = "UPDATE events SET duplicates = duplicates + 1 WHERE id = ?1",
	[SQL_EVENT_CONFLICT] = "UPDATE events SET conflicts = conflicts + 1 WHERE id = ?1",
	[SQL_EVENT_REPAIR] = "UPDATE events SET payload = ?2, checksum = ?3 WHERE id = ?1"
			     " AND " STORE_REPAIRABLE_SQL("?2", "?3"),
	[SQL_DELIVERIES_INSERT] = "INSERT INTO deliveries(event_id, hook_id, state, due_at)"
				  " SELECT event_id, hook_id, 'READY', due_at FROM put_deliveries",
	[SQL_CLAIM_DUE] = "SELECT id FROM deliveries"
			  " WHERE state = 'READY' AND blocked_by IS NULL AND hook_id = ?1"
			  " AND due_at <= ?2 ORDER BY due_at, id LIMIT ?3",
	[SQL_CLAIM_JOB] =
		"SELECT d.event_id, d.hook_id, d.attempts, d.failures, s.name, "
		"e.type, " STORE_KEY_SQL ", e.received_at, e.payload, d.failed_id, e.checksum"
		" FROM deliveries d"
		" JOIN events e ON e.id = d.event_id"
		" JOIN sources s ON s.id = e.source_id"
		" JOIN hooks h ON h.id = d.hook_id"
		" WHERE d.id = ?1 AND d.state = 'READY' AND d.blocked_by IS NULL",
	[SQL_CLAIM_FAILURE] =
		"SELECT h.name, d.attempts, a.message, substr(a.output, ?2) FROM deliveries d"
		" JOIN hooks h ON h.id = d.hook_id"
		" LEFT JOIN attempts a ON a.delivery_id = d.id AND a.number = d.attempts"
		" WHERE d.id = ?1",
	[SQL_CLAIM_DELIVERY] =
		"UPDATE deliveries SET state = 'RUNNING', attempts = ?2 WHERE id = ?1",
	[SQL_CLAIM_ATTEMPT] = "INSERT INTO attempts(delivery_id, number, started_at)"
			      " VALUES(?1, ?2, ?3)",
	[SQL_CLAIM_NEXT] = "SELECT due_at FROM deliveries"
			   " WHERE state = 'READY' AND blocked_by IS NULL AND hook_id = ?1"
			   " ORDER BY due_at LIMIT 1",
	[SQL_SETTLE_ATTEMPT] = "UPDATE attempts SET ended_at = ?3, result = ?4, exit_code = ?5,"
			       " signal = ?6, message = ?7, output = ?8, status = ?9,"
			       " started_at = coalesce(?10, started_at)"
			       " WHERE delivery_id = ?1 AND number = ?2 AND result IS NULL",
	[SQL_SETTLE_DELIVERY] = "UPDATE deliveries SET state = ?3, failures = failures + ?4,"
				" due_at = coalesce(?5, due_at), ended_at = ?6"
				" WHERE id = ?1 AND attempts = ?2 AND state = 'RUNNING'",
	[SQL_SETTLE_UNSTARTED] = "DELETE FROM attempts"
				 " WHERE delivery_id = ?1 AND number = ?2 AND result IS NULL",
	[SQL_SETTLE_UNCLAIM] = "UPDATE deliveries SET state = 'READY', attempts = attempts - 1,"
			       " due_at = min(due_at, ?3)"
			       " WHERE id = ?1 AND attempts = ?2 AND state = 'RUNNING'",
	[SQL_SETTLE_FAILURE] =
		"INSERT INTO deliveries(event_id, hook_id, state, due_at, failed_id)"
		" SELECT event_id, ?2, 'READY', ?3, id FROM deliveries WHERE id = ?1",
	[SQL_ORDER_KEY] = "UPDATE deliveries SET" SET_ORDERING " WHERE id = ?1",
	[SQL_ORDER_KEY_READY] = "UPDATE deliveries SET" SET_ORDERING
				" WHERE state = 'READY' AND blocked_by IS NULL AND hook_id = ?1"
				" AND ordering_key IS NULL",
	[SQL_ORDER_KEY_RUNNING] =
		"UPDATE deliveries SET" SET_ORDERING
		" WHERE state = 'RUNNING' AND hook_id = ?1 AND ordering_key IS NULL",
	[SQL_ORDER_PLACE] =
		"SELECT hook_id, ordering_key, ordering_at, event_id FROM deliveries WHERE id = ?1",
	/* Parameters, not a join: only then SQLite seeks the whole place in the index, and does
	 * not walk through many of the same time. */
	[SQL_ORDER_BEFORE] =
		"SELECT id FROM deliveries WHERE hook_id = ?1 AND ordering_key = ?2"
		" AND state IN ('READY', 'RUNNING') AND (ordering_at, event_id, id) < (?3, ?4, ?5)"
		" ORDER BY ordering_at DESC, event_id DESC, id DESC LIMIT 1",
	/* The + keeps ordering_key out of the choice of an index: few run, many wait. */
	[SQL_ORDER_RUNNING] = "SELECT id FROM deliveries WHERE state = 'RUNNING'"
			      " AND hook_id = ?1 AND +ordering_key = ?2 LIMIT 1",
	[SQL_ORDER_BLOCK] = "UPDATE deliveries SET blocked_by = ?2 WHERE id = ?1",
	[SQL_ORDER_RELEASE] = "UPDATE deliveries SET blocked_by = NULL WHERE blocked_by = ?1"
			      " AND hook_id = (SELECT hook_id FROM deliveries WHERE id = ?1)",
	[SQL_ORDER_RELEASE_EARLIER] =
		"UPDATE deliveries SET blocked_by = NULL WHERE blocked_by = ?1"
		" AND hook_id = (SELECT hook_id FROM deliveries WHERE id = ?1)"
		" AND (ordering_at, event_id, id) <"
		" (SELECT ordering_at, event_id, id FROM deliveries WHERE id = ?1)",
	[SQL_STALE_EVENTS] =
		"SELECT own.id, own.type, d.hook_id, e.id, e.type, e.quarantined IS NOT NULL"
		" FROM deliveries d CROSS JOIN events own ON own.id = d.event_id"
		" CROSS JOIN events e ON e.entity_id = own.entity_id"
		" AND e.entity_kind IS own.entity_kind AND e.source_id = own.source_id"
		" WHERE d.id = ?1 AND d.replay_of IS NULL ORDER BY e.id DESC LIMIT ?2",
	[SQL_STALE_SKIP] = "UPDATE deliveries SET state = 'SKIPPED', reason = ?2, ended_at = ?3"
			   " WHERE id = ?1 AND state = 'READY'",
	[SQL_SOURCE_FIND] = "SELECT id FROM sources WHERE name = ?1",
	[SQL_SOURCE_INSERT] = "INSERT INTO sources(name) VALUES(?1)",
	[SQL_HOOK_FIND] = "SELECT id FROM hooks WHERE name = ?1",
	[SQL_HOOK_INSERT] = "INSERT INTO hooks(name) VALUES(?1)",
	[SQL_SHIFT] = "UPDATE deliveries SET due_at = due_at + ?1"
		      " WHERE state = 'READY' AND blocked_by IS NULL AND (?1 < 0 OR attempts > 0)",
	[SQL_SHIFT_BLOCKED] = "UPDATE deliveries SET due_at = due_at + ?1"
			      " WHERE blocked_by IS NOT NULL AND (?1 < 0 OR attempts > 0)",
	[SQL_ORPHANS] = "SELECT h.id, (SELECT count(*) FROM deliveries"
			" WHERE state = 'READY' AND blocked_by IS NULL AND hook_id = h.id)"
			" + (SELECT count(*) FROM deliveries"
			" WHERE blocked_by IS NOT NULL AND hook_id = h.id), h.name FROM hooks h",
	[SQL_RETENTION_OLD] = "SELECT id, received_at FROM events"
			      " WHERE (received_at, id) > (?1, ?2) AND received_at < ?3"
			      " ORDER BY received_at, id LIMIT ?4",
	[SQL_RETENTION_STATES] = "SELECT count(*) FILTER (WHERE state IN ('READY', 'RUNNING')),"
				 " count(*) FILTER (WHERE state = 'DEAD' AND"
				 " replayed_by IS NULL) FROM deliveries WHERE event_id = ?1",
	[SQL_RETENTION_DELETE] = "DELETE FROM events WHERE id = ?1",
};

int store_sql_prepare(struct store_db *db)
{
	for (int i = 0; i < SQL_COUNT; i++) {
		int rc = sqlite3_prepare_v3(
			db->sqlite, texts[i], -1, SQLITE_PREPARE_PERSISTENT, &db->sql[i], NULL);
		if (rc != SQLITE_OK)
			return rc;
	}
	return SQLITE_OK;
}

void store_sql_finalize(struct store_db *db)
{
	for (int i = 0; i < SQL_COUNT; i++)
		(void)sqlite3_finalize(db->sql[i]);
}

void store_reset(struct sqlite3_stmt *s)
{
	(void)sqlite3_reset(s); /* returns the error of the step again */
	(void)sqlite3_clear_bindings(s);
}

int store_step(struct sqlite3_stmt *s, int rc)
{
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	store_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

void store_bind_int(struct sqlite3_stmt *s, int column, int64_t value, int *rc)
{
	if (*rc == SQLITE_OK)
		*rc = sqlite3_bind_int64(s, column, value);
}

void store_bind_text(struct sqlite3_stmt *s, int column, const char *text, int *rc)
{
	if (*rc == SQLITE_OK)
		*rc = sqlite3_bind_text(s, column, text, -1, SQLITE_STATIC);
}

void store_bind_blob(sqlite3_stmt *s, int column, const void *bytes, size_t len, int *rc)
{
	/* A null pointer would mean NULL, not an empty blob. */
	if (*rc == SQLITE_OK)
		*rc = sqlite3_bind_blob64(s, column, len > 0 ? bytes : "", len, SQLITE_STATIC);
}

int store_begin(struct store_db *db)
{
	return store_step(db->sql[SQL_BEGIN], SQLITE_OK);
}

static void log_write_failure(struct store_db *db, int rc)
{
	unsigned suppressed;

	db->failing = true;
	if (!log_allowed(&db->failures, &suppressed))
		return;
	if (suppressed > 0)
		log_warn("store errors were not all logged", log_int("suppressed", suppressed));
	store_log_error(db->sqlite, rc, "store cannot write", db->path);
}

int store_end(struct store_db *db, int rc)
{
	/* Between an error and its logging the connection must not be used: SQLite would forget
	 * the error. */
	if (rc == SQLITE_OK)
		rc = store_step(db->sql[SQL_COMMIT], rc);
	if (rc == SQLITE_OK)
		return rc;
	log_write_failure(db, rc);
	/* Some errors have ended the transaction already. */
	if (!sqlite3_get_autocommit(db->sqlite) &&
		store_step(db->sql[SQL_ROLLBACK], SQLITE_OK) != SQLITE_OK)
		store_log_error(db->sqlite, sqlite3_errcode(db->sqlite), "store cannot roll back",
			db->path);
	return rc;
}
