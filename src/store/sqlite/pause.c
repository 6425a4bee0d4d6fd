/* store/sqlite/pause.c - the hooks that a person has paused: no claim takes their deliveries. */
#include "act.h"
#include "base/log.h"

#include <sqlite3.h>
#include <stdlib.h>

static void set_paused(struct store_db *db, int64_t *paused, size_t count)
{
	(void)pthread_mutex_lock(&db->mutex);
	free(db->paused);
	db->paused = paused;
	db->paused_count = count;
	(void)pthread_mutex_unlock(&db->mutex);
}

static void log_paused(const char *hook)
{
	log_warn("hook is paused: its deliveries wait", log_text("hook", hook),
		log_text("hint", "hookctl resume"));
}

int store_pause_read(struct store_db *db)
{
	sqlite3_stmt *s = NULL;
	int64_t *paused = NULL;
	size_t count = 0;
	int rc = sqlite3_prepare_v2(db->sqlite,
		"SELECT h.id, h.name FROM hooks h WHERE h.paused_at IS NOT NULL", -1, &s, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t *more = reallocarray(paused, count + 1, sizeof(*more));

		rc = more != NULL ? SQLITE_OK : SQLITE_NOMEM;
		if (more == NULL)
			break;
		paused = more;
		paused[count++] = sqlite3_column_int64(s, 0);
		if (!store_pause_has(db, paused[count - 1])) /* newly paused */
			log_paused((const char *)sqlite3_column_text(s, 1));
	}
	(void)sqlite3_finalize(s);
	if (rc != SQLITE_DONE) {
		free(paused);
		return rc;
	}
	set_paused(db, paused, count);
	return SQLITE_OK;
}

bool store_pause_has(const struct store_db *db, int64_t hook)
{
	for (size_t i = 0; i < db->paused_count; i++)
		if (db->paused[i] == hook)
			return true;
	return false;
}

bool store_hook_is_paused(struct store_db *db, int64_t hook)
{
	(void)pthread_mutex_lock(&db->mutex);
	bool paused = store_pause_has(db, hook);
	(void)pthread_mutex_unlock(&db->mutex);
	return paused;
}

/* So that the end of the transaction needs no memory. */
static int reserve_paused(struct store_db *db)
{
	(void)pthread_mutex_lock(&db->mutex);
	int64_t *more = reallocarray(db->paused, db->paused_count + 1, sizeof(*more));
	if (more != NULL)
		db->paused = more;
	(void)pthread_mutex_unlock(&db->mutex);
	return more != NULL ? SQLITE_OK : SQLITE_NOMEM;
}

static int find_hook(struct store_db *db, struct store_pause *p, int64_t *hook)
{
	sqlite3_stmt *s = db->sql[SQL_PAUSE_FIND];
	int rc = SQLITE_OK;

	store_bind_text(s, 1, p->hook, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	p->known = rc == SQLITE_ROW;
	if (p->known) {
		*hook = sqlite3_column_int64(s, 0);
		p->since = sqlite3_column_int64(s, 1);
	}
	store_reset(s);
	return rc == SQLITE_ROW || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

static int change_hook(struct store_db *db, struct store_pause *p, int64_t hook)
{
	sqlite3_stmt *s = db->sql[SQL_PAUSE];

	int rc = reserve_paused(db);
	store_bind_int(s, 1, hook, &rc);
	store_bind_int(s, 2, p->pause ? p->now : 0, &rc);
	rc = store_step(s, rc);
	db->pausing = p;
	db->pausing_hook = hook;
	db->delta->ready = true;
	return rc;
}

int store_pause_run(struct store_db *db, struct store_pause *p)
{
	int64_t hook = 0;

	int rc = find_hook(db, p, &hook);
	bool change = rc == SQLITE_OK && p->known && p->pause != (p->since != 0);
	if (change)
		rc = change_hook(db, p, hook);
	return rc == SQLITE_OK ? store_audit_add(db, p->audit, change) : rc;
}

static void remove_paused(struct store_db *db, int64_t hook)
{
	size_t i = 0;

	while (i < db->paused_count && db->paused[i] != hook)
		i++;
	if (i < db->paused_count)
		db->paused[i] = db->paused[--db->paused_count];
}

void store_pause_end(struct store_db *db, bool committed)
{
	const struct store_pause *p = db->pausing;

	db->pausing = NULL;
	if (p == NULL || !committed)
		return;
	if (p->pause)
		log_paused(p->hook);
	(void)pthread_mutex_lock(&db->mutex);
	if (p->pause)
		db->paused[db->paused_count++] = db->pausing_hook;
	else
		remove_paused(db, db->pausing_hook);
	(void)pthread_mutex_unlock(&db->mutex);
}
