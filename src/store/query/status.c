#include "store/status.h"

#include "reader.h"

#include <sqlite3.h>

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

#define SINCE(time) " (SELECT count(*) FROM events WHERE received_at > " time "),"

/* Counted hook by hook: so each is a stretch of an index. */
#define ENDED(state)                                                                               \
	" (SELECT coalesce(sum((SELECT count(*) FROM deliveries d WHERE d.hook_id = h.id"          \
	" AND d.state = '" state "' AND d.ended_at IS NOT NULL)), 0) FROM hooks h),"

static void status_row(sqlite3_stmt *s, void *to)
{
	struct store_status *out = to;
	int64_t all = sqlite3_column_int64(s, 8), dead_ever = sqlite3_column_int64(s, 9);

	*out = (struct store_status){
		.events = sqlite3_column_int64(s, 0),
		.quarantined = sqlite3_column_int64(s, 1),
		.last_minute = sqlite3_column_int64(s, 2),
		.last_hour = sqlite3_column_int64(s, 3),
		.last_day = sqlite3_column_int64(s, 4),
		.quarantined_last_day = sqlite3_column_int64(s, 5),
		.ready = sqlite3_column_int64(s, 6),
		.running = sqlite3_column_int64(s, 7),
		.skipped = sqlite3_column_int64(s, 10),
		.dead = sqlite3_column_int64(s, 11),
		.oldest_due = sqlite3_column_int64(s, 12),
	};
	out->replayed = dead_ever - out->dead;
	out->done = all - out->ready - out->running - dead_ever - out->skipped;
}

bool store_status(
	struct store_reader *r, int64_t now, struct store_status *out, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {
		{.number = now - MINUTE}, {.number = now - HOUR}, {.number = now - DAY}};

	return store_look(r,
		"SELECT (SELECT count(*) FROM events),"
		" (SELECT count(*) FROM events WHERE quarantined IS NOT NULL)," SINCE("?1")
			SINCE("?2") SINCE(
				"?3") " (SELECT count(*) FROM events WHERE"
				      " quarantined IS NOT NULL AND +received_at > ?3),"
				      " (SELECT count(*) FROM deliveries"
				      " WHERE state = 'READY' AND behind IS NULL)"
				      " + (SELECT count(*) FROM deliveries"
				      " WHERE behind IS NOT NULL),"
				      " (SELECT count(*) FROM deliveries"
				      " WHERE state = 'RUNNING'),"
				      " (SELECT count(*) FROM deliveries)," ENDED("DEAD") ENDED(
					      "SKIPPED") " (SELECT count(*) FROM"
							 " deliveries WHERE state ="
							 " 'DEAD' AND replayed_by"
							 " IS NULL),"
							 " (SELECT min((SELECT d.due_at FROM "
							 "deliveries d WHERE d.hook_id = h.id"
							 " AND d.state = 'READY' AND d.behind IS "
							 "NULL ORDER BY d.due_at LIMIT 1))"
							 " FROM hooks h WHERE h.paused_at IS NULL)",
		values, 3, status_row, out, why);
}

struct row_to {
	union {
		store_status_source_seen *source;
		store_status_paused_seen *paused;
		store_status_failing_seen *failing;
	} seen;
	void *arg;
};

static void source_row(sqlite3_stmt *s, void *to)
{
	const struct row_to *t = to;
	struct store_status_source row = {store_column_text(s, 0), sqlite3_column_int64(s, 1)};

	t->seen.source(t->arg, &row);
}

bool store_status_sources(
	struct store_reader *r, store_status_source_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct row_to to = {.seen.source = seen, .arg = arg};

	return store_look(r,
		"SELECT s.name, (SELECT e.received_at FROM events e WHERE e.source_id = s.id"
		" ORDER BY e.received_at DESC LIMIT 1) FROM sources s"
		" WHERE s.name <> 'hookd' ORDER BY s.name",
		NULL, 0, source_row, &to, why);
}

static void paused_row(sqlite3_stmt *s, void *to)
{
	const struct row_to *t = to;
	struct store_status_paused row = {
		store_column_text(s, 0), sqlite3_column_int64(s, 1), sqlite3_column_int64(s, 2)};

	t->seen.paused(t->arg, &row);
}

bool store_status_paused(
	struct store_reader *r, store_status_paused_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct row_to to = {.seen.paused = seen, .arg = arg};

	return store_look(r,
		"SELECT h.name, h.paused_at, (SELECT count(*) FROM deliveries d"
		" WHERE d.hook_id = h.id AND d.state = 'READY' AND d.behind IS NULL)"
		" + (SELECT count(*) FROM deliveries d WHERE d.hook_id = h.id"
		" AND d.behind IS NOT NULL) FROM hooks h WHERE h.paused_at IS NOT NULL"
		" ORDER BY h.name",
		NULL, 0, paused_row, &to, why);
}

static void failing_row(sqlite3_stmt *s, void *to)
{
	const struct row_to *t = to;
	struct store_status_failing row = {
		.event = sqlite3_column_int64(s, 0),
		.hook = store_column_text(s, 1),
		.failures = sqlite3_column_int64(s, 2),
		.due_at = sqlite3_column_int64(s, 3),
		.message = store_column_text(s, 4),
	};

	t->seen.failing(t->arg, &row);
}

bool store_status_failing(struct store_reader *r, unsigned limit, store_status_failing_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = limit};
	struct row_to to = {.seen.failing = seen, .arg = arg};

	/* A walk through what waits, at most limits.backlog of them. */
	return store_look(r,
		"SELECT d.event_id, h.name, d.failures, d.due_at, a.message"
		" FROM (SELECT id, event_id, hook_id, failures, due_at, attempts FROM deliveries"
		" WHERE state = 'READY' AND behind IS NULL AND failures > 0"
		" ORDER BY due_at LIMIT ?1) d CROSS JOIN hooks h ON h.id = d.hook_id"
		" LEFT JOIN attempts a ON a.delivery_id = d.id AND a.number = d.attempts",
		&value, 1, failing_row, &to, why);
}
