#include "process/script_sandbox.h"

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

#define ABI_NEEDED 2 /* before it no file could be moved to another directory */

/* A directory whose entries were granted one by one. */
struct listed {
	char *path;
	dev_t dev;
	ino_t ino;
	struct timespec changed;
};

struct script_sandbox {
	char **secrets; /* as the config names them */
	size_t secret_count;
	bool possible;
	bool warns; /* there are scripts that could read what is not walled off */
	int mounts; /* /proc/self/mountinfo, which polls as urgent when it has changed; -1 */
	int ruleset;
	struct listed *listed; /* what `ruleset` goes by */
	size_t listed_count;
	bool unsure; /* one of them changed just before: its clock may not tell the next time */
};

/* The real paths that are to be walled off. */
struct hidden {
	char **paths;
	size_t count;
};

/* ---- which secrets can be */

/* Can scripts make something in it? Scripts that run as root have no sandbox. */
static bool is_open(const char *directory, const struct stat *st)
{
	if (geteuid() == 0)
		return st->st_uid != 0 || (st->st_mode & (S_IWGRP | S_IWOTH)) != 0;
	return st->st_uid == geteuid() || faccessat(AT_FDCWD, directory, W_OK, AT_EACCESS) == 0;
}

/* The nearest directory on the way to path that does not do, in `path` itself, which is
 * cut there; NULL: all do. */
static const char *find_fault(char *path, const char **fault)
{
	struct stat st;

	for (char *slash = path; slash != NULL; slash = strchr(slash + 1, '/')) {
		/* "/", "/etc", "/etc/hookd": the last name is the secret's own */
		char *end = slash == path ? slash + 1 : slash;
		char kept = *end;

		*end = '\0';
		*fault = NULL;
		if (stat(path, &st) != 0)
			*fault = strerror(errno);
		else if (is_open(path, &st))
			*fault = geteuid() == 0 ? "others than root can write to it"
						: "hookd's user can write to it";
		else if (faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
			*fault = "hookd cannot list it";
		if (*fault != NULL)
			return path;
		*end = kept;
	}
	return NULL;
}

/* Is it in a directory that is walled off as a whole, as that of the credentials is? */
static bool is_within(const struct hidden *hidden, const char *path)
{
	for (size_t i = 0; i < hidden->count; i++) {
		size_t len = strlen(hidden->paths[i]);

		if (strncmp(hidden->paths[i], path, len) == 0 && path[len] == '/')
			return true;
	}
	return false;
}

static void warn(const char *path, const char *directory, const char *fault)
{
	log_warn("scripts can read a secret of hookd's", log_text("file", path),
		log_text("directory", directory), log_text("reason", fault),
		log_text("hint", "keep it where root alone can write, or use LoadCredential="));
}

/* One that is gone, or hidden already, needs no place. */
static bool hide(
	struct script_sandbox *w, struct hidden *hidden, const char *secret, bool directory)
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
	at = find_fault(copy, &fault);
	if (at == NULL) {
		hidden->paths[hidden->count++] = path;
	} else {
		if (w->warns)
			warn(path, at, fault);
		free(path);
	}
	free(copy);
	return true;
}

/* The directory of the credentials first: what is in it has its place then. */
static bool find_hidden(struct script_sandbox *w, struct hidden *hidden)
{
	*hidden = (struct hidden){.paths = calloc(w->secret_count + 1, sizeof(char *))};
	if (hidden->paths == NULL)
		return false;
	for (int directory = 1; directory >= 0; directory--) {
		for (size_t i = 0; i < w->secret_count; i++)
			if (!hide(w, hidden, w->secrets[i], directory))
				return false;
	}
	w->warns = false;
	return true;
}

static void free_hidden(struct hidden *hidden)
{
	for (size_t i = 0; i < hidden->count; i++)
		free(hidden->paths[i]);
	free(hidden->paths);
}

/* ---- the ruleset */

/* What is no file to read, is gone, or of a kind that Landlock does not know, is left. */
static bool grant(const struct script_sandbox *w, int directory, const char *name, uint64_t rights)
{
	int fd = openat(directory, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	bool good;

	if (fd < 0)
		return !child_failure_is_shortage(errno);
	good = fstat(fd, &st) != 0 || S_ISLNK(st.st_mode) || S_ISSOCK(st.st_mode) ||
	       landlock_grant(w->ruleset, fd, rights) || !child_failure_is_shortage(errno);
	close(fd);
	return good;
}

/* Is it a secret's, or a directory on the way to one? */
static bool matches(const struct hidden *hidden, const char *path, bool on_the_way)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < hidden->count; i++)
		if (strncmp(hidden->paths[i], path, len) == 0 &&
			hidden->paths[i][len] == (on_the_way ? '/' : '\0'))
			return true;
	return false;
}

