/* store/sqlite/place.c - are the files that are open still those at the store's path? What is
 * written to a file that was removed, replaced or moved is lost with it, or found by nobody. So
 * nothing is acknowledged or started meanwhile; what runs already may store its result, which is
 * kept if the database file itself is there: the stop checkpoints the WAL into it. */
#include "db.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const char *const suffixes[STORE_FILES] = {"", "-wal", "-shm", ".lock"};

/* 0 and 0: there is none. */
static struct store_file_place read_place(char *name)
{
	struct store_file_place file = {.name = name};
	struct stat sb;

	if (lstat(name, &sb) == 0) {
		file.device = sb.st_dev;
		file.inode = sb.st_ino;
	}
	return file;
}

static bool is_at_its_place(const struct store_file_place *file)
{
	struct store_file_place now = read_place(file->name);

	return now.device == file->device && now.inode == file->inode;
}

/* NULL: all are. */
static const char *first_misplaced(const struct store_db *db)
{
	for (int i = 0; i < STORE_FILES; i++)
		if (!is_at_its_place(&db->files[i]))
			return db->files[i].name;
	return NULL;
}

bool store_place_find(struct store_db *db)
{
	for (int i = 0; i < STORE_FILES; i++) {
		char *name;

		if (asprintf(&name, "%s%s", db->path, suffixes[i]) < 0) {
			log_error("out of memory");
			return false;
		}
		db->files[i] = read_place(name);
	}
	return true;
}

void store_place_free(struct store_db *db)
{
	for (int i = 0; i < STORE_FILES; i++)
		free(db->files[i].name);
}

bool store_place_holds(const struct store_db *db)
{
	return first_misplaced(db) == NULL;
}

bool store_place_check(struct store_db *db)
{
	const char *file = first_misplaced(db);

	if (file == db->misplaced)
		return file == NULL;
	(void)pthread_mutex_lock(&db->mutex);
	db->misplaced = file;
	(void)pthread_mutex_unlock(&db->mutex);
	if (file == NULL)
		log_info("store's files are at their place again", log_text("file", db->path));
	else
		log_error("store's files were removed, replaced or moved: nothing is stored or "
			  "started until they are back, or hookd is restarted",
			log_text("missing", file), log_text("file", db->path));
	return file == NULL;
}

void store_place_keep_others(struct store_db *db)
{
	int keep = 1;

	if (db->files[STORE_FILES - 1].name != NULL && !store_place_holds(db))
		(void)sqlite3_file_control(db->sqlite, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}
