/* store/sqlite/prune.c - retention: removes old events whose deliveries are all over,
 * a slice at a time between the writer's groups, and gives space back. A pass
 * goes once through the old events in order of arrival; those that still wait
 * for something are passed over and looked at again by the next pass. */
#include "base/clock.h"
#include "db.h"

#include <sqlite3.h>

/* Free pages are used again by new events, so a store in balance keeps what it
 * has; only the part beyond 1/FREE_SHARE of the file goes back to the disk. */
#define FREE_SHARE 8
#define FREE_PAGES "64" /* moved in one slice */

struct old_event {
	int64_t id;
	int64_t received_at;
};

static int slice_find(struct store *st, struct old_event old[STORE_PRUNE_SLICE], size_t *count)
{
	sqlite3_stmt *s = st->sql[SQL_PRUNE_OLD];
	int rc = SQLITE_OK;

	*count = 0;
	store_bind_int(s, 1, st->prune.received_at, &rc);
	store_bind_int(s, 2, st->prune.event, &rc);
	store_bind_int(s, 3, st->prune.cutoff, &rc);
	store_bind_int(s, 4, STORE_PRUNE_SLICE, &rc);
	while (rc == SQLITE_OK && *count < STORE_PRUNE_SLICE) {
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

static int event_remove(struct store *st, int64_t event, struct store_delta *delta, bool *removed)
{
	sqlite3_stmt *s = st->sql[SQL_PRUNE_STATES];
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
	s = st->sql[SQL_PRUNE_DELETE];
	store_bind_int(s, 1, event, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK)
		return rc;
	delta->dead -= dead;
	*removed = true;
	return SQLITE_OK;
}

static int sweep(struct store *st)
{
	struct old_event old[STORE_PRUNE_SLICE];
	struct store_delta delta = {0};
	size_t count = 0;
	int64_t removed = 0;

	int rc = store_begin(st);
	if (rc == SQLITE_OK)
		rc = slice_find(st, old, &count);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++) {
		bool gone;
		rc = event_remove(st, old[i].id, &delta, &gone);
		removed += gone;
	}
	rc = store_end(st, rc);
	if (rc != SQLITE_OK)
		return rc;
	store_apply(st, &delta);
	st->prune.removed += removed;
	st->prune.swept = count < STORE_PRUNE_SLICE;
	if (count > 0) {
		st->prune.received_at = old[count - 1].received_at;
		st->prune.event = old[count - 1].id;
	}
	return SQLITE_OK;
}

static int give_back(struct store *st, bool *more)
{
	int64_t pages = 0;
	int64_t unused = 0;
	int64_t left = 0;

	*more = false;
	int rc = store_number(st->db, "PRAGMA page_count", &pages);
	if (rc == SQLITE_OK)
		rc = store_number(st->db, "PRAGMA freelist_count", &unused);
	if (rc != SQLITE_OK || unused <= pages / FREE_SHARE)
		return rc;
	rc = sqlite3_exec(st->db, "PRAGMA incremental_vacuum(" FREE_PAGES ")", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = store_number(st->db, "PRAGMA freelist_count", &left);
	/* A file that was made without auto_vacuum keeps its pages. */
	*more = left < unused;
	return rc;
}

int64_t store_prune_slice(struct store *st, int64_t retention)
{
	struct store_prune *p = &st->prune;
	bool more = true;
	int rc;

	if (!p->under_way || p->retention != retention)
		*p = (struct store_prune){
			.under_way = true,
			.retention = retention,
			.cutoff = clock_wall() - retention,
			.received_at = INT64_MIN,
		};
	if (!p->swept) {
		rc = sweep(st);
	} else {
		rc = give_back(st, &more);
		if (rc != SQLITE_OK)
			store_log_error(st->db, rc, "store cannot give space back", st->path);
	}
	if (rc == SQLITE_OK && more)
		return 0;
	if (p->removed > 0)
		log_info("old events were removed", log_int("events", p->removed));
	p->under_way = false;
	return rc == SQLITE_OK ? STORE_PRUNE_EVERY : STORE_PRUNE_AGAIN;
}
