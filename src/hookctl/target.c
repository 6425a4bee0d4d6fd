#include "target.h"

#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	LINKS_MAX = 40, /* symbolic links in one path, as the kernel's limit */
	FILE_MODE = 0600
};

static bool report(const struct ctl_target *t, const char *reason)
{
	ctl_error("%s: cannot be made: %s", t->path, reason);
	return false;
}

/* ---- the directory, when root asks ---- */

/* The way to the directory: what is left of it, and how many links it had. */
struct way {
	char rest[PATH_MAX];
	unsigned links;
};

/* Root, and the user who called sudo. */
static bool is_trusted(uid_t uid)
{
	const char *caller = getenv("SUDO_UID");
	char text[24];

	(void)snprintf(text, sizeof(text), "%lu", (unsigned long)uid);
	return uid == 0 || (caller != NULL && strcmp(caller, text) == 0);
}

/* Can others rename or create files in the directory? In a sticky one, such as /tmp, they cannot
 * rename what is not theirs: that is enough for a directory on the way. */
static bool is_safe(const struct stat *sb, bool last)
{
	if (!is_trusted(sb->st_uid))
		return false;
	return (sb->st_mode & (S_IWGRP | S_IWOTH)) == 0 || (!last && (sb->st_mode & S_ISVTX) != 0);
}

/* Takes the first component off the way. False: there is none. */
static bool next_component(struct way *w, char name[NAME_MAX + 1])
{
	size_t slashes = strspn(w->rest, "/");
	size_t len = strcspn(w->rest + slashes, "/");

	if (len == 0 || len > NAME_MAX)
		return false;
	memcpy(name, w->rest + slashes, len);
	name[len] = '\0';
	memmove(w->rest, w->rest + slashes + len, strlen(w->rest + slashes + len) + 1);
	return true;
}

/* Puts the link's text in front of the rest of the way. */
static bool follow_link(struct way *w, int link)
{
	char rest[PATH_MAX];
	ssize_t len = readlinkat(link, "", rest, sizeof(rest) - 1);
	size_t more = strlen(w->rest);

	if (len <= 0 || ++w->links > LINKS_MAX || (size_t)len + 1 + more >= sizeof(w->rest)) {
		errno = len < 0 ? errno : ELOOP;
		return false;
	}
	memmove(w->rest + len + 1, w->rest, more + 1);
	memcpy(w->rest, rest, (size_t)len);
	w->rest[len] = '/';
	return true;
}

/* Opens what the name means in the directory `at`; a link is put into the way. Returns the
 * directory to continue in, -1: none. Closes `at`. */
