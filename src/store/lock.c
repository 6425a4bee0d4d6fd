#include "store/lock.h"

#include "permission.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* -1: none, with errno. A FIFO is opened without waiting for its writer. */
static int open_lock(const char *name)
{
	return open(name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

/* No lock but flock(2)'s own shows who holds one. It is tried shared, for a moment: others who
 * look are not disturbed, and a hookd that starts just then tries again for a second. */
static bool is_held(int fd)
{
	return flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
}

static void read_lines(int fd, struct store_lock *lock)
{
	char text[STORE_LOCK_MAX + 1];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);
	char *line, *program;

	text[len > 0 ? len : 0] = '\0';
	lock->pid = strtoll(text, &program, 10);
	lock->hookctl = strncmp(program, " hookctl\n", strlen(" hookctl\n")) == 0;
	line = strchr(text, '\n');
	if (line == NULL || line[1] != '/')
		return;
	line++;
	line[strcspn(line, "\n")] = '\0';
	memcpy(lock->socket, line, strlen(line) + 1);
}

static bool explain_other_file(const char *name, char why[STORE_READ_WHY])
{
	(void)snprintf(why, STORE_READ_WHY,
		"%s: not a lock of hookd's: expected a regular file of at most %d bytes", name,
		STORE_LOCK_MAX);
	return false;
}

static bool read_lock(int fd, const char *name, struct store_lock *lock, char why[STORE_READ_WHY])
{
	struct stat sb;

	if (fstat(fd, &sb) != 0 || !S_ISREG(sb.st_mode) || sb.st_size > STORE_LOCK_MAX)
		return explain_other_file(name, why);
	lock->held = is_held(fd);
	if (!lock->held)
		return true;
	lock->taken = (int64_t)sb.st_mtim.tv_sec * 1000;
	read_lines(fd, lock);
	return true;
}

bool store_lock_holder(const char *path, struct store_lock *lock, char why[STORE_READ_WHY])
{
	char *name = NULL;
	bool good = false;
	int fd;

	*lock = (struct store_lock){0};
	if (asprintf(&name, "%s.lock", path) < 0) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return false;
	}
	fd = open_lock(name);
	if (fd >= 0) {
		good = read_lock(fd, name, lock, why);
		(void)close(fd);
	} else if (errno == ENOENT) {
		good = true;
	} else if (errno == ELOOP || errno == ENXIO) {
		(void)explain_other_file(name, why); /* a symbolic link, a socket */
	} else {
		store_explain_errno(name, why);
	}
	free(name);
	return good;
}

bool store_lock_is_lost(const char *path)
{
	int fd = open_lock(path);
	bool held = fd >= 0 && is_held(fd);

	if (fd >= 0)
		(void)close(fd);
	return held;
}
