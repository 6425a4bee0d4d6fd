/* store/query/reader.c - opens a store to look into it, and keeps each look to one
 * state of it. */
#include "reader.h"
#include "store/sqlite/db.h"

#include <errno.h>
#include <grp.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct store_reader {
	char *path; /* absolute */
	char *wal;
	struct sqlite3 *db;
	/* Opened as a file that nobody writes: no hookd runs and none died. Without
	 * this SQLite would want to make a WAL, which a reader must not and often
	 * cannot. */
	bool still;
	unsigned looks; /* within each other */
};

/* The name of the group whose members may pass, if that is what is missing. */
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

static void say_denied(const char *path, bool to_write, char why[STORE_READ_WHY])
{
	char copy[PATH_MAX];
	char group[128];
	struct stat sb;
	bool found = false;

	if (stat(path, &sb) == 0) {
		found = group_needed(path, to_write ? S_IWGRP : S_IRGRP, group, sizeof(group));
	} else if (strlen(path) < sizeof(copy)) {
		memcpy(copy, path, strlen(path) + 1);
		found = group_needed(dirname(copy), S_IXGRP, group, sizeof(group));
	}
	if (found)
		(void)snprintf(why, STORE_READ_WHY,
			"%s: permission denied; members of the group \"%s\" may %s it", path, group,
			to_write ? "change" : "read");
	else
		(void)snprintf(why, STORE_READ_WHY,
			"%s: permission denied; run this as its owner or as root", path);
}

void store_say_errno(const char *path, bool to_write, char why[STORE_READ_WHY])
{
	char text[128];

	if (errno == EACCES)
		say_denied(path, to_write, why);
	else if (errno == ENOENT)
		(void)snprintf(why, STORE_READ_WHY,
			"%s: no such file; hookd makes it when it first starts", path);
	else
		(void)snprintf(
			why, STORE_READ_WHY, "%s: %s", path, strerror_r(errno, text, sizeof(text)));
}

static bool say_sqlite(const struct store_reader *r, char why[STORE_READ_WHY])
{
	(void)snprintf(why, STORE_READ_WHY, "%s: %s", r->path, sqlite3_errmsg(r->db));
	return false;
}

/* "file://" and the path, with what has a meaning in a URI escaped. */
static char *uri_of(const char *path, const char *query)
{
	size_t len = strlen(path);
	char *uri = malloc(len * 3 + strlen(query) + sizeof("file://"));
	char *to = uri;

	if (uri == NULL)
		return NULL;
	to = stpcpy(to, "file://");
	for (size_t i = 0; i < len; i++) {
		if (strchr("%?#", path[i]) != NULL) {
			static const char hex[] = "0123456789ABCDEF";
			*to++ = '%';
			*to++ = hex[(unsigned char)path[i] >> 4];
			*to++ = hex[(unsigned char)path[i] & 15];
		} else {
			*to++ = path[i];
		}
	}
	(void)stpcpy(to, query);
	return uri;
}

static bool wal_there(const struct store_reader *r)
{
	struct stat sb;

	return stat(r->wal, &sb) == 0;
}

static bool check_file(struct store_reader *r, char why[STORE_READ_WHY])
{
	int64_t version;
	enum store_file kind = store_file_kind(r->db, &version);

	if (kind != STORE_FILE_OURS)
		store_file_explain(kind, r->db, r->path, version, why, STORE_READ_WHY);
	return kind == STORE_FILE_OURS;
}

static void disconnect(struct store_reader *r)
{
	(void)sqlite3_close(r->db);
	r->db = NULL;
}

static bool connect(struct store_reader *r, char why[STORE_READ_WHY])
{
	r->still = !wal_there(r);
	char *uri = uri_of(r->path, r->still ? "?immutable=1" : "");
	if (uri == NULL) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return false;
	}
	int rc = sqlite3_open_v2(
		uri, &r->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX, NULL);
	free(uri);
	if (rc == SQLITE_OK) {
		(void)sqlite3_busy_timeout(r->db, STORE_BUSY_TIMEOUT);
		if (check_file(r, why) && sqlite3_exec(r->db, "PRAGMA trusted_schema = OFF", NULL,
						  NULL, NULL) == SQLITE_OK)
			return true;
	} else if (r->db != NULL) {
		(void)say_sqlite(r, why);
	} else {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
	}
	disconnect(r);
	return false;
}

