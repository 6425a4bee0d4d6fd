#include "store/stats.h"

#include "reader.h"

#include <sqlite3.h>

struct stats_to {
	store_stats_seen *seen;
	void *arg;
};

static void stats_row(sqlite3_stmt *s, void *to)
{
	const struct stats_to *t = to;
	struct store_stats row = {
		.name = (const char *)sqlite3_column_text(s, 0),
		.events = sqlite3_column_int64(s, 1),
		.done = sqlite3_column_int64(s, 2),
		.dead = sqlite3_column_int64(s, 3),
		.skipped = sqlite3_column_int64(s, 4),
		.waiting = sqlite3_column_int64(s, 5),
	};

	if (row.name == NULL || row.events + row.done + row.dead + row.skipped + row.waiting > 0)
		t->seen(t->arg, &row);
}

#define ENDED(state)                                                                               \
	" (SELECT count(*) FROM deliveries d WHERE d.hook_id = h.id AND d.state = '" state "'"     \
	" AND d.ended_at >= ?1 AND d.ended_at < ?2)"
#define SUM(state) " (SELECT coalesce(sum(" ENDED(state) "), 0) FROM hooks h)"

static bool look(struct store_reader *r, const char *sql, int64_t from, int64_t until,
	store_stats_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct stats_to to = {seen, arg};
	const struct store_value values[] = {{.number = from}, {.number = until}};

	return store_look(r, sql, values, 2, stats_row, &to, why);
}

bool store_stats_between(struct store_reader *r, int64_t from, int64_t to, store_stats_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	return look(r,
		"SELECT NULL, (SELECT coalesce(sum((SELECT count(*) FROM events e"
		" WHERE e.source_id = s.id AND e.received_at >= ?1 AND e.received_at < ?2)), 0)"
		" FROM sources s WHERE s.name <> 'hookd')," SUM("DONE") "," SUM("DEAD") "," SUM(
			"SKIPPED") ", 0",
		from, to, seen, arg, why);
}

bool store_stats_types(struct store_reader *r, int64_t from, int64_t to, store_stats_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	return look(r,
		"WITH RECURSIVE t(type) AS (SELECT min(type) FROM events UNION ALL"
		" SELECT (SELECT min(e.type) FROM events e WHERE e.type > t.type) FROM t"
		" WHERE t.type IS NOT NULL) SELECT type, (SELECT count(*) FROM events e"
		" WHERE e.type = t.type AND e.received_at >= ?1 AND e.received_at < ?2), 0, 0, 0, 0"
		" FROM t WHERE type IS NOT NULL AND type NOT GLOB 'hookd.*'",
		from, to, seen, arg, why);
}

bool store_stats_hooks(struct store_reader *r, int64_t from, int64_t to, store_stats_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	return look(r,
		"SELECT h.name, 0," ENDED("DONE") "," ENDED("DEAD") "," ENDED(
			"SKIPPED") ","
				   " (SELECT count(*) FROM deliveries d WHERE d.hook_id = h.id AND "
				   "d.state = 'READY'"
				   " AND d.behind IS NULL) + (SELECT count(*) FROM deliveries d "
				   "WHERE d.hook_id = h.id"
				   " AND d.behind IS NOT NULL) + (SELECT count(*) FROM deliveries d"
				   " WHERE d.hook_id = h.id AND d.state = 'RUNNING')"
				   " FROM hooks h ORDER BY h.name",
		from, to, seen, arg, why);
}
