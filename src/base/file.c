#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

const char *file_open(const char *path, int *fd, struct stat *st)
{
	const char *fault = NULL;

	/* O_NONBLOCK: a FIFO is to be refused, not waited for */
	*fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return strerror(errno);
	if (fstat(*fd, st) < 0)
		fault = strerror(errno);
	else if (!S_ISREG(st->st_mode))
		fault = "not a regular file";
	if (fault != NULL)
		close(*fd);
	return fault;
}

const char *file_read(const char *path, struct buf *out)
{
	char chunk[16384];
	size_t before = out->len;
	struct stat st;
	ssize_t n = 1;
	int fd;
	const char *fault = file_open(path, &fd, &st);

	if (fault != NULL)
		return fault;
	while (fault == NULL && n > 0) {
		n = read(fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR) {
			n = 1;
			continue;
		}
		if (n < 0)
			fault = strerror(errno);
		else
			buf_add(out, chunk, (size_t)n);
		if (out->len - before > FILE_READ_MAX)
			fault = "larger than 1MiB";
	}
	close(fd);
	return fault == NULL && !buf_ok(out) ? "out of memory" : fault;
}
