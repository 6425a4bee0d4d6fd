/* store/sqlite/trust_files.c - the files beside a store that SQLite would open with it. */
#include "trust.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* A rollback journal is what SQLite would roll back first, and it may name more files for SQLite to
 * delete. hookd has one only for the moment in which it makes a store. */
static bool check_journal(const char *name, const struct stat *sb, char why[STORE_READ_WHY])
{
	if (sb == NULL)
		return true;
	(void)snprintf(why, STORE_READ_WHY,
		"%s: expected no such file, which hookd does not leave beside a store; if hookd is "
		"not just making the store, remove it",
		name);
	return false;
}

static bool check_plain(const char *name, const struct stat *sb, char why[STORE_READ_WHY])
{
	if (sb == NULL || S_ISREG(sb->st_mode))
		return true;
	(void)snprintf(why, STORE_READ_WHY, "%s: expected a regular file of hookd's", name);
	return false;
}

bool store_trust_files(const char *path, char why[STORE_READ_WHY])
{
	static const struct {
		const char *suffix;
		bool (*check)(const char *name, const struct stat *sb, char *why);
	} files[] = {{"-journal", check_journal}, {"-wal", check_plain}, {"-shm", check_plain}};
	bool good = true;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]) && good; i++) {
		struct stat sb = {0}; /* of no kind if it cannot be read */
		char *name;

		if (asprintf(&name, "%s%s", path, files[i].suffix) < 0) {
			(void)snprintf(why, STORE_READ_WHY, "out of memory");
			return false;
		}
		bool missing = lstat(name, &sb) != 0 && errno == ENOENT;
		good = files[i].check(name, missing ? NULL : &sb, why);
		free(name);
	}
	return good;
}
