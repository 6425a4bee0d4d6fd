/* store/sqlite/slice.c - how much a slice does. It works for a few milliseconds, so that the
 * operations that wait for its end wait briefly. And what makes room must not need it: while the
 * disk has little, a slice changes no more than fits easily, and the WAL is checkpointed after it,
 * so that the next transaction writes it from its start again. If the disk is full all the same,
 * slices do the least that they can for a while. */
#include "base/clock.h"
#include "db.h"

#include <limits.h>
#include <sys/statvfs.h>

enum {
	WORK = 5,            /* ms */
	ROOM = 64 << 20,     /* bytes: less than this is little */
	ITEM_ROOM = 1 << 20, /* bytes for each item (an event, a delivery): four times its need */
	LEAST = 16,          /* slices after a full disk */
};

/* How many items a slice may change. */
static unsigned items_of(const struct store_db *db)
{
	struct statvfs disk;

	if (db->slices_least > 0)
		return 1;
	if (statvfs(db->path, &disk) != 0 || disk.f_bavail >= ROOM / disk.f_frsize)
		return UINT_MAX;
	unsigned items = (unsigned)(disk.f_bavail * disk.f_frsize / ITEM_ROOM);
	return items > 0 ? items : 1;
}

void store_slice_start(struct store_db *db)
{
	db->slice_end = clock_steady() + WORK;
	db->slice_items = items_of(db);
	db->slice_tight = db->slice_items < UINT_MAX;
}

bool store_slice_is_over(struct store_db *db)
{
	return --db->slice_items == 0 || clock_steady() >= db->slice_end;
}

void store_slice_committed(struct store_db *db)
{
	if (db->slices_least > 0)
		db->slices_least--;
	if (db->slice_tight)
		(void)store_checkpoint_all(db);
}

bool store_slice_make_room(struct store_db *db)
{
	bool least = db->slices_least == LEAST; /* not one has been committed since */

	if (!db->full)
		return false;
	bool freed = store_checkpoint_all(db);
	db->slices_least = LEAST;
	return freed || !least;
}
