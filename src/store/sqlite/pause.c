/* store/sqlite/pause.c - the hooks that a person has paused: no claim takes their deliveries. */
#include "base/log.h"
#include "db.h"

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
			log_warn("hook is paused: its deliveries wait",
				log_text("hook", (const char *)sqlite3_column_text(s, 1)),
				log_text("hint", "hookctl resume"));
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
