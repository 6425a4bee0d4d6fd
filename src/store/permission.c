#include "permission.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

/* The name of the group whose members have access, if the group has it. */
static bool group_needed(const char *path, mode_t bit, char *name, size_t size)
{
	struct stat sb;
	struct group group;
	struct group *found = NULL;
	char text[4096];

	if (stat(path, &sb) != 0 || (sb.st_mode & bit) == 0)
		return false;
	if (getgrgid_r(sb.st_gid, &group, text, sizeof(text), &found) != 0 || found == NULL)
		(void)snprintf(name, size, "%lu", (unsigned long)sb.st_gid);
	else
		(void)snprintf(name, size, "%s", found->gr_name);
	return true;
}

static void explain_denied(const char *path, char why[STORE_READ_WHY])
{
	char copy[PATH_MAX];
	char group[128];
	struct stat sb;
	bool found = false;

	if (stat(path, &sb) == 0) {
		found = group_needed(path, S_IRGRP, group, sizeof(group));
	} else if (strlen(path) < sizeof(copy)) {
		memcpy(copy, path, strlen(path) + 1);
		found = group_needed(dirname(copy), S_IXGRP, group, sizeof(group));
	}
	if (found)
		(void)snprintf(why, STORE_READ_WHY,
			"%s: permission denied; members of the group \"%s\" may read it", path,
			group);
	else
		(void)snprintf(why, STORE_READ_WHY,
			"%s: permission denied; run this as its owner or as root", path);
}

void store_explain_errno(const char *path, char why[STORE_READ_WHY])
{
	char text[128];

	if (errno == EACCES)
		explain_denied(path, why);
	else if (errno == ENOENT)
		(void)snprintf(why, STORE_READ_WHY,
			"%s: no such file; hookd makes it when it first starts", path);
	else
		(void)snprintf(
			why, STORE_READ_WHY, "%s: %s", path, strerror_r(errno, text, sizeof(text)));
}
