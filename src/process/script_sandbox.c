#include "process/script_sandbox.h"

#include "base/buf.h"
#include "base/log.h"
#include "failure.h"
#include "landlock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ABI_NEEDED 2 /* earlier ones forbid moving a file to another directory */

/* A directory whose entries are granted one by one. */
struct listed {
	char *path;
	dev_t dev;
	ino_t ino;
	struct timespec changed;
};

struct script_sandbox {
	char **secrets; /* as the config names them */
	size_t secret_count;
	bool possible; /* the kernel has what the sandbox needs */
	bool warns;    /* there are scripts that could read an unprotected secret */
	int mounts;    /* /proc/self/mountinfo, which polls as POLLPRI once it has changed; -1 */
	int ruleset;
	struct listed *listed; /* as they were when `ruleset` was built */
	size_t listed_count;
	bool unsure; /* one had just changed: another change may leave the same time stamp */
};

/* The real paths of the secrets that are protected. */
struct hidden {
	char **paths;
	size_t count;
};

/* ---- which secrets can be protected */

/* Can scripts create files in it? Scripts that run as root have no sandbox. */
static bool is_open(const char *directory, const struct stat *st)
{
	if (geteuid() == 0)
		return st->st_uid != 0 || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;
	return st->st_uid == geteuid() || faccessat(AT_FDCWD, directory, W_OK, AT_EACCESS) == 0;
}

/* Why scripts could change what is in it; NULL: they cannot. */
static const char *open_fault(const char *directory, const struct stat *st)
{
	if (!is_open(directory, st))
		return NULL;
	return geteuid() == 0 ? "users other than root can write to it"
			      : "hookd's user can write to it";
}

/* Finds the first directory of the path that does not allow protection, and cuts `path`
 * there. NULL: all of them allow it. `listed`: it has to be listed, too. */
static const char *find_fault(char *path, bool listed, const char **fault)
{
	struct stat st;

	for (char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
		/* "/", "/etc", "/etc/hookd", but not the secret itself */
		char *end = slash == path ? slash + 1 : slash;
		char kept = *end;

		*end = '\0';
		*fault = stat(path, &st) != 0 ? strerror(errno) : open_fault(path, &st);
		if (*fault == NULL && listed && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
			*fault = "hookd cannot list it";
		if (*fault != NULL)
			return path;
		*end = kept;
	}
	return NULL;
}

/* Is it in a directory that is protected as a whole, such as that of the credentials? */
static bool is_within(const struct hidden *hidden, const char *path)
{
	for (size_t i = 0; i < hidden->count; i++) {
		size_t len = strlen(hidden->paths[i]);

		if (strncmp(hidden->paths[i], path, len) == 0 && path[len] == '/')
			return true;
	}
	return false;
}

static void warn_unprotected(const char *path, const char *directory, const char *fault)
{
	log_warn("scripts can read a secret of hookd's", log_text("file", path),
		log_text("directory", directory), log_text("reason", fault),
		log_text("hint", "keep it where only root can write, or use LoadCredential="));
}

/* Logs a directory on the way in which scripts can put another file, or a link, unless it is the
 * one that was logged last. False: there is none. */
static bool judge_way(const char *file, const char *path, struct buf *last)
{
	char *copy = strdup(path);
	const char *fault = NULL, *at = copy != NULL ? find_fault(copy, false, &fault) : NULL;

	if (at != NULL && (last->data == NULL || strcmp(last->data, at) != 0)) {
		log_warn("scripts can replace a file of hookd's", log_text("file", file),
			log_text("directory", at), log_text("reason", fault),
			log_text("hint", "keep it where only root can write"));
		buf_clear(last);
		buf_add_text(last, at);
	}
	free(copy);
	return at != NULL;
}

void script_sandbox_judge_files(char *const *files, size_t count)
{
	struct buf last = {0};

	for (size_t i = 0; i < count; i++) {
		char *real = realpath(files[i], NULL);

		if (!judge_way(files[i], files[i], &last) && real != NULL)
			(void)judge_way(files[i], real, &last);
		free(real);
	}
	buf_free(&last);
}

/* Skips a secret that is gone, or is in a directory that is hidden already. */
static bool add_hidden(
	struct script_sandbox *s, struct hidden *hidden, const char *secret, bool directory)
{
	char *path = realpath(secret, NULL), *copy;
	const char *at, *fault;
	struct stat st;

	if (path == NULL)
		return errno != ENOMEM;
	if (stat(path, &st) != 0 || S_ISDIR(st.st_mode) != directory || is_within(hidden, path)) {
		free(path);
		return true;
	}
	copy = strdup(path);
	if (copy == NULL) {
		free(path);
		return false;
	}
	at = find_fault(copy, true, &fault);
	if (at == NULL) {
		hidden->paths[hidden->count++] = path;
	} else {
		if (s->warns)
			warn_unprotected(path, at, fault);
		free(path);
	}
	free(copy);
	return true;
}

/* The directory of the credentials first: it covers the secrets in it. */
static bool find_hidden(struct script_sandbox *s, struct hidden *hidden)
{
	*hidden = (struct hidden){.paths = calloc(s->secret_count + 1, sizeof(char *))};
	if (hidden->paths == NULL)
		return false;
	for (int directory = 1; directory >= 0; directory--) {
		for (size_t i = 0; i < s->secret_count; i++)
			if (!add_hidden(s, hidden, s->secrets[i], directory))
				return false;
	}
	s->warns = false;
	return true;
}

static void free_hidden(struct hidden *hidden)
{
	for (size_t i = 0; i < hidden->count; i++)
		free(hidden->paths[i]);
	free(hidden->paths);
}

/* ---- the ruleset */

/* Skips entries that are gone, that have no content to read, or that are of a kind that Landlock
 * refuses. */
static bool grant_file(
	const struct script_sandbox *s, int directory, const char *name, uint64_t rights)
{
	int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool good;

	if (fd < 0)
		return !child_failure_is_shortage(errno);
	good = fstat(fd, &st) != 0 || S_ISLNK(st.st_mode) || S_ISSOCK(st.st_mode) ||
	       landlock_grant(s->ruleset, fd, rights) || !child_failure_is_shortage(errno);
	close(fd);
	return good;
}

/* Is the path that of a secret, or (on_the_way) of a directory above one? */
static bool matches(const struct hidden *hidden, const char *path, bool on_the_way)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < hidden->count; i++)
		if (strncmp(hidden->paths[i], path, len) == 0 &&
			hidden->paths[i][len] == (on_the_way ? '/' : '\0'))
			return true;
	return false;
}

