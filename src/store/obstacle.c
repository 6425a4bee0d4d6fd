#include "store/obstacle.h"

#include "store/lock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM 1048576 /* bytes: a start writes the WAL-index, and a row for each attempt cut off */

/* Writes: blocks that are only reserved may exceed a quota. */
static bool is_writable(int fd)
{
	static const char zeros[65536];
	size_t left = ROOM;

	while (left > 0) {
		ssize_t n = write(fd, zeros, left < sizeof(zeros) ? left : sizeof(zeros));

		if (n < 0)
			return false;
		left -= (size_t)n;
	}
	return fsync(fd) == 0;
}

static bool is_full(const char *path)
{
	char *copy = strdup(path);
	int fd = copy != NULL
			 ? open(dirname(copy), O_TMPFILE | O_WRONLY | O_CLOEXEC, S_IRUSR | S_IWUSR)
			 : -1;
	bool full = (fd < 0 || !is_writable(fd)) && (errno == ENOSPC || errno == EDQUOT);

	if (fd >= 0)
		(void)close(fd);
	free(copy);
	return full;
}

bool store_obstacle(const char *path, char why[STORE_READ_WHY])
{
	struct store_lock lock;

	if (store_lock_holder(path, &lock, why) && lock.held && lock.hookctl) {
		(void)snprintf(why, STORE_READ_WHY,
			"hookctl, pid %" PRId64 ", works on the store without hookd", lock.pid);
		return true;
	}
	if (!lock.held && is_full(path)) {
		(void)snprintf(why, STORE_READ_WHY, "no room is left on the disk of the store");
		return true;
	}
	return false;
}
