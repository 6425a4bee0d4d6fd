/* store/sqlite/file.c - the store's files on disk: the lock beside the database, and the
 * database file itself before SQLite opens it. */
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
	char text[32] = "";
	ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;

	log_error("store is in use by another hookd; stop that one first", log_int("pid", pid),
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

/* PATH.lock stays when hookd ends: if it were removed, two daemons could each lock a file of
 * that name. */
int store_lock_take(const char *path)
{
	char *name = NULL;
	char pid[32];

	if (asprintf(&name, "%s.lock", path) < 0) {
		log_error("out of memory");
		return -1;
	}
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0) {
		store_log_errno("store lock cannot be opened", name);
		goto out;
	}
	if (!lock_file(fd)) {
		if (errno == EWOULDBLOCK)
			log_locked(fd, path);
		else
			store_log_errno("store cannot be locked", name);
		(void)close(fd);
		fd = -1;
		goto out;
	}
	/* The pid is for people; on a full disk the lock works without it. */
	int len = snprintf(pid, sizeof(pid), "%ld\n", (long)getpid());
	if (fchmod(fd, FILE_MODE) != 0 || ftruncate(fd, 0) != 0 ||
		write(fd, pid, (size_t)len) != len)
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

/* SQLite would make the file with another mode, and would silently open one that is not
 * writable as read-only. */
bool store_file_make(const char *path)
{
	struct stat sb;
	bool ok = false;

	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	bool made = fd >= 0;
	if (!made && errno == EEXIST)
		fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 || fstat(fd, &sb) != 0) {
		store_log_errno("store cannot be opened", path);
		goto out;
	}
	if (!S_ISREG(sb.st_mode)) {
		log_error("store.path is not a regular file", log_text("file", path));
		goto out;
	}
	if (made && (fchmod(fd, FILE_MODE) != 0 || !store_directory_sync(path))) {
		store_log_errno("store cannot be made", path);
		goto out;
	}
	ok = true;
out:
	if (fd >= 0)
		(void)close(fd);
	return ok;
}
