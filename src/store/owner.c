#include "store/owner.h"

#include "permission.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The status of the file and of its directory. Neither is opened, so a FIFO or a device does not
 * notice. */
static bool read_status(const char *path, struct stat *file, struct stat *directory)
{
	char parent[PATH_MAX], name[PATH_MAX];
	bool found = false;
	int dir;

	if (strlen(path) >= sizeof(parent)) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(parent, path, strlen(path) + 1);
	memcpy(name, path, strlen(path) + 1);
	dir = open(dirname(parent), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return false;
	found = fstat(dir, directory) == 0 &&
		fstatat(dir, basename(name), file, AT_SYMLINK_NOFOLLOW) == 0;
	(void)close(dir);
	return found;
}

static bool others_can_write(const struct stat *directory)
{
	return (directory->st_mode & S_IWOTH) != 0 ||
	       ((directory->st_mode & S_IWGRP) != 0 && directory->st_gid != 0);
}

/* Is it certain that no third user has chosen which file has the store's name? */
static bool is_owners_own(const char *path, const struct stat *file, const struct stat *directory,
	char why[STORE_READ_WHY])
{
	if (S_ISLNK(file->st_mode))
		(void)snprintf(
			why, STORE_READ_WHY, "%s: is a symbolic link; name the store itself", path);
	else if (!S_ISREG(file->st_mode))
		(void)snprintf(
			why, STORE_READ_WHY, "%s: not a hookd store: not a regular file", path);
	else if (directory->st_uid != 0 && directory->st_uid != file->st_uid)
		(void)snprintf(why, STORE_READ_WHY,
			"%s: belongs to user %lu and its directory to user %lu, who could exchange "
			"it: expected one owner",
			path, (unsigned long)file->st_uid, (unsigned long)directory->st_uid);
	else if (file->st_uid == 0 && others_can_write(directory))
		(void)snprintf(why, STORE_READ_WHY,
			"%s: belongs to root, and others can write to its directory: expected a "
			"directory where only root writes",
			path);
	else
		return true;
	return false;
}

/* The user's groups; only the file's group for a user without a name. */
static bool take_groups(uid_t user, gid_t group)
{
	struct passwd entry, *found = NULL;
	char text[4096];

	if (getpwuid_r(user, &entry, text, sizeof(text), &found) == 0 && found != NULL)
		return initgroups(found->pw_name, found->pw_gid) == 0 &&
		       setresgid(found->pw_gid, found->pw_gid, found->pw_gid) == 0;
	return setgroups(1, &group) == 0 && setresgid(group, group, group) == 0;
}

/* Root must be out of reach: a capability that was kept would give it back. */
static bool is_user(uid_t user)
{
	uid_t real, effective, saved;

	return getresuid(&real, &effective, &saved) == 0 && real == user && effective == user &&
	       saved == user && setuid(0) != 0;
}

bool store_become_owner(const char *path, char why[STORE_READ_WHY])
{
	struct stat file, directory;
	char text[128];

	if (geteuid() != 0)
		return true;
	if (!read_status(path, &file, &directory)) {
		store_explain_errno(path, why);
		return false;
	}
	if (!is_owners_own(path, &file, &directory, why))
		return false;
	if (file.st_uid == 0)
		return true;
	errno = 0;
	if (take_groups(file.st_uid, file.st_gid) &&
		setresuid(file.st_uid, file.st_uid, file.st_uid) == 0 && is_user(file.st_uid))
		return true;
	(void)snprintf(why, STORE_READ_WHY, "%s: cannot become its owner, user %lu: %s", path,
		(unsigned long)file.st_uid,
		errno != 0 ? strerror_r(errno, text, sizeof(text)) : "root is still in reach");
	return false;
}