/* Before the directory is read, so that a later change is detected. */
static bool remember_directory(struct script_sandbox *s, const char *path, int fd)
{
	struct listed *larger = reallocarray(s->listed, s->listed_count + 1, sizeof(*s->listed));
	struct stat st;
	char *copy = strdup(path);

	if (larger != NULL)
		s->listed = larger;
	if (larger == NULL || copy == NULL || fstat(fd, &st) != 0) {
		free(copy);
		return false;
	}
	s->listed[s->listed_count++] = (struct listed){
		.path = copy, .dev = st.st_dev, .ino = st.st_ino, .changed = st.st_ctim};
	if (st.st_ctim.tv_sec >= time(NULL) - 1)
		s->unsure = true;
	return true;
}

static bool grant_beside(
	struct script_sandbox *s, const struct hidden *hidden, const char *directory);

static bool grant_entry(struct script_sandbox *s, const struct hidden *hidden,
	const char *directory, int fd, const char *name)
{
	char *path;
	bool good = true;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	if (asprintf(&path, "%s/%s", directory[1] == '\0' ? "" : directory, name) < 0)
		return false;
	if (matches(hidden, path, true))
		good = grant_beside(s, hidden, path);
	else if (!matches(hidden, path, false))
		good = grant_file(s, fd, name, LANDLOCK_READ_FILE);
	free(path);
	return good;
}

/* Grants every entry of a directory except a secret. For an entry that leads to a secret it calls
 * itself, so the recursion is as deep as the secret's path. */
static bool grant_beside(
	struct script_sandbox *s, const struct hidden *hidden, const char *directory)
{
	int fd = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	bool good = false;

	if (entries == NULL) {
		good = !child_failure_is_shortage(errno);
		if (fd >= 0)
			close(fd);
		return good;
	}
	good = remember_directory(s, directory, fd);
	while (good && (entry = readdir(entries)) != NULL)
		good = grant_entry(s, hidden, directory, fd, entry->d_name);
	closedir(entries);
	return good;
}

