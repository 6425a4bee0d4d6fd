/* store/sqlite/stop.c - stops the store after a failed sync.
 *
 * When a sync fails, Linux drops the pages that it could not write and reports that once; they can
 * still be read from memory, but a later sync does not write them. So nobody knows what the disk
 * has, and nothing may be acknowledged that builds on it. The store takes nothing more; hookd ends,
 * and its next start recovers from what the disk has. */
#include "db.h"

bool store_is_stopped(const struct store_db *db)
{
	return db->stopped;
}

void store_stop(struct store_db *db)
{
	if (atomic_exchange(&db->stopped, true))
		return;
	log_error("store could not be synced, and takes nothing more until it is opened again; "
		  "check the disk",
		log_text("file", db->path));
	store_files_discard(db->path);
	if (db->on_failure != NULL)
		db->on_failure(db->on_failure_arg);
}
