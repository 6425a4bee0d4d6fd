/* store/sqlite/retention.c - removes old events whose deliveries have all ended, a slice at a
 * time between the writer's groups, and returns free pages to the disk. A pass goes once through
 * the old events in order of arrival; events with unfinished deliveries are left for the next
 * pass. */
#include "base/clock.h"
#include "db.h"

#include <sqlite3.h>

/* New events reuse free pages, so a store of steady size keeps them; only those beyond
 * 1/FREE_SHARE of the file are returned to the disk. */
#define FREE_SHARE 8
#define FREE_PAGES "64" /* moved in one slice */

struct old_event {
	int64_t id;
	int64_t received_at;
};

static int slice_find(
	struct store_db *db, struct old_event old[STORE_RETENTION_SLICE], size_t *count)
{
	sqlite3_stmt *s = db->sql[SQL_RETENTION_OLD];
	int rc = SQLITE_OK;

	*count = 0;
	store_bind_int(s, 1, db->retention.received_at, &rc);
	store_bind_int(s, 2, db->retention.event, &rc);
	store_bind_int(s, 3, db->retention.cutoff, &rc);
	store_bind_int(s, 4, STORE_RETENTION_SLICE, &rc);
	while (rc == SQLITE_OK && *count < STORE_RETENTION_SLICE) {
		rc = sqlite3_step(s);
		if (rc != SQLITE_ROW)
			break;
		old[*count].id = sqlite3_column_int64(s, 0);
		old[*count].received_at = sqlite3_column_int64(s, 1);
		++*count;
		rc = SQLITE_OK;
	}
	store_reset(s);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int event_remove(
	struct store_db *db, int64_t event, struct store_delta *delta, bool *removed)
{
	sqlite3_stmt *s = db->sql[SQL_RETENTION_STATES];
	int64_t waiting = 0;
	int64_t dead = 0;
	int rc = SQLITE_OK;

	*removed = false;
	store_bind_int(s, 1, event, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		waiting = sqlite3_column_int64(s, 0);
		dead = sqlite3_column_int64(s, 1);
		rc = SQLITE_OK;
	}
	store_reset(s);
	if (rc != SQLITE_OK || waiting > 0)
		return rc;
	s = db->sql[SQL_RETENTION_DELETE];
	store_bind_int(s, 1, event, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK)
		return rc;
	delta->dead -= dead;
	*removed = true;
	return SQLITE_OK;
}

static int sweep(struct store_db *db, struct store_delta *out)
{
	struct old_event old[STORE_RETENTION_SLICE];
	struct store_delta delta = {0};
	size_t count = 0;
	int64_t removed = 0;

	int rc = store_begin(db);
	if (rc == SQLITE_OK)
		rc = slice_find(db, old, &count);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
		bool gone;
		rc = event_remove(db, old[i].id, &delta, &gone);
		removed += gone;
	}
	rc = store_end(db, rc);
	if (rc != SQLITE_OK)
		return rc;
	*out = delta;
	db->retention.removed += removed;
	db->retention.swept = count < STORE_RETENTION_SLICE;
	if (count > 0) {
		db->retention.received_at = old[count - 1].received_at;
		db->retention.event = old[count - 1].id;
	}
	return SQLITE_OK;
}

static int return_pages(struct store_db *db, bool *more)
{
	int64_t pages = 0;
	int64_t unused = 0;
	int64_t left = 0;

	*more = false;
	int rc = store_number(db->sqlite, "PRAGMA page_count", &pages);
	if (rc == SQLITE_OK)
		rc = store_number(db->sqlite, "PRAGMA freelist_count", &unused);
	if (rc != SQLITE_OK || unused <= pages / FREE_SHARE)
		return rc;
	rc = sqlite3_exec(
		db->sqlite, "PRAGMA incremental_vacuum(" FREE_PAGES ")", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = store_number(db->sqlite, "PRAGMA freelist_count", &left);
	/* A file made without auto_vacuum keeps its pages. */
	*more = left < unused;
	return rc;
}

int64_t store_retention_slice(struct store_db *db, int64_t retention, struct store_delta *delta)
{
	struct store_retention *p = &db->retention;
	bool more = true;
	int rc;

	if (!p->under_way || p->retention != retention)
		*p = (struct store_retention){
			.under_way = true,
			.retention = retention,
			.cutoff = clock_wall() - retention,
			.received_at = INT64_MIN,
		};
	if (!p->swept) {
		rc = sweep(db, delta);
	} else {
		rc = return_pages(db, &more);
		if (rc != SQLITE_OK)
			store_log_error(db->sqlite, rc,
				"store cannot return free pages to the disk", db->path);
	}
	if (rc == SQLITE_OK && more)
		return 0;
	if (p->removed > 0)
		log_info("old events were removed", log_int("events", p->removed));
	p->under_way = false;
	return rc == SQLITE_OK ? STORE_RETENTION_EVERY : STORE_RETENTION_RETRY;
}
