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

#define QUIET INT64_C(86400000) /* ms for which no event may come, before a start */
#define SLACK INT64_C(60000)    /* ms by which a clock is corrected now and then */

int store_old_events(struct store_db *db, int64_t received_at, int64_t event, int64_t before,
	struct store_old_event old[STORE_RETENTION_SLICE], size_t *count)
{
	sqlite3_stmt *s = db->sql[SQL_RETENTION_OLD];
	int rc = SQLITE_OK;

	*count = 0;
	store_bind_int(s, 1, received_at, &rc);
	store_bind_int(s, 2, event, &rc);
	store_bind_int(s, 3, before, &rc);
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

static int count_deliveries(struct store_db *db, int64_t event, int64_t *waiting, int64_t *dead)
{
	sqlite3_stmt *s = db->sql[SQL_RETENTION_STATES];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, event, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		*waiting = sqlite3_column_int64(s, 0);
		*dead = sqlite3_column_int64(s, 1);
		rc = SQLITE_OK;
	}
	store_reset(s);
	return rc;
}

int store_event_remove(struct store_db *db, int64_t event, bool *removed)
{
	sqlite3_stmt *s = db->sql[SQL_RETENTION_DELETE];
	int64_t waiting = 0, dead = 0;

	*removed = false;
	int rc = count_deliveries(db, event, &waiting, &dead);
	if (rc != SQLITE_OK || waiting > 0)
		return rc;
	store_bind_int(s, 1, event, &rc);
	rc = store_step(s, rc);
	if (rc != SQLITE_OK)
		return rc;
	db->delta->dead -= dead;
	*removed = true;
	return SQLITE_OK;
}

int store_old_event_remove(struct store_db *db, int64_t event, bool *removed)
{
	*removed = false;
	if (store_unreadable_for_good(db, ROW_EVENT, event))
		return SQLITE_OK;
	return store_reading(
		db, ROW_EVENT, event, UNREADABLE_EVENT, store_event_remove(db, event, removed));
}

static int sweep(struct store_db *db, struct store_delta *out)
{
	struct store_old_event old[STORE_RETENTION_SLICE];
	struct store_retention *p = &db->retention;
	size_t count = 0, i = 0;
	int64_t removed = 0;

	*out = (struct store_delta){0};
	db->delta = out;
	store_slice_start(db);
	int rc = store_begin(db);
	if (rc == SQLITE_OK)
		rc = store_old_events(db, p->received_at, p->event, p->cutoff, old, &count);
	while (i < count && rc == SQLITE_OK) {
		bool gone;
		rc = store_old_event_remove(db, old[i++].id, &gone);
		removed += gone;
		if (store_slice_is_over(db))
			break;
	}
	if (rc == SQLITE_OK)
		rc = store_audit_remove(db, p->cutoff);
	if (rc == SQLITE_OK)
		rc = store_once_remove(db, p->cutoff);
	if (rc != SQLITE_OK && store_unreadable_note(db, rc)) {
		store_roll_back(db);
		return SQLITE_OK; /* the next slice passes over it */
	}
	rc = store_end(db, rc);
	if (rc != SQLITE_OK) {
		*out = (struct store_delta){0};
		return rc;
	}
	db->again = 0;
	store_slice_committed(db);
	p->removed += removed;
	p->swept = i == count && count < STORE_RETENTION_SLICE;
	if (i > 0) {
		p->received_at = old[i - 1].received_at;
		p->event = old[i - 1].id;
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

/* When the last event up to `until` came; hookd's own do not count. 0: none did. */
static int newest_event(struct store_db *db, int64_t until, int64_t *newest)
{
	sqlite3_stmt *s = db->sql[SQL_RETENTION_NEWEST];
	int rc = SQLITE_OK;

	*newest = 0;
	store_bind_int(s, 1, until, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW)
		*newest = sqlite3_column_int64(s, 0);
	store_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The latest time that events show. Those after a gap show it only when they have come for a day:
 * the clock may have jumped, and not every sender signs the time. */
static int shown_by_events(struct store_db *db, int64_t wall, int64_t *shown)
{
	int64_t before = 0;

	int rc = newest_event(db, wall, shown);
	if (rc == SQLITE_OK)
		rc = newest_event(db, *shown - QUIET, &before);
	if (before != 0 && *shown - before > 2 * QUIET)
		*shown = before;
	return rc;
}

static void report_kept(struct store_db *db, int64_t trusted, int64_t wall, int64_t retention)
{
	struct store_old_event old[STORE_RETENTION_SLICE];
	char clock[CLOCK_TEXT];
	size_t count = 0;

	if (db->kept_old ||
		store_old_events(db, trusted - retention, INT64_MAX, wall - retention, old,
			&count) != SQLITE_OK ||
		count == 0)
		return;
	db->kept_old = true;
	clock_local(wall, clock);
	log_warn("old events are kept: too few events have come to trust the clock",
		log_text("clock", clock), log_text("hint", "hookctl prune removes them"));
}

/* A clock that jumps ahead must not remove everything. The time that is trusted goes on as hookd
 * runs, and it is no more than QUIET ahead of what events show at the start. */
static int find_cutoff(struct store_db *db, int64_t retention, int64_t *cutoff)
{
	int64_t wall = clock_wall(), steady = clock_steady(), shown;
	int64_t trusted = db->trusted + (steady - db->trusted_at);

	int rc = shown_by_events(db, wall, &shown);
	if (rc != SQLITE_OK)
		return rc;
	if (db->trusted == 0 || trusted < shown + QUIET)
		trusted = shown + QUIET;
	if (shown == 0 || trusted > wall)
		trusted = wall;
	db->trusted = trusted;
	db->trusted_at = steady;
	if (trusted < wall - SLACK)
		report_kept(db, trusted, wall, retention);
	else
		db->kept_old = false;
	*cutoff = trusted - retention;
	return SQLITE_OK;
}

static bool start_pass(struct store_db *db, int64_t retention)
{
	struct store_retention pass = {
		.under_way = true, .retention = retention, .received_at = INT64_MIN};

	int rc = find_cutoff(db, retention, &pass.cutoff);
	if (rc == SQLITE_OK)
		db->retention = pass;
	else
		store_log_error(db->sqlite, rc, "store cannot be read", db->path);
	return rc == SQLITE_OK;
}

int64_t store_retention_slice(struct store_db *db, int64_t retention, struct store_delta *delta)
{
	struct store_retention *p = &db->retention;
	bool more = true;
	int rc;

	if (store_is_stopped(db))
		return STORE_RETENTION_RETRY;
	if ((!p->under_way || p->retention != retention) && !start_pass(db, retention))
		return STORE_RETENTION_RETRY;
	if (!p->swept) {
		rc = sweep(db, delta);
		if (rc != SQLITE_OK && store_slice_make_room(db))
			return 0;
	} else {
		rc = return_pages(db, &more);
		if (rc != SQLITE_OK)
			store_log_error(db->sqlite, rc,
				"store cannot return free pages to the disk", db->path);
		if (rc == SQLITE_IOERR_FSYNC)
			store_stop(db);
	}
	if (rc == SQLITE_OK && more)
		return 0;
	if (p->removed > 0)
		log_info("old events were removed", log_int("events", p->removed));
	p->under_way = false;
	return rc == SQLITE_OK ? STORE_RETENTION_EVERY : STORE_RETENTION_RETRY;
}
