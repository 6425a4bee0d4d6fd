/* store/sqlite/pause.c - the hooks that a person has paused: no claim takes of theirs. */
#include "base/log.h"
#include "db.h"

#include <sqlite3.h>
#include <stdlib.h>

int store_pause_read(struct store *st)
{
	sqlite3_stmt *s = NULL;
	int64_t *paused = NULL;
	size_t count = 0;
	int rc = sqlite3_prepare_v2(st->db,
		"SELECT h.id, h.name FROM hooks h WHERE h.paused_at IS NOT NULL", -1, &s, NULL);

	while (rc == SQLITE_OK && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		int64_t *more = reallocarray(paused, count + 1, sizeof(*more));

		rc = more != NULL ? SQLITE_OK : SQLITE_NOMEM;
		if (more == NULL)
			break;
		paused = more;
		paused[count++] = sqlite3_column_int64(s, 0);
		if (!store_pause_has(st, paused[count - 1])) /* it is news */
			log_warn("hook is paused: its deliveries wait",
				log_text("hook", (const char *)sqlite3_column_text(s, 1)),
				log_text("hint", "hookctl resume"));
	}
	(void)sqlite3_finalize(s);
	if (rc != SQLITE_DONE) {
		free(paused);
		return rc;
	}
	(void)pthread_mutex_lock(&st->mutex);
	free(st->paused);
	st->paused = paused;
	st->paused_count = count;
	(void)pthread_mutex_unlock(&st->mutex);
	return SQLITE_OK;
}

bool store_pause_has(const struct store *st, int64_t hook)
{
	for (size_t i = 0; i < st->paused_count; i++)
		if (st->paused[i] == hook)
			return true;
	return false;
}

bool store_hook_paused(struct store *st, int64_t hook)
{
	(void)pthread_mutex_lock(&st->mutex);
	bool paused = store_pause_has(st, hook);
	(void)pthread_mutex_unlock(&st->mutex);
	return paused;
}