/* Before it is read: what comes in between is seen as a change. */
static bool note(struct script_sandbox *w, const char *path, int fd)
{
	struct listed *larger = reallocarray(w->listed, w->listed_count + 1, sizeof(*w->listed));
	struct stat st;
	char *copy = strdup(path);

	if (larger != NULL)
		w->listed = larger;
	if (larger == NULL || copy == NULL || fstat(fd, &st) != 0) {
		free(copy);
		return false;
	}
	w->listed[w->listed_count++] = (struct listed){
		.path = copy, .dev = st.st_dev, .ino = st.st_ino, .changed = st.st_ctim};
	if (st.st_ctim.tv_sec >= time(NULL) - 1)
		w->unsure = true;
	return true;
}

static bool grant_beside(
	struct script_sandbox *w, const struct hidden *hidden, const char *directory);

static bool grant_entry(struct script_sandbox *w, const struct hidden *hidden,
	const char *directory, int fd, const char *name)
{
	char *path;
	bool good = true;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	if (asprintf(&path, "%s/%s", directory[1] == '\0' ? "" : directory, name) < 0)
		return false;
	if (matches(hidden, path, true))
		good = grant_beside(w, hidden, path);
	else if (!matches(hidden, path, false))
		good = grant(w, fd, name, LANDLOCK_READ_FILE);
	free(path);
	return good;
}

/* Grants all in a directory but what leads to a secret, which it does for that. As deep
 * as the secret's path is long. */
static bool grant_beside(
	struct script_sandbox *w, const struct hidden *hidden, const char *directory)
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
	good = note(w, directory, fd);
	while (good && (entry = readdir(entries)) != NULL)
		good = grant_entry(w, hidden, directory, fd, entry->d_name);
	closedir(entries);
	return good;
}

static void tear_down(struct script_sandbox *w)
{
	if (w->ruleset >= 0)
		close(w->ruleset);
	w->ruleset = -1;
	for (size_t i = 0; i < w->listed_count; i++)
		free(w->listed[i].path);
	free(w->listed);
	w->listed = NULL;
	w->listed_count = 0;
	w->unsure = false;
}

/* Moving files, everywhere; without secrets to protect, reading as well. */
static bool grant_root(const struct script_sandbox *w, uint64_t rights)
{
	int fd = open("/", O_PATH | O_CLOEXEC);
	bool good = fd >= 0 && landlock_grant(w->ruleset, fd, rights);

	if (fd >= 0)
		close(fd);
	return good;
}

/* False: errno. */
static bool build(struct script_sandbox *w)
{
	struct hidden hidden;
	bool good = find_hidden(w, &hidden);

	tear_down(w);
	w->ruleset = good ? landlock_ruleset(LANDLOCK_READ_FILE | LANDLOCK_REFER) : -1;
	good = w->ruleset >= 0 &&
	       grant_root(w, LANDLOCK_REFER | (hidden.count > 0 ? 0 : LANDLOCK_READ_FILE)) &&
	       (hidden.count == 0 || grant_beside(w, &hidden, "/"));
	int error = errno;

	free_hidden(&hidden);
	if (!good)
		tear_down(w);
	errno = error;
	return good;
}

static bool has_changed(struct script_sandbox *w)
{
	struct pollfd mounts = {.fd = w->mounts, .events = POLLPRI};
	struct stat st;

	/* First, and always, since it tells of each change once. */
	if (poll(&mounts, 1, 0) > 0 || w->unsure)
		return true;
	for (size_t i = 0; i < w->listed_count; i++) {
		const struct listed *was = &w->listed[i];

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
	struct script_sandbox *w = calloc(1, sizeof(*w));
	int abi = landlock_abi(), ruleset;

	if (w == NULL)
		return NULL;
	w->ruleset = -1;
	w->possible = abi >= ABI_NEEDED;
	w->warns = warns && geteuid() != 0; /* root's scripts are not kept from anything */
	w->mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
	w->secrets = calloc(count + 1, sizeof(char *));
	for (size_t i = 0; w->secrets != NULL && i < count; i++) {
		w->secrets[i] = strdup(secrets[i]);
		if (w->secrets[i] == NULL)
			break;
		w->secret_count++;
	}
	if (w->secret_count < count || w->secrets == NULL) {
		script_sandbox_free(w);
		return NULL;
	}
	if (!w->possible)
		log_info("scripts are not kept from hookd's secrets by the kernel",
			log_text("lacking", "landlock"), log_int("version", abi),
			log_int("needed", ABI_NEEDED));
	if (!script_sandbox_ready(w, &ruleset)) /* now, for its warnings; it is tried again */
		log_debug("script sandbox not ready yet, trying again later");
	return w;
}

bool script_sandbox_ready(struct script_sandbox *w, int *ruleset)
{
	*ruleset = -1;
	if (w == NULL || !w->possible)
		return true;
	if ((w->ruleset < 0 || has_changed(w)) && !build(w))
		return false;
	*ruleset = w->ruleset;
	return true;
}

bool script_sandbox_enter(int ruleset)
{
	if (landlock_enter(ruleset))
		return true;
	return errno == EPERM && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       landlock_enter(ruleset);
}

void script_sandbox_free(struct script_sandbox *w)
{
	if (w == NULL)
		return;
	tear_down(w);
	for (size_t i = 0; i < w->secret_count; i++)
		free(w->secrets[i]);
	free(w->secrets);
	if (w->mounts >= 0)
		close(w->mounts);
	free(w);
}