struct store_reader *store_reader_open(const char *path, char why[STORE_READ_WHY])
{
	struct store_reader *r = calloc(1, sizeof(*r));
	struct stat sb;

	why[0] = '\0';
	if (r == NULL)
		goto memory;
	r->path = realpath(path, NULL);
	if (r->path == NULL || access(r->path, R_OK) != 0) {
		store_say_errno(path, false, why);
		goto fail;
	}
	if (stat(r->path, &sb) != 0 || !S_ISREG(sb.st_mode)) {
		(void)snprintf(why, STORE_READ_WHY, "%s: not a hookd store, not even a file", path);
		goto fail;
	}
	if (asprintf(&r->wal, "%s-wal", r->path) < 0) {
		r->wal = NULL;
		goto memory;
	}
	if (connect(r, why))
		return r;
	goto fail;
memory:
	(void)snprintf(why, STORE_READ_WHY, "out of memory");
fail:
	store_reader_close(r);
	return NULL;
}

void store_reader_close(struct store_reader *r)
{
	if (r == NULL)
		return;
	disconnect(r);
	free(r->wal);
	free(r->path);
	free(r);
}

struct sqlite3 *store_look_begin(struct store_reader *r, char why[STORE_READ_WHY])
{
	if (r->looks == 0) {
		if (r->db != NULL && r->still && wal_there(r))
			disconnect(r); /* hookd was started meanwhile */
		if (r->db == NULL && !connect(r, why))
			return NULL;
		if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK) {
			(void)say_sqlite(r, why);
			return NULL;
		}
	}
	r->looks++;
	return r->db;
}

bool store_look_end(struct store_reader *r, int rc, char why[STORE_READ_WHY])
{
	bool ok = rc == SQLITE_OK;

	if (!ok)
		(void)say_sqlite(r, why);
	if (--r->looks > 0)
		return ok;
	(void)sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
	if (!r->still || !wal_there(r))
		return ok;
	(void)snprintf(why, STORE_READ_WHY,
		"%s: hookd was started while it was being read; try again", r->path);
	return false;
}

bool store_reader_begin(struct store_reader *r, char why[STORE_READ_WHY])
{
	return store_look_begin(r, why) != NULL;
}

bool store_reader_end(struct store_reader *r, char why[STORE_READ_WHY])
{
	return store_look_end(r, SQLITE_OK, why);
}

static int bind(sqlite3_stmt *s, const struct store_value *values, size_t count)
{
	size_t known = (size_t)sqlite3_bind_parameter_count(s);
	int rc = SQLITE_OK;

	for (size_t i = 0; i < count && i < known && rc == SQLITE_OK; i++) {
		int column = (int)i + 1;
		if (values[i].text != NULL)
			rc = sqlite3_bind_text(s, column, values[i].text, -1, SQLITE_STATIC);
		else
			rc = sqlite3_bind_int64(s, column, values[i].number);
	}
	return rc;
}

bool store_look(struct store_reader *r, const char *sql, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to, char why[STORE_READ_WHY])
{
	sqlite3_stmt *s = NULL;

	if (store_look_begin(r, why) == NULL)
		return false;
	int rc = sqlite3_prepare_v2(r->db, sql, -1, &s, NULL);
	if (rc == SQLITE_OK)
		rc = bind(s, values, count);
	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		seen(s, to);
	int end = sqlite3_finalize(s);
	return store_look_end(r, rc != SQLITE_OK ? rc : end, why);
}

const char *store_column_text(struct sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text != NULL ? text : "";
}

enum delivery_state store_state_from_text(const char *text)
{
	for (int i = DELIVERY_READY; i <= DELIVERY_SKIPPED; i++) {
		if (strcmp(text, delivery_state_text((enum delivery_state)i)) == 0)
			return (enum delivery_state)i;
	}
	return DELIVERY_SKIPPED; /* the table's CHECK lets no other in */
}
