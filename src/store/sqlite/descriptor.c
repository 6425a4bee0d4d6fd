/* A VFS whose file names are numbers: a descriptor's, or the address of a pointer to gathered
 * pages. */
#include "descriptor.h"

#include "store/pages.h"
#include "trust.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define VFS "hookd-descriptor"

struct descriptor {
	sqlite3_file base; /* first: SQLite's part */
	int fd;
	struct store_pages **pages; /* NULL: the file is read */
};

static int fd_of(const sqlite3_file *f)
{
	return ((const struct descriptor *)f)->fd;
}

static int close_nothing(sqlite3_file *f)
{
	(void)f;
	return SQLITE_OK;
}

static int read_bytes(sqlite3_file *f, void *to, int len, sqlite3_int64 at)
{
	size_t done = 0, size = (size_t)len;

	while (done < size) {
		ssize_t n = pread(fd_of(f), (char *)to + done, size - done, at + (off_t)done);

		if (n == 0)
			break;
		if (n < 0 && errno != EINTR)
			return SQLITE_IOERR_READ;
		done += n > 0 ? (size_t)n : 0;
	}
	memset((char *)to + done, 0, size - done);
	return done < size ? SQLITE_IOERR_SHORT_READ : SQLITE_OK;
}

static int refuse_write(sqlite3_file *f, const void *from, int len, sqlite3_int64 at)
{
	(void)f;
	(void)from;
	(void)len;
	(void)at;
	return SQLITE_READONLY;
}

static int refuse_truncate(sqlite3_file *f, sqlite3_int64 size)
{
	(void)f;
	(void)size;
	return SQLITE_READONLY;
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
	struct stat sb;

	if (fstat(fd_of(f), &sb) != 0)
		return SQLITE_IOERR_FSTAT;
	*size = sb.st_size;
	return SQLITE_OK;
}

/* ---- pages that are gathered ---- */

static struct store_pages *pages_of(sqlite3_file *f)
{
	return *((struct descriptor *)f)->pages;
}

/* A copy reads a page of its file only to write all of it. */
static int read_nothing(sqlite3_file *f, void *to, int len, sqlite3_int64 at)
{
	(void)f;
	(void)at;
	memset(to, 0, (size_t)len);
	return SQLITE_IOERR_SHORT_READ;
}

static int gather_bytes(sqlite3_file *f, const void *from, int len, sqlite3_int64 at)
{
	return store_pages_add(pages_of(f), at, from, (size_t)len) ? SQLITE_OK : SQLITE_NOMEM;
}

static int set_size(sqlite3_file *f, sqlite3_int64 size)
{
	store_pages_set_size(pages_of(f), size);
	return SQLITE_OK;
}

static int gathered_size(sqlite3_file *f, sqlite3_int64 *size)
{
	*size = store_pages_size(pages_of(f));
	return SQLITE_OK;
}

/* ---- both ---- */

static int sync_nothing(sqlite3_file *f, int flags)
{
	(void)f;
	(void)flags;
	return SQLITE_OK;
}

static int lock_nothing(sqlite3_file *f, int lock)
{
	(void)f;
	(void)lock;
	return SQLITE_OK;
}

static int check_reserved(sqlite3_file *f, int *reserved)
{
	(void)f;
	*reserved = 0;
	return SQLITE_OK;
}

static int control_nothing(sqlite3_file *f, int control, void *arg)
{
	(void)f;
	(void)control;
	(void)arg;
	return SQLITE_NOTFOUND;
}

static int sector_size(sqlite3_file *f)
{
	(void)f;
	return 4096;
}

/* A copy of a store says that it has a WAL: an immutable file needs none. */
static int characteristics(sqlite3_file *f)
{
	return ((struct descriptor *)f)->pages != NULL ? 0 : SQLITE_IOCAP_IMMUTABLE;
}

static const sqlite3_io_methods read_methods = {
	.iVersion = 1,
	.xClose = close_nothing,
	.xRead = read_bytes,
	.xWrite = refuse_write,
	.xTruncate = refuse_truncate,
	.xSync = sync_nothing,
	.xFileSize = file_size,
	.xLock = lock_nothing,
	.xUnlock = lock_nothing,
	.xCheckReservedLock = check_reserved,
	.xFileControl = control_nothing,
	.xSectorSize = sector_size,
	.xDeviceCharacteristics = characteristics,
};

