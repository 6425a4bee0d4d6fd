#include "store_replay.h"

#include "store_db.h"
#include "store_reader.h"

#include <sqlite3.h>
#include <stdio.h>

#define ENDED "state IN ('DONE', 'DEAD', 'SKIPPED') AND replayed_by IS NULL"

struct find_to {
	store_replayable_seen *seen;
	void *arg;
};

static void find_row(sqlite3_stmt *s, void *to)
{
	const struct find_to *f = to;
	struct store_replayable row = {
		.delivery = sqlite3_column_int64(s, 0),
		.event = sqlite3_column_int64(s, 1),
		.hook = store_column_text(s, 2),
		.state = store_state_from_text(store_column_text(s, 3)),
	};

	f->seen(f->arg, &row);
}

bool store_replay_find(struct store_reader *r, const struct store_replay_filter *filter,
	store_replayable_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	char sql[512];
	struct find_to to = {seen, arg};
	const struct store_value values[] = {
		{.number = filter->event},
		{.text = filter->hook},
		{.number = filter->since},
	};

	/* Spelled out, so that the planner may use the partial index of the state. */
	(void)snprintf(sql, sizeof(sql),
		"SELECT d.id, d.event_id, h.name, d.state FROM deliveries d"
		" CROSS JOIN hooks h ON h.id = d.hook_id WHERE d.replayed_by IS NULL"
		" AND d.state %s%s%s%s%s%s",
		filter->any_state ? "IN ('DONE', 'DEAD', 'SKIPPED')" : "= '",
		filter->any_state ? "" : store_state_text(filter->state),
		filter->any_state ? "" : "'", filter->event != 0 ? " AND d.event_id = ?1" : "",
		filter->hook != NULL ? " AND d.hook_id = (SELECT id FROM hooks WHERE name = ?2)"
				     : "",
		filter->since != 0 ? " AND d.ended_at >= ?3" : "");
	return store_look(r, sql, values, 3, find_row, &to, why);
}

static void known_row(sqlite3_stmt *s, void *to)
{
	bool *known = to;

	(void)s;
	*known = true;
}

bool store_replay_knows_hook(
	struct store_reader *r, const char *hook, bool *known, char why[STORE_READ_WHY])
{
	const struct store_value value = {.text = hook};

	*known = false;
	return store_look(
		r, "SELECT 1 FROM hooks WHERE name = ?1", &value, 1, known_row, known, why);
}

/* Its place among its entity's it has from the first: the time of its event. */
static int replay_one(struct sqlite3 *db, sqlite3_stmt *insert, sqlite3_stmt *link,
	int64_t delivery, int64_t now, int64_t *made)
{
	int rc = SQLITE_OK;

	*made = 0;
	store_bind_int(insert, 1, delivery, &rc);
	store_bind_int(insert, 2, now, &rc);
	rc = store_step(insert, rc);
	if (rc != SQLITE_OK || sqlite3_changes(db) == 0)
		return rc;
	*made = sqlite3_last_insert_rowid(db);
	store_bind_int(link, 1, delivery, &rc);
	store_bind_int(link, 2, *made, &rc);
	return store_step(link, rc);
}

bool store_replay(struct store_editor *e, const int64_t *deliveries, size_t count, int64_t now,
	int64_t *made, char why[STORE_READ_WHY])
{
	struct sqlite3 *db = store_editor_begin(e, why);
	sqlite3_stmt *insert = NULL, *link = NULL;
	bool good;
	int rc;

	if (db == NULL)
		return false;
	rc = sqlite3_prepare_v2(db,
		"INSERT INTO deliveries(event_id, hook_id, state, due_at, failed_id, replay_of,"
		" lane, lane_at) SELECT event_id, hook_id, 'READY', ?2, failed_id,"
		" coalesce(replay_of, id), lane, lane_at FROM deliveries"
		" WHERE id = ?1 AND " ENDED,
		-1, &insert, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db, "UPDATE deliveries SET replayed_by = ?2 WHERE id = ?1",
			-1, &link, NULL);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = replay_one(db, insert, link, deliveries[i], now, &made[i]);
	good = store_editor_end(e, rc, why);
	(void)sqlite3_finalize(insert);
	(void)sqlite3_finalize(link);
	return good;
}
