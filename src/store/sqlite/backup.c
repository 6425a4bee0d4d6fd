/* store/sqlite/backup.c - copies a store to a new file, checks the copy, and gives it its name. */
#include "db.h"
#include "session.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	STEP_PAGES = 512, /* copied from one report of progress to the next */
	BUSY_WAIT = 20,   /* ms */
};

static bool explain_file_error(const char *file, const char *what, char why[STORE_READ_WHY])
{
	char text[128];

	(void)snprintf(why, STORE_READ_WHY, "%s: %s: %s", file, what,
		strerror_r(errno, text, sizeof(text)));
	return false;
}

/* The caller's transaction keeps the source as it is: otherwise a write by the daemon would
 * restart the copy. */
static int copy_pages(struct sqlite3 *from, struct sqlite3 *to, store_progress *progress, void *arg)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int rc = SQLITE_OK;

	if (b == NULL)
		return sqlite3_errcode(to);
	while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		rc = sqlite3_backup_step(b, STEP_PAGES);
		if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED)
			(void)sqlite3_sleep(BUSY_WAIT);
		progress(arg, sqlite3_backup_pagecount(b) - sqlite3_backup_remaining(b),
			sqlite3_backup_pagecount(b));
	}
	return sqlite3_backup_finish(b);
}

static bool copy_to(struct sqlite3 *from, const char *file, store_progress *progress, void *arg,
	char why[STORE_READ_WHY])
{
	struct sqlite3 *to = NULL;
	int rc = sqlite3_open_v2(file, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);

	/* the copy is synced at the end, and is of no use before that */
	if (rc == SQLITE_OK)
		rc = sqlite3_exec(to, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	if (rc == SQLITE_OK)
		rc = copy_pages(from, to, progress, arg);
	if (rc != SQLITE_OK)
		(void)snprintf(why, STORE_READ_WHY, "%s: %s", file,
			to != NULL ? sqlite3_errmsg(to) : "out of memory");
	(void)sqlite3_close(to);
	return rc == SQLITE_OK;
}

static bool copy_session(struct store_session *s, const char *file, store_progress *progress,
	void *arg, char why[STORE_READ_WHY])
{
	char end_why[STORE_READ_WHY];
	int64_t objects;

	if (!store_session_begin(s, why))
		return false;
	/* the first read decides which state is seen */
	bool good = store_number(s->sqlite, "SELECT count(*) FROM sqlite_schema", &objects) ==
		    SQLITE_OK;
	bool copied = good && copy_to(s->sqlite, file, progress, arg, why);
	bool ended = store_session_end(s, good, end_why);
	if (!ended)
		memcpy(why, end_why, sizeof(end_why));
	return copied && ended;
}

static void first_fault(void *arg, enum store_fault kind, const char *fault)
{
	char *why = arg;

	(void)kind;
	if (why[0] == '\0')
		(void)snprintf(why, STORE_READ_WHY, "the copy is damaged: %s", fault);
}

static void no_progress(void *arg, int64_t done, int64_t all)
{
	(void)arg, (void)done, (void)all;
}

static bool sync_file(const char *file, int flags, char why[STORE_READ_WHY])
{
	int fd = open(file, flags | O_CLOEXEC);
	bool good = fd >= 0 && fsync(fd) == 0;

	if (!good)
		(void)explain_file_error(file, "cannot be synced", why);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool is_sound(const char *file, char why[STORE_READ_WHY])
{
	struct store_session *copy = store_session_open(file, false, why);
	char found[STORE_READ_WHY] = "";

	if (copy == NULL)
		return false;
	bool good = store_check_file(copy, false, first_fault, no_progress, found, why);
	store_session_close(copy);
	if (good && found[0] != '\0')
		(void)snprintf(why, STORE_READ_WHY, "%s", found);
	return good && found[0] == '\0';
}

/* By link(2), not rename(2): an existing file is never overwritten. */
static bool name_file(const char *made, const char *file, char why[STORE_READ_WHY])
{
	char *name = strdup(file);
	bool good;

	if (name == NULL) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return false;
	}
	if (link(made, file) != 0)
		good = explain_file_error(file, "cannot be made", why);
	else
		good = sync_file(dirname(name), O_RDONLY | O_DIRECTORY, why);
	free(name);
	return good;
}

bool store_backup_file(struct store_session *s, const char *file, store_progress *progress,
	void *arg, char why[STORE_READ_WHY])
{
	char *made = NULL;
	bool good;
	int fd;

	if (access(file, F_OK) == 0) {
		(void)snprintf(why, STORE_READ_WHY,
			"%s: exists already: expected the name of a new file", file);
		return false;
	}
	if (asprintf(&made, "%s.XXXXXX", file) < 0) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return false;
	}
	fd = mkostemp(made, O_CLOEXEC); /* 0600 */
	if (fd < 0) {
		free(made);
		return explain_file_error(file, "cannot be made", why);
	}
	close(fd);
	good = copy_session(s, made, progress, arg, why) && sync_file(made, O_RDONLY, why) &&
	       is_sound(made, why) && name_file(made, file, why);
	(void)unlink(made);
	free(made);
	return good;
}
