/* store/sqlite/vfs.c - a VFS that writes the frames of a commit to the WAL in one call. SQLite
 * writes each page in two calls, 24 bytes and the page, some 50 calls for a group; each takes
 * the file's lock and touches the page cache again. This VFS wraps SQLite's own. It gathers
 * consecutive writes to the WAL, and writes them before any other use of the file, a sync above
 * all. So nothing reaches the disk later than without it, and an error is returned by the sync
 * at the latest: the commit fails as usual.
 * Bytes that are still gathered when the WAL's write lock is released were never committed,
 * because a commit syncs. They are dropped then, before another process can commit at the same
 * place. For that, the database file's xShmLock is wrapped too.
 * Only the writer's connection uses this VFS; others read the WAL after the commit. */
#include "db.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#define GATHER_MAX 0x1ffff /* bytes: the most that SQLite's xWrite on Unix writes at once */

struct wal_file {
	sqlite3_file base;  /* first: SQLite's part */
	sqlite3_file *real; /* after this structure */
	char *bytes;        /* gathered … */
	int len;
	sqlite3_int64 at; /* … to be written at this offset */
	struct database_file *database;
};

/* Follows the database file's own structure, which stays as the real VFS made it. */
struct database_file {
	sqlite3_io_methods methods; /* the real ones, except xShmLock */
	const sqlite3_io_methods *real;
	struct wal_file *wal; /* NULL: not open */
};

#define WAL_WRITE_LOCK 0 /* among the locks of the -shm file: SQLite's walformat.html */

static sqlite3_vfs *real_vfs;

static struct wal_file *wal_of(sqlite3_file *file)
{
	return (struct wal_file *)file;
}

static int flush(struct wal_file *w)
{
	int len = w->len;

	w->len = 0; /* also if it fails: its commit is rolled back */
	return len > 0 ? w->real->pMethods->xWrite(w->real, w->bytes, len, w->at) : SQLITE_OK;
}

static int wal_write(sqlite3_file *file, const void *bytes, int len, sqlite3_int64 at)
{
	struct wal_file *w = wal_of(file);
	bool consecutive = at == w->at + w->len && len <= GATHER_MAX - w->len;
	int rc = consecutive ? SQLITE_OK : flush(w);

	if (rc != SQLITE_OK)
		return rc;
	if (w->bytes == NULL)
		w->bytes = malloc(GATHER_MAX);
	if (w->bytes == NULL || len > GATHER_MAX)
		return w->real->pMethods->xWrite(w->real, bytes, len, at);
	if (w->len == 0)
		w->at = at;
	memcpy(w->bytes + w->len, bytes, (size_t)len);
	w->len += len;
	return SQLITE_OK;
}

static int wal_read(sqlite3_file *file, void *bytes, int len, sqlite3_int64 at)
{
	struct wal_file *w = wal_of(file);
	int rc = flush(w);

	return rc == SQLITE_OK ? w->real->pMethods->xRead(w->real, bytes, len, at) : rc;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct wal_file *w = wal_of(file);
	int rc = flush(w);

	return rc == SQLITE_OK ? w->real->pMethods->xTruncate(w->real, size) : rc;
}

static int wal_sync(sqlite3_file *file, int flags)
{
	struct wal_file *w = wal_of(file);
	int rc = flush(w);

	return rc == SQLITE_OK ? w->real->pMethods->xSync(w->real, flags) : rc;
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct wal_file *w = wal_of(file);
	int rc = flush(w);

	return rc == SQLITE_OK ? w->real->pMethods->xFileSize(w->real, size) : rc;
}

static int wal_control(sqlite3_file *file, int op, void *arg)
{
	struct wal_file *w = wal_of(file);
	int rc = flush(w);

	return rc == SQLITE_OK ? w->real->pMethods->xFileControl(w->real, op, arg) : rc;
}

static int wal_close(sqlite3_file *file)
{
	struct wal_file *w = wal_of(file);
	int rc = w->real->pMethods->xClose(w->real);

	if (w->database != NULL)
		w->database->wal = NULL;
	free(w->bytes);
	return rc;
}

