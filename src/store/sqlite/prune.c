/* store/sqlite/prune.c - removes old events and returns free pages to the disk, both by hand. What
 * retention does by itself is in retention.c. */
#include "act.h"

#include <sqlite3.h>

#define VACUUM_PAGES "4" /* one item of a slice */

int store_prune_run(struct store_db *db, struct store_prune *p)
{
	struct store_old_event old[STORE_RETENTION_SLICE];
	struct store_pruned at = p->at;
	int64_t removed = at.removed;
	size_t count, i = 0;

	if (at.seen == 0)
		at.received_at = INT64_MIN;
	int rc = store_old_events(db, at.received_at, at.event, p->before, old, &count);
	while (i < count && rc == SQLITE_OK) {
		bool gone;

		rc = store_old_event_remove(db, old[i].id, &gone);
		at.removed += gone;
		at.event = old[i].id;
		at.received_at = old[i++].received_at;
		if (store_slice_is_over(db))
			break;
	}
	at.seen += (int64_t)i;
	at.over = i == count && count < STORE_RETENTION_SLICE;
	p->at = at;
	return rc == SQLITE_OK ? store_audit_add(db, p->audit, at.removed - removed) : rc;
}

static int measure_file(struct store_db *db, struct store_vacuum *v)
{
	int64_t all = 0, page = 0;

	int rc = store_number(db->sqlite, "PRAGMA freelist_count", &v->pages);
	if (rc == SQLITE_OK)
		rc = store_number(db->sqlite, "PRAGMA page_count", &all);
	if (rc == SQLITE_OK)
		rc = store_number(db->sqlite, "PRAGMA page_size", &page);
	v->size = all * page;
	return rc;
}

/* A file that was made without auto_vacuum keeps its pages. */
int store_vacuum_run(struct store_db *db, struct store_vacuum *v)
{
	int64_t first, before;

	int rc = measure_file(db, v);
	first = v->pages;
	while (rc == SQLITE_OK && v->pages > 0) {
		before = v->pages;
		rc = sqlite3_exec(db->sqlite, "PRAGMA incremental_vacuum(" VACUUM_PAGES ")", NULL,
			NULL, NULL);
		if (rc == SQLITE_OK)
			rc = measure_file(db, v);
		v->over = v->pages == before;
		if (v->over || store_slice_is_over(db))
			break;
	}
	v->over |= v->pages == 0;
	return rc == SQLITE_OK ? store_audit_add(db, v->audit, first - v->pages) : rc;
}
