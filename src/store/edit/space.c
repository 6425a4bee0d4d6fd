#include "store/space.h"

#include "store/query/reader.h"
#include "store/sqlite/db.h"

#include <sqlite3.h>

enum { SLICE = 200 /* events in one transaction */ };

#define PAGES "512" /* given back in one transaction */

static void count_row(sqlite3_stmt *s, void *to)
{
	*(int64_t *)to = sqlite3_column_int64(s, 0);
}

bool store_space_old(
	struct store_reader *r, int64_t before, int64_t *count, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = before};

	*count = 0;
	return store_look(r, "SELECT count(*) FROM events WHERE received_at < ?1", &value, 1,
		count_row, count, why);
}

static int find(struct sqlite3 *db, struct store_space_walk *w, int64_t ids[SLICE], size_t *count)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db,
		"SELECT id, received_at FROM events WHERE (received_at, id) > (?1, ?2)"
		" AND received_at < ?3 ORDER BY received_at, id LIMIT ?4",
		-1, &s, NULL);

	*count = 0;
	store_bind_int(s, 1, w->received_at, &rc);
	store_bind_int(s, 2, w->event, &rc);
	store_bind_int(s, 3, w->before, &rc);
	store_bind_int(s, 4, SLICE, &rc);
	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
		ids[(*count)++] = sqlite3_column_int64(s, 0);
		w->event = sqlite3_column_int64(s, 0);
		w->received_at = sqlite3_column_int64(s, 1);
	}
	if (rc == SQLITE_OK)
		rc = sqlite3_finalize(s);
	else
		(void)sqlite3_finalize(s);
	return rc;
}

static int remove_all(
	struct sqlite3 *db, const int64_t *ids, size_t count, struct store_space_walk *w)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db,
		"DELETE FROM events WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM deliveries"
		" WHERE event_id = ?1 AND state IN ('READY', 'RUNNING'))",
		-1, &s, NULL);

	for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
		store_bind_int(s, 1, ids[i], &rc);
		rc = store_step(s, rc);
		w->removed += rc == SQLITE_OK && sqlite3_changes(db) > 0;
	}
	(void)sqlite3_finalize(s);
	return rc;
}

bool store_space_prune(
	struct store_editor *e, struct store_space_walk *walk, char why[STORE_READ_WHY])
{
	struct sqlite3 *db = store_editor_begin(e, why);
	struct store_space_walk next = *walk;
	int64_t ids[SLICE];
	size_t count = 0;
	int rc;

	if (db == NULL)
		return false;
	if (next.seen == 0)
		next.received_at = INT64_MIN;
	rc = find(db, &next, ids, &count);
	if (rc == SQLITE_OK)
		rc = remove_all(db, ids, count, &next);
	if (!store_editor_end(e, rc, why))
		return false;
	*walk = next;
	walk->seen += (int64_t)count;
	walk->over = count < SLICE;
	return true;
}

bool store_space_vacuum(
	struct store_editor *e, int64_t *pages, int64_t *size, char why[STORE_READ_WHY])
{
	struct sqlite3 *db = store_editor_begin(e, why);
	int64_t all = 0, page = 0;
	int rc;

	if (db == NULL)
		return false;
	rc = sqlite3_exec(db, "PRAGMA incremental_vacuum(" PAGES ")", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = store_number(db, "PRAGMA freelist_count", pages);
	if (rc == SQLITE_OK)
		rc = store_number(db, "PRAGMA page_count", &all);
	if (rc == SQLITE_OK)
		rc = store_number(db, "PRAGMA page_size", &page);
	*size = all * page;
	return store_editor_end(e, rc, why);
}
