#include "store/change.h"

#include "store/query/reader.h"
#include "store/sqlite/db.h"

#include <sqlite3.h>
#include <stdio.h>

struct find_to {
	store_changeable_seen *seen;
	void *arg;
};

static void find_row(sqlite3_stmt *s, void *to)
{
	const struct find_to *f = to;
	struct store_changeable row = {
		.delivery = sqlite3_column_int64(s, 0),
		.event = sqlite3_column_int64(s, 1),
		.hook = store_column_text(s, 2),
		.state = store_state_from_text(store_column_text(s, 3)),
	};

	f->seen(f->arg, &row);
}

/* Spelled out, so that the planner may use the partial index of the state. */
static const char *const sets[] = {
	[STORE_CHANGE_ENDED] = "d.replayed_by IS NULL AND d.state IN ('DONE', 'DEAD', 'SKIPPED')",
	[STORE_CHANGE_DONE] = "d.replayed_by IS NULL AND d.state = 'DONE'",
	[STORE_CHANGE_DEAD] = "d.replayed_by IS NULL AND d.state = 'DEAD'",
	[STORE_CHANGE_SKIPPED] = "d.replayed_by IS NULL AND d.state = 'SKIPPED'",
	[STORE_CHANGE_WAITING] =
		"((d.state = 'READY' AND d.behind IS NULL) OR d.behind IS NOT NULL)",
};

bool store_change_find(struct store_reader *r, const struct store_change_filter *filter,
	store_changeable_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	char sql[512];
	struct find_to to = {seen, arg};
	const struct store_value values[] = {
		{.number = filter->event},
		{.text = filter->hook},
		{.number = filter->since},
	};

	(void)snprintf(sql, sizeof(sql),
		"SELECT d.id, d.event_id, h.name, d.state FROM deliveries d"
		" CROSS JOIN hooks h ON h.id = d.hook_id WHERE %s%s%s%s",
		sets[filter->set], filter->event != 0 ? " AND d.event_id = ?1" : "",
		filter->hook != NULL ? " AND d.hook_id = (SELECT id FROM hooks WHERE name = ?2)"
				     : "",
		filter->since != 0 ? " AND d.ended_at >= ?3" : "");
	return store_look(r, sql, values, 3, find_row, &to, why);
}

/* One delivery's change: the first statement makes it, or finds nothing to change; the
 * second is for what hangs on it. */
struct change {
	struct sqlite3 *db;
	sqlite3_stmt *first, *second;
	int (*apply)(const struct change *c, int64_t delivery, int64_t now, int64_t *made);
};

static int step_with(sqlite3_stmt *s, int64_t first, int64_t second)
{
	int rc = SQLITE_OK;

	store_bind_int(s, 1, first, &rc);
	store_bind_int(s, 2, second, &rc);
	return store_step(s, rc);
}

static int replay_one(const struct change *c, int64_t delivery, int64_t now, int64_t *made)
{
	int rc = step_with(c->first, delivery, now);

	if (rc != SQLITE_OK || sqlite3_changes(c->db) == 0)
		return rc;
	*made = sqlite3_last_insert_rowid(c->db);
	return step_with(c->second, delivery, *made);
}

static int cancel_one(const struct change *c, int64_t delivery, int64_t now, int64_t *made)
{
	int rc = step_with(c->first, delivery, now);

	if (rc != SQLITE_OK || sqlite3_changes(c->db) == 0)
		return rc;
	*made = delivery;
	rc = SQLITE_OK;
	store_bind_int(c->second, 1, delivery, &rc);
	return store_step(c->second, rc);
}

static bool change(struct store_editor *e, struct change c, const char *const sql[2],
	const int64_t *deliveries, size_t count, int64_t now, int64_t *made,
	char why[STORE_READ_WHY])
{
	bool good;
	int rc;

	c.db = store_editor_begin(e, why);
	if (c.db == NULL)
		return false;
	rc = sqlite3_prepare_v2(c.db, sql[0], -1, &c.first, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(c.db, sql[1], -1, &c.second, NULL);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
		made[i] = 0;
		rc = c.apply(&c, deliveries[i], now, &made[i]);
	}
	good = store_editor_end(e, rc, why);
	(void)sqlite3_finalize(c.first);
	(void)sqlite3_finalize(c.second);
	return good;
}

bool store_replay(struct store_editor *e, const int64_t *deliveries, size_t count, int64_t now,
	int64_t *made, char why[STORE_READ_WHY])
{
	/* Its place among its entity's it has from the first: the time of its event. */
	static const char *const sql[] = {
		"INSERT INTO deliveries(event_id, hook_id, state, due_at, failed_id, replay_of,"
		" lane, lane_at) SELECT event_id, hook_id, 'READY', ?2, failed_id,"
		" coalesce(replay_of, id), lane, lane_at FROM deliveries WHERE id = ?1"
		" AND state IN ('DONE', 'DEAD', 'SKIPPED') AND replayed_by IS NULL",
		"UPDATE deliveries SET replayed_by = ?2 WHERE id = ?1",
	};

	return change(
		e, (struct change){.apply = replay_one}, sql, deliveries, count, now, made, why);
}

bool store_cancel(struct store_editor *e, const int64_t *deliveries, size_t count, int64_t now,
	int64_t *made, char why[STORE_READ_WHY])
{
	static const char *const sql[] = {
		"UPDATE deliveries SET reason = iif(state = 'DEAD', 'dead, put aside by hand',"
		" 'cancelled by hand'), state = 'SKIPPED', ended_at = coalesce(ended_at, ?2),"
		" behind = NULL WHERE id = ?1 AND (state = 'READY' OR (state = 'DEAD'"
		" AND replayed_by IS NULL))",
		"UPDATE deliveries SET behind = NULL WHERE behind = ?1"
		" AND hook_id = (SELECT hook_id FROM deliveries WHERE id = ?1)",
	};

	return change(
		e, (struct change){.apply = cancel_one}, sql, deliveries, count, now, made, why);
}

static int look_paused(struct sqlite3 *db, const char *hook, bool *known, int64_t *since)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(
		db, "SELECT coalesce(paused_at, 0) FROM hooks WHERE name = ?1", -1, &s, NULL);

	*known = false;
	*since = 0;
	if (rc == SQLITE_OK)
		store_bind_text(s, 1, hook, &rc);
	if (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
		*known = true;
		*since = sqlite3_column_int64(s, 0);
	}
	(void)sqlite3_finalize(s);
	return rc;
}

bool store_pause(struct store_editor *e, const char *hook, bool pause, int64_t now, bool *known,
	int64_t *since, char why[STORE_READ_WHY])
{
	struct sqlite3 *db = store_editor_begin(e, why);
	sqlite3_stmt *s = NULL;
	int rc;

	if (db == NULL)
		return false;
	rc = look_paused(db, hook, known, since);
	if (rc == SQLITE_OK && *known && pause != (*since != 0)) {
		rc = sqlite3_prepare_v2(
			db, "UPDATE hooks SET paused_at = ?2 WHERE name = ?1", -1, &s, NULL);
		if (rc == SQLITE_OK)
			store_bind_text(s, 1, hook, &rc);
		if (pause)
			store_bind_int(s, 2, now, &rc);
		if (rc == SQLITE_OK)
			rc = sqlite3_step(s) == SQLITE_DONE ? SQLITE_OK : sqlite3_errcode(db);
		(void)sqlite3_finalize(s);
	}
	return store_editor_end(e, rc, why);
}
