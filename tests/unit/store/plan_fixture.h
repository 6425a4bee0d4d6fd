/* plan_fixture.h - SQLite's query plans: every statement that runs on a connection opened while
 * this watches must find its rows through an index. */
#ifndef HOOKD_PLAN_FIXTURE_H
#define HOOKD_PLAN_FIXTURE_H

#include "fixture.h"

#include <stdbool.h>

static int plans_seen;

/* These contain only what waits, runs or is dead, the few names, or acts under way: walking through
 * them is allowed. */
static inline bool plan_walk_allowed(const char *step)
{
	static const char *const allowed[] = {"deliveries USING INDEX deliveries_due",
		"deliveries USING INDEX deliveries_blocked",
		"deliveries USING COVERING INDEX deliveries_blocked",
		"deliveries USING INDEX deliveries_running",
		"deliveries USING COVERING INDEX deliveries_running",
		"deliveries USING COVERING INDEX deliveries_dead",
		"deliveries USING COVERING INDEX deliveries_due", "audit USING INDEX audit_open",
		"events USING INDEX events_quarantined",
		"events USING COVERING INDEX events_quarantined",
		"deliveries USING INDEX deliveries_dead", "t" /* a stream of other rows */,
		"d USING INDEX deliveries_dead", "h",
		"h USING COVERING INDEX sqlite_autoindex_hooks_1",
		"s USING COVERING INDEX sqlite_autoindex_sources_1",
		"h USING INDEX sqlite_autoindex_hooks_1", "s", "CONSTANT ROW", "sqlite_master",
		/* the puts of one transaction */
		"put_events VIRTUAL TABLE INDEX 0:", "put_deliveries VIRTUAL TABLE INDEX 0:"};

	for (size_t i = 0; i < sizeof(allowed) / sizeof(allowed[0]); i++)
		if (strcmp(step, allowed[i]) == 0)
			return true;
	return false;
}

/* The total is counted along an index that holds nothing else. */
static inline bool plan_counts_all(const char *sql, const char *step)
{
	return (strncmp(step, "events USING COVERING INDEX ", 28) == 0 &&
		       strstr(sql, "(SELECT count(*) FROM events)") != NULL) ||
	       (strncmp(step, "deliveries USING COVERING INDEX ", 32) == 0 &&
		       strstr(sql, "(SELECT count(*) FROM deliveries)") != NULL);
}

/* Does it only compare the schema with that of a database in memory? */
static inline bool plan_is_of_schema(sqlite3 *db, const char *sql)
{
	return sqlite3_db_filename(db, "main")[0] == '\0' ||
	       strstr(sql, "FROM main.sqlite_schema") != NULL;
}

static inline void plan_check(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *plan;
	char text[4096];

	assert_in_range(
		snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", sql), 1, sizeof(text) - 1);
	assert_int_equal(sqlite3_prepare_v2(db, text, -1, &plan, NULL), SQLITE_OK);
	while (sqlite3_step(plan) == SQLITE_ROW) {
		const char *step = (const char *)sqlite3_column_text(plan, 3);
		if (strncmp(step, "SCAN ", 5) == 0 && !plan_walk_allowed(step + 5) &&
			!plan_counts_all(sql, step + 5))
			fail_msg("%s in: %s", step, sql);
		if (strstr(step, "TEMP B-TREE") != NULL || strstr(step, "AUTOMATIC") != NULL)
			fail_msg("%s in: %s", step, sql);
	}
	(void)sqlite3_finalize(plan);
	plans_seen++;
}

static int plan_traced(unsigned kind, void *arg, void *statement, void *unused)
{
	static const char *const verbs[] = {"SELECT", "UPDATE", "INSERT", "DELETE"};
	const char *sql = sqlite3_sql(statement);

	(void)kind;
	(void)arg;
	(void)unused;
	if (sql == NULL || plan_is_of_schema(sqlite3_db_handle(statement), sql))
		return 0;
	for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strncmp(sql, verbs[i], strlen(verbs[i])) == 0)
			plan_check(sqlite3_db_handle(statement), sql);
	return 0;
}

static int plan_opened(sqlite3 *db, const char **error, const void *api)
{
	(void)error;
	(void)api;
	return sqlite3_trace_v2(db, SQLITE_TRACE_STMT, plan_traced, NULL);
}

static inline void plan_watch(void)
{
	plans_seen = 0;
	assert_int_equal(sqlite3_auto_extension((void (*)(void))plan_opened), SQLITE_OK);
}

/* Returns how many statements were checked. */
static inline int plan_watch_end(void)
{
	sqlite3_reset_auto_extension();
	return plans_seen;
}

#endif
