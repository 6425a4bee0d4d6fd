/* store/sqlite/queries.c - the SQL of the queries of store/session.h. Each finds its rows through
 * an index and bounded, and none sorts: a reader needs no temporary file, and is as quick in a
 * large store as in a small one. CROSS JOIN fixes the order of the tables, and a + before a
 * column keeps the planner from using its index.
 *
 * Reports leave out what is hookd's own: events of the source "hookd" and deliveries of hooks
 * whose names begin with "hookd/". */
#include "db.h"
#include "session.h"

#define OWN_SOURCE "(SELECT id FROM sources WHERE name = 'hookd')"
#define OWN_HOOKS  "(SELECT id FROM hooks WHERE name GLOB 'hookd/*')"

/* Deliveries of hook `h`, each count along an index. */
#define HOOK_READY                                                                                 \
	" (SELECT count(*) FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'READY'"         \
	" AND d.blocked_by IS NULL)"                                                               \
	" + (SELECT count(*) FROM deliveries d WHERE d.hook_id = h.id AND d.blocked_by IS NOT "    \
	"NULL)"
#define HOOK_RUNNING                                                                               \
	" (SELECT count(*) FROM deliveries d WHERE d.hook_id = h.id AND d.state = 'RUNNING')"
#define HOOK_ENDED(state)                                                                          \
	" (SELECT count(*) FROM deliveries d WHERE d.hook_id = h.id AND d.state = '" state "'"     \
	" AND d.ended_at >= ?1 AND d.ended_at < ?2)"
#define HOOK_DONE        HOOK_ENDED("DONE") ","
#define HOOK_DEAD        HOOK_ENDED("DEAD") ","
#define HOOK_SKIPPED     HOOK_ENDED("SKIPPED") ","
#define ALL_ENDED(state) " (SELECT coalesce(sum(" HOOK_ENDED(state) "), 0) FROM hooks h),"
#define ALL_DONE         ALL_ENDED("DONE")
#define ALL_DEAD         ALL_ENDED("DEAD")
#define ALL_SKIPPED      ALL_ENDED("SKIPPED")
/* Hook by hook, so that each count is a range of an index. */
#define EVER_ENDED(state)                                                                          \
	" (SELECT coalesce(sum((SELECT count(*) FROM deliveries d WHERE d.hook_id = h.id"          \
	" AND d.state = '" state "' AND d.ended_at IS NOT NULL)), 0) FROM hooks h),"
#define EVER_DEAD    EVER_ENDED("DEAD")
#define EVER_SKIPPED EVER_ENDED("SKIPPED")
#define LAST_ATTEMPT " LEFT JOIN attempts a ON a.delivery_id = d.id AND a.number = d.attempts"

#define REFUSED_COLUMNS "r.id, s.name, r.received_at, r.remote_addr, r.reason, length(r.body)"
#define REFUSED_WANTED  " WHERE (?2 IS NULL OR s.name = ?2) AND r.received_at >= ?3"