/* A WAL is never locked; the database file is. */

static int wal_lock(sqlite3_file *file, int lock)
{
	return wal_of(file)->real->pMethods->xLock(wal_of(file)->real, lock);
}

static int wal_unlock(sqlite3_file *file, int lock)
{
	return wal_of(file)->real->pMethods->xUnlock(wal_of(file)->real, lock);
}

static int wal_reserved(sqlite3_file *file, int *reserved)
{
	return wal_of(file)->real->pMethods->xCheckReservedLock(wal_of(file)->real, reserved);
}

static int wal_sector(sqlite3_file *file)
{
	return wal_of(file)->real->pMethods->xSectorSize(wal_of(file)->real);
}

static int wal_device(sqlite3_file *file)
{
	return wal_of(file)->real->pMethods->xDeviceCharacteristics(wal_of(file)->real);
}

static struct database_file *database_of(sqlite3_file *file)
{
	return (struct database_file *)((char *)file + real_vfs->szOsFile);
}

static int database_lock(sqlite3_file *file, int first, int count, int flags)
{
	struct database_file *d = database_of(file);

	if (d->wal != NULL && first == WAL_WRITE_LOCK &&
		flags == (SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE))
		d->wal->len = 0;
	return d->real->xShmLock(file, first, count, flags);
}

static int database_open(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	struct database_file *d = database_of(file);

	(void)vfs;
	*d = (struct database_file){0};
	int rc = real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
	if (rc == SQLITE_OK && file->pMethods->iVersion >= 2) {
		d->real = file->pMethods;
		d->methods = *d->real;
		d->methods.xShmLock = database_lock;
		file->pMethods = &d->methods;
	}
	return rc;
}

static int wal_open(const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	static const sqlite3_io_methods methods = {
		.iVersion = 1, /* without shared memory and mapping: a WAL has neither */
		.xClose = wal_close,
		.xRead = wal_read,
		.xWrite = wal_write,
		.xTruncate = wal_truncate,
		.xSync = wal_sync,
		.xFileSize = wal_size,
		.xLock = wal_lock,
		.xUnlock = wal_unlock,
		.xCheckReservedLock = wal_reserved,
		.xFileControl = wal_control,
		.xSectorSize = wal_sector,
		.xDeviceCharacteristics = wal_device,
	};
	struct wal_file *w = wal_of(file);

	*w = (struct wal_file){.real = (sqlite3_file *)(w + 1),
		.database = database_of(sqlite3_database_file_object(name))};
	int rc = real_vfs->xOpen(real_vfs, name, w->real, flags, out_flags);
	/* SQLite closes a file only if it has methods. */
	if (w->real->pMethods != NULL) {
		w->base.pMethods = &methods;
		w->database->wal = w;
	}
	return rc;
}

static int open_file(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	if ((flags & SQLITE_OPEN_WAL) != 0)
		return wal_open(name, file, flags, out_flags);
	if ((flags & SQLITE_OPEN_MAIN_DB) != 0)
		return database_open(vfs, name, file, flags, out_flags);
	return real_vfs->xOpen(real_vfs, name, file, flags, out_flags);
}

const char *store_vfs(void)
{
	static sqlite3_vfs vfs;

	if (vfs.zName != NULL)
		return vfs.zName;
	real_vfs = sqlite3_vfs_find(NULL);
	if (real_vfs == NULL)
		return NULL;
	/* Everything but opening is the real VFS's; its functions use only what was copied of the
	 * structure. */
	vfs = *real_vfs;
	vfs.pNext = NULL;
	vfs.szOsFile += (int)(sizeof(struct wal_file) > sizeof(struct database_file)
				      ? sizeof(struct wal_file)
				      : sizeof(struct database_file));
	vfs.xOpen = open_file;
	vfs.zName = "hookd";
	return sqlite3_vfs_register(&vfs, 0) == SQLITE_OK ? vfs.zName : NULL;
}
