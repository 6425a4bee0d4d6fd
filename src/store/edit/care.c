#include "store/care.h"

#include "store/query/reader.h"
#include "store/sqlite/damage.h"
#include "store/sqlite/db.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
	STEP = 512,            /* pages copied between two looks at the progress */
	BUSY_WAIT = 20,        /* ms */
	TELL_EVERY = 10000000, /* steps of SQLite's machine */
	FAULTS_MAX = 100,
};

static bool say_errno(const char *file, const char *what, char why[STORE_READ_WHY])
{
	char text[128];

	(void)snprintf(why, STORE_READ_WHY, "%s: %s: %s", file, what,
		strerror_r(errno, text, sizeof(text)));
	return false;
}

/* ---- the copy ---- */

/* The caller's transaction keeps the source as it is, so that no write of the daemon's
 * makes the copying begin anew. */
static int copy_pages(struct sqlite3 *from, struct sqlite3 *to, store_progress *progress, void *arg)
{
	sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
	int rc = SQLITE_OK;

	if (b == NULL)
		return sqlite3_errcode(to);
	while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
		rc = sqlite3_backup_step(b, STEP);
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

	/* it is synced as a whole, and of no use before */
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

static bool copy(struct store_reader *r, const char *file, store_progress *progress, void *arg,
	char why[STORE_READ_WHY])
{
	struct sqlite3 *from = store_look_begin(r, why);
	char of_look[STORE_READ_WHY];
	int64_t objects;
	bool copied, looked;
	int rc;

	if (from == NULL)
		return false;
	/* the first read decides which state is seen */
	rc = store_number(from, "SELECT count(*) FROM sqlite_schema", &objects);
	copied = rc == SQLITE_OK && copy_to(from, file, progress, arg, why);
	looked = store_look_end(r, rc, of_look);
	if (!looked)
		memcpy(why, of_look, sizeof(of_look));
	return copied && looked;
}

static void first_fault(void *arg, enum store_fault kind, const char *fault)
{
	char *why = arg;

	(void)kind;
	if (why[0] == '\0')
		(void)snprintf(why, STORE_READ_WHY, "the copy is not sound: %s", fault);
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
		(void)say_errno(file, "cannot be synced", why);
	if (fd >= 0)
		close(fd);
	return good;
}

static bool is_sound(const char *file, char why[STORE_READ_WHY])
{
	struct store_reader *copy = store_reader_open(file, why);
	char found[STORE_READ_WHY] = "";
	bool good;

	if (copy == NULL)
		return false;
	good = store_check(copy, false, first_fault, no_progress, found, why);
	store_reader_close(copy);
	if (good && found[0] != '\0')
		(void)snprintf(why, STORE_READ_WHY, "%s", found);
	return good && found[0] == '\0';
}

/* link(2) and not rename(2): what is there is never overwritten. */
static bool give_name(const char *made, const char *file, char why[STORE_READ_WHY])
{
	char *name = strdup(file);
	bool good;

	if (name == NULL) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return false;
	}
	if (link(made, file) != 0)
		good = say_errno(file, "cannot be made", why);
	else
		good = sync_file(dirname(name), O_RDONLY | O_DIRECTORY, why);
	free(name);
	return good;
}

bool store_backup(struct store_reader *r, const char *file, store_progress *progress, void *arg,
	char why[STORE_READ_WHY])
{
	char *made = NULL;
	bool good;
	int fd;

	if (access(file, F_OK) == 0) {
		(void)snprintf(why, STORE_READ_WHY,
			"%s: is there already; expected a new file's name", file);
		return false;
	}
	if (asprintf(&made, "%s.XXXXXX", file) < 0) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return false;
	}
	fd = mkostemp(made, O_CLOEXEC); /* 0600 */
	if (fd < 0) {
		free(made);
		return say_errno(file, "cannot be made", why);
	}
	close(fd);
	good = copy(r, made, progress, arg, why) && sync_file(made, O_RDONLY, why) &&
	       is_sound(made, why) && give_name(made, file, why);
	(void)unlink(made);
	free(made);
	return good;
}

/* ---- the check ---- */

struct check {
	store_fault_seen *seen;
	enum store_fault kind;
	store_progress *progress;
	void *arg;
};

static int tell_progress(void *arg)
{
	const struct check *c = arg;

	c->progress(c->arg, 0, 0);
	return 0;
}

/* Each row of SQL is a fault, but one that says "ok". */
static int run(struct sqlite3 *db, const char *sql, const struct check *c)
{
	sqlite3_stmt *s = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &s, NULL);

	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW) {
		const char *text = store_column_text(s, 0);

		if (strcmp(text, "ok") != 0)
			c->seen(c->arg, c->kind, text);
	}
	(void)sqlite3_finalize(s);
	/* what cannot be read is a fault like others */
	rc = sqlite3_errcode(db) & 0xff;
	if (rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB)
		c->seen(c->arg, STORE_FAULT_STORE, sqlite3_errmsg(db));
	return rc == SQLITE_DONE || rc == SQLITE_ROW || rc == SQLITE_CORRUPT || rc == SQLITE_NOTADB
		       ? SQLITE_OK
		       : rc;
}

static int check_payloads(struct sqlite3 *db, struct check *c)
{
	int rc = store_damage_register(db);

	c->kind = STORE_FAULT_PAYLOAD;
	if (rc == SQLITE_OK)
		rc = run(db,
			"SELECT 'event ' || id || ': its payload is not what came in' FROM events"
			" WHERE checksum <> payload_checksum(payload) LIMIT 100",
			c);
	c->kind = STORE_FAULT_STORE;
	return rc;
}

bool store_check(struct store_reader *r, bool full, store_fault_seen *seen,
	store_progress *progress, void *arg, char why[STORE_READ_WHY])
{
	static const char *const rest[] = {
		"SELECT 'orphan: a row of ' || \"table\" || ' names one of ' || parent"
		" || ' that is not there' FROM pragma_foreign_key_check LIMIT 100",
		"SELECT 'delivery ' || d.id || ' is RUNNING without an open attempt'"
		" FROM deliveries d WHERE d.state = 'RUNNING' AND NOT EXISTS (SELECT 1"
		" FROM attempts a WHERE a.delivery_id = d.id AND a.number = d.attempts"
		" AND a.result IS NULL) LIMIT 100",
	};
	struct check c = {seen, STORE_FAULT_STORE, progress, arg};
	struct sqlite3 *db = store_look_begin(r, why);
	char sql[64];
	int rc;

	if (db == NULL)
		return false;
	sqlite3_progress_handler(db, TELL_EVERY, tell_progress, &c);
	(void)snprintf(sql, sizeof(sql), "PRAGMA %s(%d)", full ? "integrity_check" : "quick_check",
		FAULTS_MAX);
	rc = run(db, sql, &c);
	if (rc == SQLITE_OK && full)
		rc = check_payloads(db, &c);
	for (size_t i = 0; i < sizeof(rest) / sizeof(rest[0]) && rc == SQLITE_OK; i++)
		rc = run(db, rest[i], &c);
	sqlite3_progress_handler(db, 0, NULL, NULL);
	return store_look_end(r, rc, why);
}