static int enter(int at, struct way *w, const char *name, const struct stat *from)
{
	int fd = openat(at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat sb;
	int next = -1;

	if (fd < 0 || fstat(fd, &sb) != 0)
		goto out;
	if (S_ISDIR(sb.st_mode)) {
		next = fd;
		fd = -1;
	} else if (!S_ISLNK(sb.st_mode)) {
		errno = ENOTDIR;
	} else if ((from->st_mode & S_ISVTX) != 0 && !is_trusted(sb.st_uid)) {
		errno = EACCES; /* anyone could have made the link */
	} else if (follow_link(w, fd)) {
		next = w->rest[0] == '/' ? open("/", O_PATH | O_DIRECTORY | O_CLOEXEC) : dup(at);
	}
out:
	if (fd >= 0)
		(void)close(fd);
	(void)close(at);
	return next;
}

/* Follows the way from `at` to its end. -1: errno is set, to 0 if others can write on the way. */
static int walk(struct way *w, int at)
{
	char name[NAME_MAX + 1];
	struct stat sb;
	bool last = false;

	while (at >= 0 && !last) {
		last = w->rest[strspn(w->rest, "/")] == '\0';
		if (fstat(at, &sb) != 0 || (!last && !next_component(w, name))) {
			(void)close(at);
			errno = ENAMETOOLONG;
			return -1;
		}
		if (!is_safe(&sb, last)) {
			(void)close(at);
			errno = 0;
			return -1;
		}
		if (!last)
			at = enter(at, w, name, &sb);
	}
	return at;
}

/* -1: reported. */
static int open_safe_directory(const struct ctl_target *t, const char *directory)
{
	struct way w = {0};
	int at = open(directory[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)snprintf(w.rest, sizeof(w.rest), "%s", directory);
	at = walk(&w, at);
	if (at >= 0)
		return at;
	if (errno != 0)
		(void)report(t, strerror(errno));
	else
		ctl_error("%s: other users can rename or create files in its directory, or in one "
			  "above it: choose one that only root can write to",
			t->path);
	return -1;
}

/* ---- the file ---- */

static bool open_directory(struct ctl_target *t)
{
	const char *slash = strrchr(t->path, '/');
	size_t len = slash == NULL ? 0 : slash == t->path ? 1 : (size_t)(slash - t->path);
	char directory[PATH_MAX];

	t->name = slash != NULL ? slash + 1 : t->path;
	if (t->name[0] == '\0' || len >= sizeof(directory))
		return report(t, strerror(t->name[0] == '\0' ? EISDIR : ENAMETOOLONG));
	(void)snprintf(directory, sizeof(directory), "%.*s", (int)len, t->path);
	if (len == 0)
		(void)snprintf(directory, sizeof(directory), ".");
	if (geteuid() == 0) {
		t->directory = open_safe_directory(t, directory);
		return t->directory >= 0;
	}
	t->directory = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return t->directory >= 0 || report(t, strerror(errno));
}

static bool report_existing(const struct ctl_target *t)
{
	ctl_error("%s: exists already: expected the name of a new file", t->path);
	return false;
}

/* For file systems without O_TMPFILE. */
static int open_temporary(struct ctl_target *t)
{
	unsigned char random[8];
	char hex[2 * sizeof(random) + 1];

	randombytes_buf(random, sizeof(random));
	(void)sodium_bin2hex(hex, sizeof(hex), random, sizeof(random));
	(void)snprintf(t->temporary, sizeof(t->temporary), ".hookctl-%s", hex);
	return openat(t->directory, t->temporary,
		O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, FILE_MODE);
}

static bool open_file(struct ctl_target *t)
{
	struct stat sb;

	if (fstatat(t->directory, t->name, &sb, AT_SYMLINK_NOFOLLOW) == 0)
		return report_existing(t);
	if (errno != ENOENT)
		return report(t, strerror(errno));
	t->file = openat(t->directory, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, FILE_MODE);
	/* EISDIR: a kernel that does not know the flag */
	if (t->file < 0 && (errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL))
		t->file = open_temporary(t);
	return t->file >= 0 || report(t, strerror(errno));
}

bool ctl_target_open(struct ctl_target *t, const char *path)
{
	*t = (struct ctl_target){.path = path, .directory = -1, .file = -1};
	if (open_directory(t) && open_file(t))
		return true;
	t->temporary[0] = '\0'; /* it was not made */
	ctl_target_close(t);
	return false;
}

static int write_all(int fd, const char *bytes, size_t len, off_t at)
{
	while (len > 0) {
		ssize_t n = pwrite(fd, bytes, len, at);

		if (n == 0)
			errno = EIO;
		if (n == 0 || (n < 0 && errno != EINTR))
			return -1;
		if (n > 0) {
			bytes += n;
			at += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

bool ctl_target_write(struct ctl_target *t, int64_t at, const void *bytes, size_t len)
{
	if (write_all(t->file, bytes, len, at) == 0)
		return true;
	ctl_error("%s: cannot be written: %s", t->path, strerror(errno));
	return false;
}

bool ctl_target_truncate(struct ctl_target *t, int64_t size)
{
	if (ftruncate(t->file, size) == 0)
		return true;
	ctl_error("%s: cannot be written: %s", t->path, strerror(errno));
	return false;
}

static int name_file(const struct ctl_target *t)
{
	char made[64];

	if (t->temporary[0] != '\0')
		return linkat(t->directory, t->temporary, t->directory, t->name, 0);
	(void)snprintf(made, sizeof(made), "/proc/self/fd/%d", t->file);
	return linkat(AT_FDCWD, made, t->directory, t->name, AT_SYMLINK_FOLLOW);
}

static bool sync_directory(const struct ctl_target *t)
{
	int fd = openat(t->directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (!good)
		ctl_error("%s: its directory cannot be synced: %s", t->path, strerror(errno));
	if (fd >= 0)
		(void)close(fd);
	return good;
}

bool ctl_target_finish(struct ctl_target *t)
{
	if (fsync(t->file) != 0) {
		ctl_error("%s: cannot be synced: %s", t->path, strerror(errno));
		return false;
	}
	if (name_file(t) != 0)
		return errno == EEXIST ? report_existing(t) : report(t, strerror(errno));
	return sync_directory(t);
}

void ctl_target_close(struct ctl_target *t)
{
	if (t->temporary[0] != '\0')
		(void)unlinkat(t->directory, t->temporary, 0);
	if (t->file >= 0)
		(void)close(t->file);
	if (t->directory >= 0)
		(void)close(t->directory);
}