static const sqlite3_io_methods gather_methods = {
	.iVersion = 1,
	.xClose = close_nothing,
	.xRead = read_nothing,
	.xWrite = gather_bytes,
	.xTruncate = set_size,
	.xSync = sync_nothing,
	.xFileSize = gathered_size,
	.xLock = lock_nothing,
	.xUnlock = lock_nothing,
	.xCheckReservedLock = check_reserved,
	.xFileControl = control_nothing,
	.xSectorSize = sector_size,
	.xDeviceCharacteristics = characteristics,
};

/* A journal or a temporary file would have to be a descriptor, too: there is none. */
static int open_descriptor(
	sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *flags_out)
{
	struct descriptor *d = (struct descriptor *)f;

	(void)vfs;
	*d = (struct descriptor){0};
	if (name == NULL || (flags & SQLITE_OPEN_MAIN_DB) == 0)
		return SQLITE_CANTOPEN;
	if ((flags & SQLITE_OPEN_READWRITE) != 0)
		d->pages = (struct store_pages **)(uintptr_t)strtoull(name, NULL, 10);
	else
		d->fd = (int)strtol(name, NULL, 10);
	d->base.pMethods = d->pages != NULL ? &gather_methods : &read_methods;
	if (flags_out != NULL)
		*flags_out = flags;
	return SQLITE_OK;
}

static int delete_nothing(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	(void)name;
	(void)sync;
	return SQLITE_IOERR_DELETE_NOENT;
}

/* Asked of a journal. */
static int access_nothing(sqlite3_vfs *vfs, const char *name, int flags, int *there)
{
	(void)vfs;
	(void)name;
	(void)flags;
	*there = 0;
	return SQLITE_OK;
}

static int keep_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	return snprintf(out, (size_t)size, "%s", name) < size ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* The clock and the like are SQLite's own. */
static void register_vfs(void)
{
	static sqlite3_vfs vfs;
	const sqlite3_vfs *own = sqlite3_vfs_find(NULL);

	if (own == NULL)
		return;
	vfs = *own;
	vfs.pNext = NULL;
	vfs.zName = VFS;
	vfs.szOsFile = sizeof(struct descriptor);
	vfs.xOpen = open_descriptor;
	vfs.xDelete = delete_nothing;
	vfs.xAccess = access_nothing;
	vfs.xFullPathname = keep_name;
	(void)sqlite3_vfs_register(&vfs, 0);
}

static int open_named(const char *name, int flags, struct sqlite3 **sqlite)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	(void)pthread_once(&once, register_vfs);
	int rc = sqlite3_open_v2(name, sqlite, flags | SQLITE_OPEN_NOMUTEX, VFS);
	return rc == SQLITE_OK ? sqlite3_extended_result_codes(*sqlite, 1) : rc;
}

int store_descriptor_open(int fd, struct sqlite3 **sqlite)
{
	char name[16];

	(void)snprintf(name, sizeof(name), "%d", fd);
	int rc = open_named(name, SQLITE_OPEN_READONLY, sqlite);
	if (rc == SQLITE_OK)
		rc = store_trust_nothing(*sqlite);
	return rc == SQLITE_OK
		       ? sqlite3_exec(*sqlite, "PRAGMA temp_store = MEMORY", NULL, NULL, NULL)
		       : rc;
}

int store_gather_open(struct store_pages **pages, struct sqlite3 **sqlite)
{
	char name[24];

	(void)snprintf(name, sizeof(name), "%" PRIuPTR, (uintptr_t)pages);
	int rc = open_named(name, SQLITE_OPEN_READWRITE, sqlite);
	return rc == SQLITE_OK ? sqlite3_exec(*sqlite,
					 "PRAGMA trusted_schema = OFF;"
					 "PRAGMA temp_store = MEMORY;"
					 "PRAGMA journal_mode = OFF;"
					 "PRAGMA synchronous = OFF",
					 NULL, NULL, NULL)
			       : rc;
}
