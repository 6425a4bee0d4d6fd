/* store/sqlite/file.c - the store's files on disk: the lock beside the database, the database file
 * itself before SQLite opens it, and what a failed sync leaves of all of them. */
#include "db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILE_MODE 0660 /* the group may read and replay: hookctl */
#define LOCK_WAIT 100  /* times 10 ms */

void store_log_errno(const char *message, const char *file)
{
	char text[128];

	log_error(message, log_text("error", strerror_r(errno, text, sizeof(text))),
		log_text("file", file));
}

static void log_locked(int fd, const char *path)
{
	char text[64] = "", *rest = text;
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, &rest, 10) : 0;

	rest[strcspn(rest, "\n")] = '\0';
	log_error("store is in use by another hookd, or by hookctl; stop that one first",
		log_int("pid", pid), log_text("program", rest[0] == ' ' ? rest + 1 : NULL),
		log_text("file", path));
}

/* A script that a killed hookd was just starting has a copy of the lock's descriptor until its
 * exec: it is soon gone. */
static bool lock_file(int fd)
{
	const struct timespec pause = {.tv_nsec = 10000000};

	for (int i = 0; flock(fd, LOCK_EX | LOCK_NB) != 0; i++) {
		if (errno != EWOULDBLOCK || i >= LOCK_WAIT)
			return false;
		(void)nanosleep(&pause, NULL);
	}
	return true;
}

/* Over what is there, which is cut off last: on a full disk there is room for as much again. */
bool store_lock_write(int fd, const char *control)
{
	char *text = NULL;
	int len = asprintf(&text, "%ld %s\n%s%s", (long)getpid(), program_invocation_short_name,
		control != NULL ? control : "", control != NULL ? "\n" : "");
	bool good = len > 0 && pwrite(fd, text, (size_t)len, 0) == len && ftruncate(fd, len) == 0;

	if (len >= 0)
		free(text);
	return good;
}

/* PATH.lock stays when hookd ends: if it were removed, two daemons could each lock a file of
 * that name. */
int store_lock_take(const char *path)
{
	struct stat sb = {0};
	char *name = NULL;

	if (asprintf(&name, "%s.lock", path) < 0) {
		log_error("out of memory");
		return -1;
	}
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0) {
		store_log_errno("store lock cannot be opened", name);
		goto out;
	}
	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode) || !lock_file(fd)) {
		if (!S_ISREG(sb.st_mode))
			log_error("store lock is not a regular file", log_text("file", name));
		else if (errno == EWOULDBLOCK)
			log_locked(fd, path);
		else
			store_log_errno("store cannot be locked", name);
		(void)close(fd);
		fd = -1;
		goto out;
	}
	/* The pid is for people; the lock works without it. Only the file's owner can set its mode,
	 * and need not do so twice. */
	if (((sb.st_mode & 07777) != FILE_MODE && fchmod(fd, FILE_MODE) != 0) ||
		!store_lock_write(fd, NULL))
		log_warn("store lock does not show our pid", log_text("file", name));
out:
	free(name);
	return fd;
}

bool store_directory_sync(const char *path)
{
	char *copy = strdup(path);

	if (copy == NULL)
		return false;
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool ok = fd >= 0 && fsync(fd) == 0;
	if (fd >= 0)
		(void)close(fd);
	free(copy);
	return ok;
}

/* Another name for the file, by a hard link, has another PATH.lock, and another WAL. */
static bool lock_store_file(int fd, const struct stat *sb, const char *path)
{
	if (!lock_file(fd)) {
		if (errno == EWOULDBLOCK)
			log_error("store is in use by another hookd, under another name; stop that "
				  "one first",
				log_text("file", path));
		else
			store_log_errno("store cannot be locked", path);
		return false;
	}
	if (sb->st_nlink > 1)
		log_warn("store has more than one name; opened by another one, it lacks what is in "
			 "the WAL of this one",
			log_int("names", (int64_t)sb->st_nlink), log_text("file", path));
	return true;
}

/* SQLite removes a WAL beside a database that is new. */
static bool has_wal(const char *path)
{
	struct stat sb;
	char *wal = NULL;
	bool found = asprintf(&wal, "%s-wal", path) >= 0 && lstat(wal, &sb) == 0 && sb.st_size > 0;

	free(wal);
	return found;
}

static bool is_orphaned_wal(const char *path)
{
	struct stat sb;

	if (lstat(path, &sb) == 0 || errno != ENOENT || !has_wal(path))
		return false;
	log_error("store is missing, and its WAL is there: put the store back, or remove the WAL, "
		  "too, to begin with an empty one",
		log_text("file", path));
	return true;
}

/* SQLite would make the file with another mode, and would silently open one that is not
 * writable as read-only. */
int store_file_open(const char *path, bool make)
{
	struct stat sb;

	if (make && is_orphaned_wal(path))
		return -1;
	int fd = make ? open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE) : -1;
	bool made = fd >= 0;
	if (!make || (!made && errno == EEXIST))
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	/* The lock has the link's name: a second daemon could take that of the file itself. */
	if (fd < 0 && errno == ELOOP) {
		log_error("store.path is a symbolic link; name the store itself",
			log_text("file", path));
		return -1;
	}
	if (fd < 0 || fstat(fd, &sb) != 0)
		store_log_errno("store cannot be opened", path);
	else if (!S_ISREG(sb.st_mode))
		log_error("store.path is not a regular file", log_text("file", path));
	else if (made && (fchmod(fd, FILE_MODE) != 0 || !store_directory_sync(path)))
		store_log_errno("store cannot be made", path);
	else if (lock_store_file(fd, &sb, path))
		return fd;
	if (fd >= 0)
		(void)close(fd);
	return -1;
}

/* Has the file read from the disk again, too: what a sync failed for can still be read. False:
 * errno is set. */
static bool sync_file(const char *file)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

	if (fd < 0)
		return errno == ENOENT;
	bool ok = fsync(fd) == 0;
	int error = errno;
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	(void)close(fd);
	errno = error;
	return ok;
}

void store_files_discard(const char *path)
{
	char *wal = NULL, *index = NULL;

	if (asprintf(&wal, "%s-wal", path) < 0)
		wal = NULL;
	if (asprintf(&index, "%s-shm", path) < 0)
		index = NULL;
	if (wal != NULL)
		(void)sync_file(wal);
	if (index != NULL && unlink(index) != 0 && errno != ENOENT)
		store_log_errno("store's WAL-index cannot be removed", index);
	free(wal);
	free(index);
}

bool store_files_sync(int fd, const char *path)
{
	char *wal = NULL;

	if (asprintf(&wal, "%s-wal", path) < 0) {
		log_error("out of memory");
		return false;
	}
	bool ok = fsync(fd) == 0 && sync_file(wal);
	if (!ok)
		store_log_errno("store cannot be opened: it cannot be synced", path);
	free(wal);
	if (!ok)
		store_files_discard(path);
	return ok;
}
