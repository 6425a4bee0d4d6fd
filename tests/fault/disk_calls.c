/* disk_calls.c - the calls that change files, under their libc names: the program's definitions
 * take precedence over libc's, for its libraries too. */
#undef _FORTIFY_SOURCE /* its inline definitions would conflict */
#include "disk_model.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

/* libc's function of that name; looked up at the first call. */
#define REAL(name)                                                                                 \
	static __typeof__(&name) real_##name;                                                      \
	if (real_##name == NULL)                                                                   \
	*(void **)&real_##name = dlsym(RTLD_NEXT, #name)

int disk_real_open(const char *path, int flags, mode_t mode)
{
	REAL(open64);
	return real_open64(path, flags, mode);
}

int disk_real_close(int fd)
{
	REAL(close);
	return real_close(fd);
}

int disk_real_unlink(const char *path)
{
	REAL(unlink);
	return real_unlink(path);
}

ssize_t disk_real_pwrite(int fd, const void *data, size_t len, off_t offset)
{
	REAL(pwrite64);
	return real_pwrite64(fd, data, len, offset);
}

ssize_t disk_real_pread(int fd, void *data, size_t len, off_t offset)
{
	REAL(pread64);
	return real_pread64(fd, data, len, offset);
}

static _Noreturn void unknown(const char *call)
{
	(void)fprintf(stderr, "disk: %s is not in the model\n", call);
	abort();
}

static int fail(int error)
{
	errno = error;
	return -1;
}

static int watched_open(const char *path, int flags, mode_t mode)
{
	struct stat sb;
	bool half;

	int error = disk_step(DISK_OPEN, disk_kind_of(path), &half);
	if (error != 0)
		return fail(error);
	bool made = (flags & O_CREAT) != 0 && stat(path, &sb) != 0;
	int fd = disk_real_open(path, flags, mode);
	if (fd < 0)
		return fd;
	struct disk_node *node = disk_node_open(path, made);
	if ((flags & O_TRUNC) != 0)
		disk_note_size(node, 0);
	disk_fd_set(fd, node, (flags & O_DSYNC) != 0);
	return fd;
}

static int any_open(const char *path, int flags, mode_t mode)
{
	if (!disk_watches(path))
		return disk_real_open(path, flags, mode);
	disk_lock();
	int fd = watched_open(path, flags, mode);
	int error = errno;
	disk_unlock();
	errno = error;
	return fd;
}

#define OPEN_MODE(mode)                                                                            \
	mode_t mode = 0;                                                                           \
	if ((flags & (O_CREAT | O_TMPFILE)) != 0) {                                                \
		va_list ap;                                                                        \
		va_start(ap, flags);                                                               \
		mode = va_arg(ap, mode_t);                                                         \
		va_end(ap);                                                                        \
	}

int open(const char *path, int flags, ...)
{
	OPEN_MODE(mode)
	return any_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	OPEN_MODE(mode)
	return any_open(path, flags, mode);
}

int close(int fd)
{
	disk_lock();
	if (disk_fd_node(fd) != NULL)
		disk_fd_set(fd, NULL, false);
	int rc = disk_real_close(fd);
	disk_unlock();
	return rc;
}

int unlink(const char *path)
{
	struct stat sb;
	bool half;

	if (!disk_watches(path))
		return disk_real_unlink(path);
	disk_lock();
	int error = disk_step(DISK_UNLINK, disk_kind_of(path), &half);
	if (error == 0 || disk_is_cut_now()) {
		if (stat(path, &sb) != 0)
			error = ENOENT;
		else
			disk_note_unlink(path);
		if (error == 0 && disk_real_unlink(path) != 0)
			error = errno;
	}
	disk_unlock();
	return error != 0 ? fail(error) : 0;
}

static ssize_t watched_write(
	struct disk_node *node, int fd, const void *data, size_t len, off_t offset)
{
	bool half;

	int error = disk_step(DISK_WRITE, disk_node_kind(node), &half);
	if (error != 0 && !disk_is_cut_now()) {
		if (!half || len < 2)
			return fail(error);
		len /= 2;
	}
	if (error != 0 && disk_is_cut_now()) {
		disk_note_write(node, (size_t)offset, data, len, false);
		return fail(error);
	}
	ssize_t n = disk_real_pwrite(fd, data, len, offset);
	if (n > 0)
		disk_note_write(node, (size_t)offset, data, (size_t)n, disk_fd_synced(fd));
	return n;
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t offset)
{
	disk_lock();
	struct disk_node *node = disk_fd_node(fd);
	ssize_t n = node != NULL ? watched_write(node, fd, data, len, offset) : 0;
	int error = errno;
	disk_unlock();
	errno = error;
	return node != NULL ? n : disk_real_pwrite(fd, data, len, offset);
}

ssize_t pwrite(int fd, const void *data, size_t len, off_t offset)
{
	return pwrite64(fd, data, len, offset);
}

ssize_t write(int fd, const void *data, size_t len)
{
	REAL(write);
	disk_lock();
	struct disk_node *node = disk_fd_node(fd);
	ssize_t n = -1;
	if (node != NULL) {
		off_t at = lseek(fd, 0, SEEK_CUR);
		n = watched_write(node, fd, data, len, at);
		int error = errno;
		if (n > 0)
			(void)lseek(fd, at + n, SEEK_SET);
		errno = error;
	}
	int error = errno;
	disk_unlock();
	errno = error;
	return node != NULL ? n : real_write(fd, data, len);
}

ssize_t pread64(int fd, void *data, size_t len, off64_t offset)
{
	bool half;
	int error = 0;

	disk_lock();
	struct disk_node *node = disk_fd_node(fd);
	if (node != NULL)
		error = disk_step(DISK_READ, disk_node_kind(node), &half);
	disk_unlock();
	return error != 0 ? fail(error) : disk_real_pread(fd, data, len, offset);
}

static int any_truncate(int fd, off_t size)
{
	REAL(ftruncate64);
	bool half;
	int error = 0;
	int rc = -1;

	disk_lock();
	struct disk_node *node = disk_fd_node(fd);
	if (node != NULL)
		error = disk_step(DISK_TRUNCATE, disk_node_kind(node), &half);
	if (error == 0)
		rc = real_ftruncate64(fd, size);
	if (node != NULL && (rc == 0 || disk_is_cut_now()))
		disk_note_size(node, (size_t)size);
	disk_unlock();
	return error != 0 ? fail(error) : rc;
}

int ftruncate64(int fd, off64_t size)
{
	return any_truncate(fd, size);
}

int ftruncate(int fd, off_t size)
{
	return any_truncate(fd, size);
}

/* Not passed to the kernel: the model knows what must last, and a test would only wait. */
static int any_sync(int fd, int (*real)(int fd))
{
	bool half;
	int error = 0;

	disk_lock();
	struct disk_node *node = disk_fd_node(fd);
	if (node != NULL)
		error = disk_step(DISK_SYNC, disk_node_kind(node), &half);
	if (node != NULL && !disk_is_dead())
		disk_note_sync(node, error != 0);
	disk_unlock();
	if (error != 0)
		return fail(error);
	return node != NULL ? 0 : real(fd);
}

int fsync(int fd)
{
	REAL(fsync);
	return any_sync(fd, real_fsync);
}

int fdatasync(int fd)
{
	REAL(fdatasync);
	return any_sync(fd, real_fdatasync);
}

static int any_advice(int fd, off_t offset, off_t len, int advice)
{
	REAL(posix_fadvise64);
	bool whole = offset == 0 && len == 0;

	disk_lock();
	struct disk_node *node = disk_fd_node(fd);
	if (node != NULL && (advice != POSIX_FADV_DONTNEED || !whole))
		unknown("advice");
	if (node != NULL && !disk_is_dead())
		disk_note_drop(node);
	disk_unlock();
	return node != NULL ? 0 : real_posix_fadvise64(fd, offset, len, advice);
}

int posix_fadvise64(int fd, off64_t offset, off64_t len, int advice)
{
	return any_advice(fd, offset, len, advice);
}

int posix_fadvise(int fd, off_t offset, off_t len, int advice)
{
	return any_advice(fd, offset, len, advice);
}

void *mmap64(void *addr, size_t len, int protection, int flags, int fd, off64_t offset)
{
	REAL(mmap64);
	bool half;
	int error = 0;

	if (fd >= 0) {
		disk_lock();
		struct disk_node *node = disk_fd_node(fd);
		if (node != NULL)
			error = disk_step(DISK_MAP, disk_node_kind(node), &half);
		if (node != NULL && disk_node_kind(node) != DISK_SHM &&
			(protection & PROT_WRITE) != 0 && (flags & MAP_SHARED) != 0)
			unknown("a shared mapping that is written");
		disk_unlock();
	}
	if (error != 0) {
		errno = error;
		return MAP_FAILED;
	}
	return real_mmap64(addr, len, protection, flags, fd, offset);
}

int fcntl64(int fd, int command, ...)
{
	REAL(fcntl64);
	va_list ap;
	bool half;
	int error = 0;

	va_start(ap, command);
	void *argument = va_arg(ap, void *);
	va_end(ap);
	if (command == F_SETLK || command == F_SETLKW || command == F_OFD_SETLK) {
		struct flock *lock = argument;
		disk_lock();
		struct disk_node *node = disk_fd_node(fd);
		/* Unlocking works without power: otherwise nothing could be closed. */
		if (node != NULL && lock->l_type != F_UNLCK)
			error = disk_step(DISK_LOCK, disk_node_kind(node), &half);
		disk_unlock();
	}
	return error != 0 ? fail(error) : real_fcntl64(fd, command, argument);
}

/* ---- not in the model */
#define UNKNOWN(fd, name)                                                                          \
	if (disk_fd_node(fd) != NULL)                                                              \
	unknown(name)

ssize_t writev(int fd, const struct iovec *parts, int count)
{
	REAL(writev);
	UNKNOWN(fd, "writev");
	return real_writev(fd, parts, count);
}

ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset)
{
	REAL(pwritev);
	UNKNOWN(fd, "pwritev");
	return real_pwritev(fd, parts, count, offset);
}

ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags)
{
	REAL(pwritev2);
	UNKNOWN(fd, "pwritev2");
	return real_pwritev2(fd, parts, count, offset, flags);
}

int fallocate(int fd, int mode, off_t offset, off_t len)
{
	REAL(fallocate);
	UNKNOWN(fd, "fallocate");
	return real_fallocate(fd, mode, offset, len);
}

int posix_fallocate(int fd, off_t offset, off_t len)
{
	REAL(posix_fallocate);
	UNKNOWN(fd, "posix_fallocate");
	return real_posix_fallocate(fd, offset, len);
}

int rename(const char *from, const char *to)
{
	REAL(rename);
	if (disk_watches(from) || disk_watches(to))
		unknown("rename");
	return real_rename(from, to);
}