static void close_ruleset(struct script_sandbox *s)
{
	if (s->ruleset >= 0)
		close(s->ruleset);
	s->ruleset = -1;
	for (size_t i = 0; i < s->listed_count; i++)
		free(s->listed[i].path);
	free(s->listed);
	s->listed = NULL;
	s->listed_count = 0;
	s->unsure = false;
}

/* Everywhere: moving files, and reading if there are no secrets to protect. */
static bool grant_root(const struct script_sandbox *s, uint64_t rights)
{
	int fd = open("/", O_PATH | O_CLOEXEC);
	bool good = fd >= 0 && landlock_grant(s->ruleset, fd, rights);

	if (fd >= 0)
		close(fd);
	return good;
}

/* False: errno. */
static bool build_ruleset(struct script_sandbox *s)
{
	struct hidden hidden;
	bool good = find_hidden(s, &hidden);

	close_ruleset(s);
	s->ruleset = good ? landlock_ruleset(LANDLOCK_READ_FILE | LANDLOCK_REFER) : -1;
	good = s->ruleset >= 0 &&
	       grant_root(s, LANDLOCK_REFER | (hidden.count > 0 ? 0 : LANDLOCK_READ_FILE)) &&
	       (hidden.count == 0 || grant_beside(s, &hidden, "/"));
	int error = errno;

	free_hidden(&hidden);
	if (!good)
		close_ruleset(s);
	errno = error;
	return good;
}

static bool has_changed(struct script_sandbox *s)
{
	struct pollfd mounts = {.fd = s->mounts, .events = POLLPRI};
	struct stat st;

	/* This comes first and always runs, since each change is reported only once. */
	if (poll(&mounts, 1, 0) > 0 || s->unsure)
		return true;
	for (size_t i = 0; i < s->listed_count; i++) {
		const struct listed *was = &s->listed[i];

		if (stat(was->path, &st) != 0 || st.st_dev != was->dev || st.st_ino != was->ino ||
			st.st_ctim.tv_sec != was->changed.tv_sec ||
			st.st_ctim.tv_nsec != was->changed.tv_nsec)
			return true;
	}
	return false;
}

/* ---- the interface */

struct script_sandbox *script_sandbox_new(char *const *secrets, size_t count, bool warns)
{
	struct script_sandbox *s = calloc(1, sizeof(*s));
	int abi = landlock_abi(), ruleset;

	if (s == NULL)
		return NULL;
	s->ruleset = -1;
	s->possible = abi >= ABI_NEEDED;
	s->warns = warns && geteuid() != 0; /* root's scripts have no sandbox */
	s->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	s->secrets = calloc(count + 1, sizeof(char *));
	for (size_t i = 0; s->secrets != NULL && i < count; i++) {
		s->secrets[i] = strdup(secrets[i]);
		if (s->secrets[i] == NULL)
			break;
		s->secret_count++;
	}
	if (s->secret_count < count || s->secrets == NULL) {
		script_sandbox_free(s);
		return NULL;
	}
	if (!s->possible)
		log_info("the kernel cannot keep scripts from hookd's secrets",
			log_text("lacking", "landlock"), log_int("version", abi),
			log_int("needed", ABI_NEEDED));
	if (!script_sandbox_ready(
		    s, &ruleset)) /* now, for its warnings; script_sandbox_ready tries again */
		log_debug("script sandbox not ready yet, trying again later");
	return s;
}

bool script_sandbox_ready(struct script_sandbox *s, int *ruleset)
{
	*ruleset = -1;
	if (s == NULL || !s->possible)
		return true;
	if ((s->ruleset < 0 || has_changed(s)) && !build_ruleset(s))
		return false;
	*ruleset = s->ruleset;
	return true;
}

bool script_sandbox_enter(int ruleset)
{
	if (landlock_enter(ruleset))
		return true;
	return errno == EPERM && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       landlock_enter(ruleset);
}

void script_sandbox_free(struct script_sandbox *s)
{
	if (s == NULL)
		return;
	close_ruleset(s);
	for (size_t i = 0; i < s->secret_count; i++)
		free(s->secrets[i]);
	free(s->secrets);
	if (s->mounts >= 0)
		close(s->mounts);
	free(s);
}
