/* failing.c - preloaded into hookd: while the shared memory named by $FAILING asks for it, disk
 * calls fail for files below the store's directory. */
#include "failing.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { FDS = 4096 };

static struct failing *failing;
static const char *directory;
static char watched[FDS];

#define REAL(name)                                                                                 \
	static __typeof__(&name) real_##name;                                                      \
	if (real_##name == NULL)                                                                   \
	*(void **)&real_##name = dlsym(RTLD_NEXT, #name)

static __attribute__((constructor)) void begin(void)
{
	REAL(open64);
	const char *file = getenv("FAILING");
	int fd = file != NULL ? real_open64(file, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	void *memory = mmap(NULL, sizeof(*failing), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	directory = getenv("FAILING_DIRECTORY");
	failing = memory == MAP_FAILED ? NULL : memory;
}

static int fails(unsigned call)
{
	if (failing == NULL || (failing->calls & call) == 0)
		return 0;
	(void)__atomic_add_fetch(&failing->failed, 1, __ATOMIC_RELAXED);
	return errno = failing->error;
}

static int is_watched(int fd)
{
	return fd >= 0 && fd < FDS && watched[fd];
}

int open64(const char *path, int flags, ...)
{
	REAL(open64);
	mode_t mode = 0;
	int below = directory != NULL && strncmp(path, directory, strlen(directory)) == 0;

	if ((flags & O_CREAT) != 0) {
		va_list ap;
		va_start(ap, flags);
		mode = va_arg(ap, mode_t);
		va_end(ap);
	}
	if (below && fails(FAILING_OPEN))
		return -1;
	int fd = real_open64(path, flags, mode);
	if (fd >= 0 && fd < FDS)
		watched[fd] = (char)below;
	return fd;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	REAL(pwrite64);
	return is_watched(fd) && fails(FAILING_WRITE) ? -1 : real_pwrite64(fd, data, len, offset);
}

ssize_t pread64(int fd, void *data, size_t len, off64_t offset)
{
	REAL(pread64);
	return is_watched(fd) && fails(FAILING_READ) ? -1 : real_pread64(fd, data, len, offset);
}

int fdatasync(int fd)
{
	REAL(fdatasync);
	return is_watched(fd) && fails(FAILING_SYNC) ? -1 : real_fdatasync(fd);
}

int fsync(int fd)
{
	REAL(fsync);
	return is_watched(fd) && fails(FAILING_SYNC) ? -1 : real_fsync(fd);
}

int ftruncate64(int fd, off64_t size)
{
	REAL(ftruncate64);
	return is_watched(fd) && fails(FAILING_TRUNCATE) ? -1 : real_ftruncate64(fd, size);
}
