/* store/sqlite/recover.c - settles what the last hookd left unfinished, before this one starts. */
#include "base/clock.h"
#include "db.h"

#include <sqlite3.h>
#include <stdlib.h>

/* The greatest retry.max: nothing is due later, unless the clock was wrong. */
#define DUE_MAX "86400000" /* ms */

struct recovery {
	int64_t now; /* unix ms */
	struct store_counts *counts;
	int64_t moved, late; /* deliveries with another due time */
};

static int run_with(struct store_db *db, const char *sql, int64_t first, int64_t second)
{
	sqlite3_stmt *s = NULL;

	int rc = sqlite3_prepare_v2(db->sqlite, sql, -1, &s, NULL);
	int parameters = sqlite3_bind_parameter_count(s);
	if (parameters > 0)
		store_bind_int(s, 1, first, &rc);
	if (parameters > 1)
		store_bind_int(s, 2, second, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	(void)sqlite3_finalize(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int list_running(struct store_db *db, int64_t **ids, size_t *count)
{
	sqlite3_stmt *s = NULL;
	size_t capacity = 0;
	int rc = sqlite3_prepare_v2(
		db->sqlite, "SELECT id FROM deliveries WHERE state = 'RUNNING'", -1, &s, NULL);

	*ids = NULL;
	*count = 0;
	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		rc = SQLITE_OK;
		if (*count == capacity) {
			capacity = capacity == 0 ? 64 : capacity * 2;
			int64_t *more = reallocarray(*ids, capacity, sizeof(*more));
			if (more == NULL) {
				rc = SQLITE_NOMEM;
				break;
			}
			*ids = more;
		}
		(*ids)[(*count)++] = sqlite3_column_int64(s, 0);
	}
	(void)sqlite3_finalize(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The attempt gets no time of ending: see job.c. */
static int recover_one(struct store_db *db, int64_t delivery, int64_t now)
{
	int rc = run_with(db,
		"UPDATE attempts SET result = 'interrupted',"
		" message = 'hookd ended while it ran' WHERE delivery_id = ?1 AND result IS NULL",
		delivery, now);

	if (rc == SQLITE_OK)
		rc = run_with(db,
			"UPDATE deliveries SET state = 'READY', due_at = min(due_at, ?2)"
			" WHERE id = ?1",
			delivery, now);
	return rc;
}

/* One by one: one that cannot be read must not keep hookd from its start. */
static int recover_running(struct store_db *db, int64_t now, int64_t *recovered)
{
	int64_t *ids;
	size_t count;

	*recovered = 0;
	int rc = list_running(db, &ids, &count);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
		if (store_unreadable_for_good(db, ROW_DELIVERY, ids[i]))
			continue;
		rc = store_reading(
			db, ROW_DELIVERY, ids[i], UNREADABLE_ALL, recover_one(db, ids[i], now));
		*recovered += rc == SQLITE_OK;
	}
	free(ids);
	return rc;
}

/* Releases deliveries whose blocker has ended, is gone, or comes after them: nothing runs any
 * more. */
static int recover_blocked(struct store_db *db, struct recovery *r)
{
	int64_t blocked = 1;

	(void)r;
	int rc = run_with(db,
		"UPDATE deliveries SET blocked_by = NULL WHERE blocked_by IS NOT NULL AND NOT "
		"EXISTS"
		" (SELECT 1 FROM deliveries p WHERE p.id = deliveries.blocked_by"
		" AND p.state = 'READY' AND (p.ordering_at, p.event_id, p.id)"
		" < (deliveries.ordering_at, deliveries.event_id, deliveries.id))",
		0, 0);
	if (rc == SQLITE_OK)
		rc = store_number(db->sqlite,
			"SELECT count(*) FROM deliveries WHERE blocked_by IS NOT NULL", &blocked);
	db->blocked = blocked > 0;
	return rc;
}

/* READY deliveries, each part in its own partial index. */
#define EACH_WAITING(update)                                                                       \
	{                                                                                          \
		update " AND state = 'READY' AND blocked_by IS NULL",                              \
			update " AND blocked_by IS NOT NULL"                                       \
	}

static int run_both(struct store_db *db, const char *const sql[2], int64_t time, int64_t *changed)
{
	int rc = SQLITE_OK;

	for (size_t i = 0; i < 2 && rc == SQLITE_OK; i++) {
		rc = run_with(db, sql[i], time, 0);
		if (rc == SQLITE_OK)
			*changed += sqlite3_changes(db->sqlite);
	}
	return rc;
}

/* If the last attempt ended in the future, the clock was ahead: the next one waits as long as it
 * would have. What was never tried does not wait. Otherwise a due time further ahead than any retry
 * comes from a wrong clock. */
static int recover_late(struct store_db *db, struct recovery *r)
{
#define LAST_ENDED                                                                                 \
	"(SELECT a.ended_at FROM attempts a WHERE a.delivery_id = id AND a.number = attempts)"
	/* Not those that an earlier start has moved: they are due before that. */
	static const char *const move[] = EACH_WAITING(
		"UPDATE deliveries SET due_at = ?1 + due_at - " LAST_ENDED " WHERE due_at > ?1"
		" AND " LAST_ENDED " > ?1 AND due_at >= " LAST_ENDED);
	static const char *const release[] =
		EACH_WAITING("UPDATE deliveries SET due_at = ?1"
			     " WHERE due_at > ?1 AND (attempts = 0 OR due_at > ?1 + " DUE_MAX ")");

	int rc = run_both(db, move, r->now, &r->moved);
	return rc == SQLITE_OK ? run_both(db, release, r->now, &r->late) : rc;
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

static int recover_needed(struct store_db *db, struct recovery *r)
{
	int rc = recover_running(db, r->now, &r->counts->recovered);

	if (rc == SQLITE_OK)
		rc = store_count(db, &r->counts->waiting, &r->counts->dead);
	if (rc == SQLITE_OK)
		rc = store_audit_recover(db);
	return rc == SQLITE_OK ? store_pause_read(db) : rc;
}

/* A part in a transaction of its own. Without one that is not needed hookd starts all the same if
 * some rows cannot be read. */
static bool recover_part(struct store_db *db, struct recovery *r,
	int (*part)(struct store_db *db, struct recovery *r), bool needed)
{
	bool again;
	int rc;

	do {
		rc = store_begin(db);
		if (rc == SQLITE_OK)
			rc = part(db, r);
		again = rc != SQLITE_OK && store_unreadable_note(db, rc);
		if (again)
			store_roll_back(db);
	} while (again);
	db->again = 0;
	if (needed || !store_is_read_error(rc))
		return store_end(db, rc) == SQLITE_OK;
	log_error("store cannot read all deliveries that wait: some may wait longer",
		log_text("error", sqlite3_errstr(rc)), log_text("file", db->path),
		log_text("hint", "hookctl check"));
	store_roll_back(db);
	return true;
}

static void report(const struct recovery *r)
{
	if (r->counts->recovered > 0)
		log_info("deliveries that ran when hookd ended will run again",
			log_int("deliveries", r->counts->recovered));
	if (r->moved > 0)
		log_warn("the clock was ahead when hookd last ran: waiting deliveries keep their "
			 "waits",
			log_int("deliveries", r->moved));
	if (r->late > 0)
		log_warn("deliveries that were due too far ahead are due now; was the clock wrong?",
			log_int("deliveries", r->late));
}

bool store_recover(struct store_db *db, struct store_counts *counts)
{
	struct recovery r = {.now = clock_wall(), .counts = counts};

	if (!recover_part(db, &r, recover_needed, true) ||
		!recover_part(db, &r, recover_blocked, false) ||
		!recover_part(db, &r, recover_late, false))
		return false;
	report(&r);
	return true;
}
