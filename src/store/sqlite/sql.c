/* store/sqlite/sql.c - the daemon's statements, prepared once; transactions, binding and
 * stepping. Each statement finds its rows through an index, however large the store is; SQLite
 * uses a partial index only where the statement spells out its condition. */
#include "damage.h"
#include "db.h"

#include <sqlite3.h>

/* Of the event `e`: names its entity, with any characters in the names. */
#define ENTITY                                                                                     \
	"e.source_id || ' ' || length(e.entity_id) || ' ' || e.entity_id || ' '"                   \
	" || coalesce(e.entity_kind, '')"

/* Sets a delivery's ordering key, which all deliveries of its entity share. Without an entity it
 * has none. */
#define SET_ORDERING                                                                               \
	" (ordering_key, ordering_at) = (SELECT " ENTITY ","                                       \
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
		" quarantined, payload, declined, checksum, state_key)"
		" SELECT source_id, idempotency_key, provider_event_id, type, entity_kind,"
		" entity_id, received_at, occurred_at, origin, remote_addr, quarantined, payload,"
		" declined, checksum, state_key FROM put_events WHERE true"
		" ON CONFLICT DO NOTHING",
	[SQL_EVENT_FIND] = "SELECT id, payload = ?3, checksum IS ?4, origin = ?5 FROM events"
			   " WHERE source_id = ?1 AND idempotency_key = ?2",
	[SQL_EVENT_ID] = "SELECT id FROM events WHERE source_id = ?1 AND idempotency_key = ?2",
	[SQL_EVENT_FIND_STATE] = "SELECT id FROM events WHERE source_id = ?1 AND state_key = ?2",
	[SQL_EVENT_DUPLICATE] = "UPDATE events SET duplicates = duplicates + 1 WHERE id = ?1",
	[SQL_EVENT_CONFLICT] = "UPDATE events SET conflicts = conflicts + 1 WHERE id = ?1",
	[SQL_EVENT_REPAIR] = "UPDATE events SET payload = ?2, checksum = ?3 WHERE id = ?1"
			     " AND " STORE_REPAIRABLE_SQL("?2", "?3"),
	[SQL_DELIVERIES_INSERT] = "INSERT INTO deliveries(event_id, hook_id, state, due_at, reason,"
				  " ended_at) SELECT event_id, hook_id, state, due_at, reason,"
				  " ended_at FROM put_deliveries",
	[SQL_CLAIM_DUE] = "SELECT id FROM deliveries"
			  " WHERE state = 'READY' AND blocked_by IS NULL AND hook_id = ?1"
			  " AND due_at <= ?2 ORDER BY due_at, id LIMIT ?3",
	[SQL_CLAIM_JOB] = "SELECT d.event_id, d.hook_id, d.attempts, d.failures, s.name, "
			  "e.type, " STORE_KEY_SQL ", e.received_at, length(e.payload),"
			  " iif(length(e.payload) <= ?2, e.payload, NULL), d.failed_id, e.checksum,"
			  " d.replay_of, " STORE_ORIGIN_SQL ", e.occurred_at FROM deliveries d"
			  " JOIN events e ON e.id = d.event_id"
			  " JOIN sources s ON s.id = e.source_id"
			  " JOIN hooks h ON h.id = d.hook_id"
			  " WHERE d.id = ?1 AND d.state = 'READY' AND d.blocked_by IS NULL",
	/* The same without the event. */
	[SQL_CLAIM_BARE] = "SELECT d.event_id, d.hook_id, d.attempts, d.failures, NULL, NULL,"
			   " '/' || d.event_id || '/' || h.name || coalesce('/' || d.failed_id, '')"
			   " || iif(d.replay_of IS NULL, '', '/replay/' || d.id), 0, 0, NULL,"
			   " d.failed_id, NULL, d.replay_of, NULL, 0 FROM deliveries d"
			   " JOIN hooks h ON h.id = d.hook_id"
			   " WHERE d.id = ?1 AND d.state = 'READY' AND d.blocked_by IS NULL",
	[SQL_CLAIM_FAILURE] =
		"SELECT h.name, d.attempts, a.message, substr(a.output, ?2) FROM deliveries d"
		" JOIN hooks h ON h.id = d.hook_id"
		" LEFT JOIN attempts a ON a.delivery_id = d.id AND a.number = d.attempts"
		" WHERE d.id = ?1",
	[SQL_CLAIM_CRASHES] =
		"SELECT count(*) FROM attempts WHERE delivery_id = ?1 AND number >"
		" (SELECT coalesce(max(number), 0) FROM attempts WHERE delivery_id = ?1"
		" AND (result <> 'interrupted' OR ended_at IS NOT NULL))",
	[SQL_CLAIM_DELIVERY] =
		"UPDATE deliveries SET state = 'RUNNING', attempts = ?2 WHERE id = ?1",
	[SQL_CLAIM_ATTEMPT] = "INSERT INTO attempts(delivery_id, number, started_at)"
			      " VALUES(?1, ?2, ?3)",
	[SQL_CLAIM_NEXT] = "SELECT due_at FROM deliveries"
			   " WHERE state = 'READY' AND blocked_by IS NULL AND hook_id = ?1"
			   " ORDER BY due_at LIMIT 1",
	[SQL_CLAIM_READY] = "SELECT hook_id, due_at FROM deliveries"
			    " WHERE state = 'READY' AND blocked_by IS NULL AND hook_id > ?1"
			    " ORDER BY hook_id, due_at LIMIT 1",
	[SQL_SETTLE_ATTEMPT] = "UPDATE attempts SET ended_at = ?3, result = ?4, exit_code = ?5,"
			       " signal = ?6, message = ?7, output = ?8, status = ?9,"
			       " started_at = coalesce(?10, started_at)"
			       " WHERE delivery_id = ?1 AND number = ?2 AND result IS NULL",
	[SQL_SETTLE_DELIVERY] = "UPDATE deliveries SET state = ?3, failures = failures + ?4,"
				" due_at = coalesce(?5, due_at), ended_at = ?6, reason = NULL"
				" WHERE id = ?1 AND attempts = ?2 AND state = 'RUNNING'",
	[SQL_SETTLE_UNSTARTED] = "DELETE FROM attempts"
				 " WHERE delivery_id = ?1 AND number = ?2 AND result IS NULL",
	[SQL_SETTLE_UNCLAIM] = "UPDATE deliveries SET state = 'READY', attempts = attempts - 1,"
			       " due_at = min(due_at, ?3)"
			       " WHERE id = ?1 AND attempts = ?2 AND state = 'RUNNING'",
	[SQL_SETTLE_DEFER] = "UPDATE deliveries SET state = 'READY', attempts = attempts - 1,"
			     " due_at = ?3, reason = ?4"
			     " WHERE id = ?1 AND attempts = ?2 AND state = 'RUNNING'",
	[SQL_SETTLE_SKIP] = "UPDATE deliveries SET state = 'SKIPPED', attempts = attempts - 1,"
			    " ended_at = ?3, reason = ?4"
			    " WHERE id = ?1 AND attempts = ?2 AND state = 'RUNNING'",
	[SQL_SETTLE_FAILURE] =
		"INSERT INTO deliveries(event_id, hook_id, state, due_at, failed_id)"
		" SELECT event_id, ?2, 'READY', ?3, id FROM deliveries WHERE id = ?1",
	[SQL_ORDER_KEY] = "UPDATE deliveries SET" SET_ORDERING " WHERE id = ?1",
	[SQL_ORDER_KEY_READY] = "UPDATE deliveries SET" SET_ORDERING
				" WHERE state = 'READY' AND blocked_by IS NULL AND hook_id = ?1"
				" AND ordering_key IS NULL",
	[SQL_ORDER_UNKEYED] = "SELECT id FROM deliveries WHERE state = 'READY'"
			      " AND blocked_by IS NULL AND hook_id = ?1",
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
		"SELECT own.id, own.type, d.hook_id, e.id, e.type, e.quarantined IS NOT NULL,"
		" coalesce(e.occurred_at, e.received_at)"
		" < coalesce(own.occurred_at, own.received_at)"
		" FROM deliveries d CROSS JOIN events own ON own.id = d.event_id"
		" CROSS JOIN events e ON e.entity_id = own.entity_id"
		" AND e.entity_kind IS own.entity_kind AND e.source_id = own.source_id"
		" WHERE d.id = ?1 AND d.replay_of IS NULL ORDER BY e.id DESC LIMIT ?2",
	[SQL_SKIP] = "UPDATE deliveries SET state = 'SKIPPED', reason = ?2, ended_at = ?3"
		     " WHERE id = ?1 AND state = 'READY'",
	[SQL_ONCE_FIND] = "SELECT a.delivery, a.again FROM deliveries d"
			  " CROSS JOIN events e ON e.id = d.event_id AND e.entity_id IS NOT NULL"
			  " CROSS JOIN acted a ON a.hook_id = d.hook_id AND a.entity = " ENTITY
			  " WHERE d.id = ?1",
	[SQL_ONCE_DONE] =
		"SELECT p.id FROM deliveries d CROSS JOIN events own ON own.id = d.event_id"
		" CROSS JOIN deliveries p ON p.event_id IN (SELECT e.id FROM events e"
		" WHERE e.entity_id = own.entity_id AND e.entity_kind IS own.entity_kind"
		" AND e.source_id = own.source_id ORDER BY e.id DESC LIMIT ?2)"
		" WHERE d.id = ?1 AND p.hook_id = d.hook_id AND p.state = 'DONE' LIMIT 1",
	[SQL_ONCE_OF] = "SELECT event_id, hook_id FROM deliveries WHERE id = ?1",
	[SQL_ONCE_ACTED] =
		"INSERT INTO acted(hook_id, entity, delivery, acted_at)"
		" SELECT d.hook_id, " ENTITY ", d.id, ?2 FROM deliveries d"
		" JOIN events e ON e.id = d.event_id WHERE d.id = ?1 AND e.entity_id IS NOT NULL"
		" ON CONFLICT DO UPDATE SET delivery = excluded.delivery,"
		" acted_at = excluded.acted_at, again = NULL",
	[SQL_ONCE_LIFT] =
		"INSERT INTO acted(hook_id, entity, delivery, acted_at, again)"
		" SELECT d.hook_id, " ENTITY ", ?2, ?3, ?4 FROM deliveries d"
		" JOIN events e ON e.id = d.event_id WHERE d.id = ?1 AND e.entity_id IS NOT NULL"
		" ON CONFLICT DO UPDATE SET again = excluded.again",
	[SQL_ONCE_OLD] = "DELETE FROM acted WHERE (hook_id, entity) IN"
			 " (SELECT hook_id, entity FROM acted WHERE acted_at < ?1"
			 " ORDER BY acted_at LIMIT ?2)",
	[SQL_SOURCE_FIND] = "SELECT id FROM sources WHERE name = ?1",
	[SQL_SOURCE_INSERT] = "INSERT INTO sources(name) VALUES(?1)",
	[SQL_HOOK_FIND] = "SELECT id FROM hooks WHERE name = ?1",
	[SQL_HOOK_INSERT] = "INSERT INTO hooks(name) VALUES(?1)",
	[SQL_CATCHUP] =
		"INSERT OR REPLACE INTO catchup(source_id, begun_at, read_to, read_at, filled,"
		" filled_at, upper, page, found, failed_at, denied, webhook_id, webhook_at,"
		" webhook_bad_at, webhook_good_at, reenabled_at, failure, webhook, webhook_text)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, "
		"?17,"
		" ?18, ?19)",
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
	[SQL_RETENTION_NEWEST] = "SELECT max((SELECT max(received_at) FROM events"
				 " WHERE source_id = s.id AND received_at <= ?1))"
				 " FROM sources s WHERE s.name <> 'hookd'",
	[SQL_RETENTION_STATES] = "SELECT count(*) FILTER (WHERE state IN ('READY', 'RUNNING')),"
				 " count(*) FILTER (WHERE state = 'DEAD' AND"
				 " replayed_by IS NULL) FROM deliveries WHERE event_id = ?1",
	[SQL_RETENTION_DELETE] = "DELETE FROM events WHERE id = ?1",
	[SQL_CHANGE_FIND] = "SELECT state, replayed_by IS NOT NULL, hook_id FROM deliveries"
			    " WHERE id = ?1",
	[SQL_REPLAY] = "INSERT INTO deliveries(event_id, hook_id, state, due_at, failed_id,"
		       " replay_of, ordering_key, ordering_at) SELECT event_id, hook_id, 'READY',"
		       " ?2, failed_id, coalesce(replay_of, id), ordering_key, ordering_at"
		       " FROM deliveries WHERE id = ?1",
	[SQL_REPLAYED_BY] = "UPDATE deliveries SET replayed_by = ?2 WHERE id = ?1",
	[SQL_CANCEL] = "UPDATE deliveries SET state = 'SKIPPED', reason = ?2,"
		       " ended_at = coalesce(ended_at, ?3), blocked_by = NULL WHERE id = ?1",
	[SQL_PAUSE_FIND] = "SELECT id, coalesce(paused_at, 0) FROM hooks WHERE name = ?1",
	[SQL_PAUSE] = "UPDATE hooks SET paused_at = nullif(?2, 0) WHERE id = ?1",
	[SQL_QUARANTINE_FIND] = "SELECT 1 FROM events WHERE id = ?1 AND quarantined IS NOT NULL",
	[SQL_QUARANTINE_LEAVE] =
		"UPDATE events SET type = ?2, entity_kind = ?3, entity_id = ?4, declined = ?5,"
		" state_key = ?6, quarantined = NULL WHERE id = ?1 AND quarantined IS NOT NULL",
	[SQL_DELIVER] = "INSERT INTO deliveries(event_id, hook_id, state, due_at, reason, ended_at)"
			" VALUES(?1, ?2, iif(?4 IS NULL, 'READY', 'SKIPPED'), ?3, ?4,"
			" iif(?4 IS NULL, NULL, ?3))",
	[SQL_IMPORT] =
		"INSERT INTO events(source_id, idempotency_key, provider_event_id, type,"
		" entity_kind, entity_id, received_at, occurred_at, origin, remote_addr,"
		" quarantined, declined, payload, checksum, state_key)"
		" VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0), ?13, '', ?9, ?10, ?11, ?12,"
		" ?14) ON CONFLICT DO NOTHING",
	[SQL_AUDIT_INSERT] = "INSERT INTO audit(at, uid, act, detail, changed)"
			     " VALUES(?1, ?2, ?3, ?4, ?5)",
	[SQL_AUDIT_CHANGED] = "UPDATE audit SET changed = changed + ?2 WHERE id = ?1",
	[SQL_AUDIT_END] = "UPDATE audit SET result = ?2, ended_at = ?3 WHERE id = ?1",
	[SQL_AUDIT_OLD] = "DELETE FROM audit WHERE id IN"
			  " (SELECT id FROM audit WHERE at < ?1 ORDER BY at LIMIT ?2)",
	[SQL_REFUSED_SIZE] =
		"SELECT count(*), coalesce(sum(size), 0) FROM refused WHERE source_id = ?1",
	[SQL_REFUSED_OLDEST] =
		"SELECT id, size FROM refused WHERE source_id = ?1 ORDER BY id LIMIT 1",
	[SQL_REFUSED_DELETE] = "DELETE FROM refused WHERE id = ?1",
	[SQL_REFUSED_INSERT] = "INSERT INTO refused(source_id, received_at, remote_addr, reason,"
			       " size, headers, body) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7)",
	[SQL_REFUSED_OLD] = "DELETE FROM refused WHERE id IN"
			    " (SELECT id FROM refused WHERE received_at < ?1"
			    " ORDER BY received_at LIMIT ?2)",
	[SQL_RECHECK] = "INSERT INTO rechecked(event_id, refused_at, remote_addr)"
			" SELECT id, ?3, ?4 FROM events"
			" WHERE source_id = ?1 AND idempotency_key = ?2",
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
	db->reading.parts = 0;
	return store_is_stopped(db) ? SQLITE_IOERR_FSYNC
				    : store_step(db->sql[SQL_BEGIN], SQLITE_OK);
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

void store_roll_back(struct store_db *db)
{
	/* Some errors have ended the transaction already. */
	if (!sqlite3_get_autocommit(db->sqlite) &&
		store_step(db->sql[SQL_ROLLBACK], SQLITE_OK) != SQLITE_OK)
		store_log_error(db->sqlite, sqlite3_errcode(db->sqlite), "store cannot roll back",
			db->path);
}

int store_end(struct store_db *db, int rc)
{
	/* Between an error and its logging the connection must not be used: SQLite would forget
	 * the error. */
	if (rc == SQLITE_OK)
		rc = store_step(db->sql[SQL_COMMIT], rc);
	db->full = (rc & 0xff) == SQLITE_FULL;
	if (rc == SQLITE_OK || store_is_stopped(db))
		return rc;
	log_write_failure(db, rc);
	if (rc == SQLITE_IOERR_FSYNC)
		store_stop(db);
	store_roll_back(db);
	return rc;
}
