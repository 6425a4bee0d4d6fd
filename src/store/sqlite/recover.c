/* store/sqlite/recover.c - settles what the last hookd left unfinished, before this one starts. */
#include "base/clock.h"
#include "db.h"

#include <sqlite3.h>

/* The greatest retry.max: nothing is due later, unless the clock was wrong. */
#define DUE_MAX "86400000" /* ms */

static int run_with_time(struct store_db *db, const char *sql, int64_t time)
{
	sqlite3_stmt *s = NULL;

	int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &s, NULL);
	if (rc == SQLITE_OK && sqlite3_bind_parameter_count(s) > 0)
		store_bind_int(s, 1, time, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	(void)sqlite3_finalize(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int recover_running(struct store_db *db, int64_t now, int64_t *recovered)
{
	int rc = run_with_time(db,
		"UPDATE attempts SET result = 'interrupted',"
		" message = 'hookd ended while it ran' WHERE result IS NULL AND"
		" delivery_id IN (SELECT id FROM deliveries WHERE state = 'RUNNING')",
		0);
	if (rc == SQLITE_OK)
		rc = run_with_time(db,
			"UPDATE deliveries SET state = 'READY', due_at = min(due_at, ?1)"
			" WHERE state = 'RUNNING'",
			now);
	if (rc == SQLITE_OK)
		*recovered = sqlite3_changes(db->sqlite);
	return rc;
}

/* Releases deliveries whose blocker has ended, is gone, or comes after them: nothing runs any
 * more. */
static int recover_blocked(struct store_db *db)
{
	int64_t blocked = 0;

	int rc = run_with_time(db,
		"UPDATE deliveries SET blocked_by = NULL WHERE blocked_by IS NOT NULL AND NOT "
		"EXISTS"
		" (SELECT 1 FROM deliveries p WHERE p.id = deliveries.blocked_by"
		" AND p.state = 'READY' AND (p.ordering_at, p.event_id, p.id)"
		" < (deliveries.ordering_at, deliveries.event_id, deliveries.id))",
		0);
	if (rc == SQLITE_OK)
		rc = store_number(db->sqlite,
			"SELECT count(*) FROM deliveries WHERE blocked_by IS NOT NULL", &blocked);
	db->blocked = blocked > 0;
	return rc;
}

/* A due time further ahead than any retry comes from a wrong clock. */
static int recover_late(struct store_db *db, int64_t now, int64_t *late)
{
	int rc = run_with_time(db,
		"UPDATE deliveries SET due_at = ?1"
		" WHERE state = 'READY' AND blocked_by IS NULL AND due_at > ?1 + " DUE_MAX,
		now);
	if (rc == SQLITE_OK)
		*late = sqlite3_changes(db->sqlite);
	if (rc == SQLITE_OK)
		rc = run_with_time(db,
			"UPDATE deliveries SET due_at = ?1"
			" WHERE blocked_by IS NOT NULL AND due_at > ?1 + " DUE_MAX,
			now);
	if (rc == SQLITE_OK)
		*late += sqlite3_changes(db->sqlite);
	return rc;
}

int store_count(struct store_db *db, int64_t *waiting, int64_t *dead)
{
	int rc = store_number(db->sqlite, "SELECT " STORE_WAITING_SQL, waiting);

	if (rc == SQLITE_OK)
		rc = store_number(db->sqlite,
			"SELECT count(*) FROM deliveries"
			" WHERE state = 'DEAD' AND replayed_by IS NULL",
			dead);
	return rc;
}

static int recover_all(struct store_db *db, int64_t now, struct store_counts *counts, int64_t *late)
{
	int rc = recover_running(db, now, &counts->recovered);

	if (rc == SQLITE_OK)
		rc = recover_blocked(db);
	if (rc == SQLITE_OK)
		rc = recover_late(db, now, late);
	if (rc == SQLITE_OK)
		rc = store_count(db, &counts->waiting, &counts->dead);
	return rc == SQLITE_OK ? store_pause_read(db) : rc;
}

bool store_recover(struct store_db *db, struct store_counts *counts)
{
	int64_t late = 0;

	int rc = store_begin(db);
	if (rc == SQLITE_OK)
		rc = recover_all(db, clock_wall(), counts, &late);
	if (store_end(db, rc) != SQLITE_OK)
		return false;
	if (counts->recovered > 0)
		log_info("deliveries that ran when hookd ended will run again",
			log_int("deliveries", counts->recovered));
	if (late > 0)
		log_warn("deliveries that were due too far ahead are due now; was the clock wrong?",
			log_int("deliveries", late));
	return true;
}