static const char *const texts[QUERY_COUNT] = {
	[QUERY_EVENT] = "SELECT " STORE_EVENT_COLUMNS STORE_EVENT_PAYLOAD " FROM events e"
			" JOIN sources s ON s.id = e.source_id WHERE e.id = ?1",
	[QUERY_ENTITY] = "SELECT " STORE_EVENT_COLUMNS STORE_EVENT_PAYLOAD " FROM events e"
			 " CROSS JOIN sources s ON s.id = e.source_id"
			 " WHERE e.id IN (SELECT id FROM events"
			 " WHERE entity_id = ?1 AND entity_kind = ?2) ORDER BY e.id",
	[QUERY_DELIVERIES] = "SELECT " STORE_DELIVERY_COLUMNS " FROM deliveries d"
			     " JOIN hooks h ON h.id = d.hook_id JOIN events e ON e.id = d.event_id"
			     " JOIN sources s ON s.id = e.source_id"
			     " WHERE d.event_id = ?1 ORDER BY d.id",
	[QUERY_DELIVERY] = STORE_LISTED_SQL "deliveries d CROSS JOIN events e ON e.id = d.event_id"
					    " CROSS JOIN hooks h ON h.id = d.hook_id"
					    " CROSS JOIN sources s ON s.id = e.source_id"
					    " WHERE d.id = ?1",
	[QUERY_ATTEMPTS] = "SELECT number, started_at, ended_at, coalesce(result, 'running'),"
			   " exit_code, signal, status, message, output FROM attempts"
			   " WHERE delivery_id = ?1 ORDER BY number",
	[QUERY_HOOKS] = "SELECT name FROM hooks ORDER BY name",
	[QUERY_HOOK] = "SELECT name FROM hooks WHERE name = ?1",
	[QUERY_VERSION] = "PRAGMA data_version",
	[QUERY_LAST_DELIVERY] = "SELECT max(id) FROM deliveries",
	[QUERY_AUDIT] = "SELECT id, at, ended_at, uid, act, detail, changed, result FROM audit"
			" ORDER BY id DESC LIMIT ?1",

	[QUERY_REPORT_TYPES] = "SELECT s.name, e.type, e.quarantined IS NOT NULL, e.duplicates"
			       " FROM events e CROSS JOIN sources s ON s.id = e.source_id"
			       " WHERE e.received_at >= ?1 AND e.received_at < ?2"
			       " AND +e.source_id IS NOT " OWN_SOURCE,
	[QUERY_REPORT_HOOKS] =
		"SELECT h.name," HOOK_DONE HOOK_DEAD HOOK_SKIPPED HOOK_READY "," HOOK_RUNNING ","
		" (SELECT count(*) FROM deliveries WHERE hook_id = h.id AND state = 'DEAD'"
		" AND ended_at IS NOT NULL AND replayed_by IS NULL)"
		" FROM hooks h WHERE h.name NOT GLOB 'hookd/*' ORDER BY h.name",
	[QUERY_REPORT_WAITING] =
		"SELECT" HOOK_READY " +" HOOK_RUNNING " FROM hooks h WHERE h.name = ?1",
	/* The index has this order. */
	[QUERY_REPORT_DEAD] =
		"SELECT d.id, d.event_id, s.name, e.type, h.name, d.attempts, a.message,"
		" d.ended_at FROM deliveries d"
		" CROSS JOIN hooks h ON h.id = d.hook_id"
		" CROSS JOIN events e ON e.id = d.event_id"
		" CROSS JOIN sources s ON s.id = e.source_id" LAST_ATTEMPT
		" WHERE d.state = 'DEAD' AND d.replayed_by IS NULL AND d.hook_id NOT IN " OWN_HOOKS
		" ORDER BY d.ended_at DESC, d.hook_id DESC, d.id DESC LIMIT ?1",
	[QUERY_REPORT_DEATHS] =
		"SELECT count(*), count(*) FILTER (WHERE ended_at >= ?1 AND ended_at < ?2) FROM "
		"deliveries"
		" WHERE state = 'DEAD' AND replayed_by IS NULL AND hook_id NOT IN " OWN_HOOKS,
	[QUERY_REPORT_PAYLOADS] =
		"SELECT e.id, s.name, e.type, e.received_at, e.payload, e.checksum"
		" FROM events e CROSS JOIN sources s ON s.id = e.source_id"
		" WHERE e.received_at >= ?2 AND e.received_at < ?3 AND e.type GLOB ?1"
		" AND e.quarantined IS NULL AND +e.source_id IS NOT " OWN_SOURCE
		" ORDER BY e.received_at, e.id LIMIT ?4",
	[QUERY_REPORT_ENTITIES] =
		"SELECT e.id, s.name, e.entity_kind, e.entity_id"
		" FROM events e CROSS JOIN sources s ON s.id = e.source_id"
		" WHERE e.received_at >= ?1 AND e.received_at < ?2 AND +e.entity_id IS NOT NULL"
		" AND +e.source_id IS NOT " OWN_SOURCE " AND NOT EXISTS (SELECT 1 FROM events l"
		" WHERE l.entity_id = e.entity_id AND l.entity_kind IS e.entity_kind"
		" AND l.source_id = e.source_id AND l.id > e.id AND l.received_at < ?2)"
		" ORDER BY e.received_at, e.id",
	[QUERY_REPORT_ENTITY] = "SELECT e.id, s.name, e.type, e.received_at, e.payload, e.checksum"
				" FROM sources s CROSS JOIN events e ON e.source_id = s.id"
				" WHERE s.name = ?1 AND e.entity_id = ?3 AND e.entity_kind IS ?2"
				" AND +e.quarantined IS NULL ORDER BY e.id DESC LIMIT ?4",
	[QUERY_REPORT_LAST] = "SELECT received_at FROM events"
			      " WHERE source_id = (SELECT id FROM sources WHERE name = ?1)"
			      " AND received_at >= ?2 ORDER BY received_at DESC LIMIT 1",
	[QUERY_REPORT_CAME] = "SELECT 1 FROM events"
			      " WHERE source_id = (SELECT id FROM sources WHERE name = ?1)"
			      " AND received_at >= ?2 AND received_at < ?3 LIMIT 1",
	[QUERY_REPORT_FIRST] =
		"SELECT min((SELECT e.received_at FROM events e WHERE e.source_id = s.id"
		" ORDER BY e.received_at LIMIT 1)) FROM sources s WHERE s.name <> 'hookd'",
	[QUERY_REPORT_LAST_KEY] = "SELECT max(idempotency_key) FROM events"
				  " WHERE source_id = (SELECT id FROM sources WHERE name = ?1)"
				  " AND idempotency_key >= ?2"
				  " AND idempotency_key < ?2 || char(1114111)",
	[QUERY_REPORT_HAS] = "SELECT 1 FROM sources s WHERE s.name = ?1 AND (EXISTS(SELECT 1"
			     " FROM events WHERE source_id = s.id AND idempotency_key = ?2)"
			     " OR EXISTS(SELECT 1 FROM events"
			     " WHERE source_id = s.id AND state_key = ?3))",

	[QUERY_STATS_BETWEEN] =
		"SELECT NULL, (SELECT coalesce(sum((SELECT count(*) FROM events e"
		" WHERE e.source_id = s.id AND e.received_at >= ?1 AND e.received_at < ?2)), 0)"
		" FROM sources s WHERE s.name <> 'hookd')," ALL_DONE ALL_DEAD ALL_SKIPPED " 0",
	[QUERY_STATS_TYPES] =
		STORE_TYPES_SQL "SELECT type, (SELECT count(*) FROM events e WHERE e.type = t.type"
				" AND e.received_at >= ?1 AND e.received_at < ?2), 0, 0, 0, 0"
				" FROM t WHERE type IS NOT NULL AND type NOT GLOB 'hookd.*'",
	[QUERY_STATS_HOOKS] = "SELECT h.name, 0," HOOK_DONE HOOK_DEAD HOOK_SKIPPED HOOK_READY
			      " +" HOOK_RUNNING " FROM hooks h ORDER BY h.name",

	[QUERY_STATUS] =
		"SELECT (SELECT count(*) FROM events),"
		" (SELECT count(*) FROM events WHERE quarantined IS NOT NULL),"
		" (SELECT count(*) FROM events WHERE received_at > ?1),"
		" (SELECT count(*) FROM events WHERE received_at > ?2),"
		" (SELECT count(*) FROM events WHERE received_at > ?3),"
		" (SELECT count(*) FROM events WHERE quarantined IS NOT NULL AND +received_at > "
		"?3),"
		" (SELECT count(*) FROM deliveries WHERE state = 'READY' AND blocked_by IS NULL)"
		" + (SELECT count(*) FROM deliveries WHERE blocked_by IS NOT NULL),"
		" (SELECT count(*) FROM deliveries WHERE state = 'RUNNING'),"
		" (SELECT count(*) FROM deliveries)," EVER_DEAD EVER_SKIPPED
		" (SELECT count(*) FROM deliveries WHERE state = 'DEAD' AND replayed_by IS NULL),"
		" (SELECT min((SELECT d.due_at FROM deliveries d WHERE d.hook_id = h.id"
		" AND d.state = 'READY' AND d.blocked_by IS NULL ORDER BY d.due_at LIMIT 1))"
		" FROM hooks h WHERE h.paused_at IS NULL)",
	[QUERY_STATUS_SOURCES] =
		"SELECT s.name, (SELECT e.received_at FROM events e WHERE e.source_id = s.id"
		" ORDER BY e.received_at DESC LIMIT 1) FROM sources s"
		" WHERE s.name <> 'hookd' ORDER BY s.name",
	[QUERY_STATUS_PAUSED] = "SELECT h.name, h.paused_at," HOOK_READY
				" FROM hooks h WHERE h.paused_at IS NOT NULL ORDER BY h.name",
	/* Walks through what waits, at most limits.backlog of them. */
	[QUERY_STATUS_FAILING] =
		"SELECT d.event_id, h.name, d.failures, d.due_at, a.message"
		" FROM (SELECT id, event_id, hook_id, failures, due_at, attempts FROM deliveries"
		" WHERE state = 'READY' AND blocked_by IS NULL AND failures > 0"
		" ORDER BY due_at LIMIT ?1) d CROSS JOIN hooks h ON h.id = d.hook_id" LAST_ATTEMPT,

	[QUERY_REFUSED_LIST] = "SELECT " REFUSED_COLUMNS " FROM refused r"
			       " CROSS JOIN sources s ON s.id = r.source_id" REFUSED_WANTED
			       " ORDER BY r.id DESC LIMIT ?1",
	[QUERY_REFUSED_NEXT] = "SELECT " REFUSED_COLUMNS ", r.body, r.headers FROM refused r"
			       " CROSS JOIN sources s ON s.id = r.source_id" REFUSED_WANTED
			       " AND r.id > ?1 ORDER BY r.id LIMIT 1",
	[QUERY_REFUSED_COUNT] = "SELECT count(*) + ?1 FROM refused r"
				" CROSS JOIN sources s ON s.id = r.source_id" REFUSED_WANTED,
	[QUERY_REFUSED_SOURCES] =
		"SELECT name, n, first, last, (SELECT reason FROM refused WHERE id = newest)"
		" FROM (SELECT s.name, count(*) AS n, min(r.received_at) AS first,"
		" max(r.received_at) AS last, max(r.id) AS newest FROM sources s"
		" CROSS JOIN refused r ON r.source_id = s.id AND r.received_at >= ?1"
		" AND r.received_at > coalesce((SELECT e.received_at FROM events e"
		" WHERE e.source_id = s.id"
		" ORDER BY e.received_at DESC LIMIT 1), 0) GROUP BY s.id) ORDER BY name",
	[QUERY_CATCHUP] =
		"SELECT c.begun_at, c.read_to, c.read_at, c.filled, c.filled_at, c.upper, c.page,"
		" c.found, c.failed_at, c.denied, c.webhook_id, c.webhook_at, c.webhook_bad_at,"
		" c.webhook_good_at, c.reenabled_at, c.failure, c.webhook, c.webhook_text"
		" FROM sources s"
		" JOIN catchup c ON c.source_id = s.id WHERE s.name = ?1",
	[QUERY_CATCHUP_LAST] =
		"SELECT coalesce((SELECT e.received_at FROM events e WHERE e.source_id = s.id"
		" AND e.origin = 'webhook' ORDER BY e.received_at DESC LIMIT 1), 0), 0"
		" FROM sources s WHERE s.name = ?1",
	[QUERY_CATCHUP_BEGUN] = "SELECT e.entity_id, e.received_at FROM sources s"
				" CROSS JOIN events e ON e.type = ?2 AND e.received_at >= ?3"
				" AND e.source_id = s.id WHERE s.name = ?1"
				" AND e.entity_id IS NOT NULL AND e.quarantined IS NULL"
				" ORDER BY e.received_at",
	[QUERY_CATCHUP_FIRST] = "SELECT coalesce(min(e.received_at), 0), 0 FROM sources s"
				" JOIN events e ON e.source_id = s.id AND e.received_at >= ?2"
				" AND e.origin = 'api' WHERE s.name = ?1",
	[QUERY_CATCHUP_FILLED] = "SELECT count(*), coalesce(max(e.received_at), 0) FROM sources s"
				 " JOIN events e ON e.source_id = s.id AND e.received_at >= ?2 AND "
				 "e.received_at < ?3"
				 " AND e.origin = 'api' WHERE s.name = ?1",

	[QUERY_OLD_COUNT] = "SELECT count(*) FROM events WHERE received_at < ?1",
};

bool store_select(struct store_session *s, enum store_query query, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to)
{
	return store_select_sql(s, texts[query], values, count, seen, to);
}
