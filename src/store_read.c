/* store_read.c - reading a store from outside the daemon. */
#include "store_read.h"
#include "store_db.h"

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

static void say_denied(const char *path, char why[STORE_READ_WHY])
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

static void say_errno(const char *path, char why[STORE_READ_WHY])
{
	char text[128];

	if (errno == EACCES)
		say_denied(path, why);
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

	switch (store_file_kind(r->db, &version)) {
	case STORE_FILE_OURS:
		return true;
	case STORE_FILE_EMPTY:
	case STORE_FILE_FOREIGN:
		(void)snprintf(why, STORE_READ_WHY, "%s: not a hookd store", r->path);
		return false;
	case STORE_FILE_OLDER:
		(void)snprintf(why, STORE_READ_WHY,
			"%s: schema version %lld is older than this hookctl's (%d); restart hookd, "
			"which brings it up to date",
			r->path, (long long)version, STORE_SCHEMA);
		return false;
	case STORE_FILE_NEWER:
		(void)snprintf(why, STORE_READ_WHY,
			"%s: schema version %lld is newer than this hookctl knows (%d); use the "
			"hookctl that came with that hookd",
			r->path, (long long)version, STORE_SCHEMA);
		return false;
	case STORE_FILE_UNREADABLE:
		break;
	}
	return say_sqlite(r, why);
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
		say_errno(path, why);
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

/* All that one call reads comes from one state of the store. */
static bool read_begin(struct store_reader *r, char why[STORE_READ_WHY])
{
	if (r->db != NULL && r->still && wal_there(r))
		disconnect(r); /* hookd was started meanwhile */
	if (r->db == NULL && !connect(r, why))
		return false;
	if (sqlite3_exec(r->db, "BEGIN", NULL, NULL, NULL) != SQLITE_OK)
		return say_sqlite(r, why);
	return true;
}

static bool read_end(struct store_reader *r, bool ok, char why[STORE_READ_WHY])
{
	if (!ok)
		(void)say_sqlite(r, why);
	(void)sqlite3_exec(r->db, "COMMIT", NULL, NULL, NULL);
	if (!r->still || !wal_there(r))
		return ok;
	(void)snprintf(why, STORE_READ_WHY,
		"%s: hookd was started while it was being read; try again", r->path);
	return false;
}

static const char *text_or_empty(sqlite3_stmt *s, int column)
{
	const char *text = (const char *)sqlite3_column_text(s, column);

	return text != NULL ? text : "";
}

/* The columns of `e` and its deliveries' states, the payload last. */
#define EVENT_COLUMNS                                                                              \
	"e.id, s.name, e.idempotency_key, e.provider_event_id, e.type, e.entity_kind,"             \
	" e.entity_id, e.received_at, e.occurred_at, e.origin, e.remote_addr,"                     \
	" e.duplicates, e.conflicts, e.quarantined,"                                               \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id"                              \
	" AND d.state IN ('READY', 'RUNNING')),"                                                   \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'DONE'),"       \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'DEAD'),"       \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'SKIPPED')"

static void see_event(sqlite3_stmt *s, store_event_seen *seen, void *arg)
{
	struct store_event_row row = {
		.id = sqlite3_column_int64(s, 0),
		.source = text_or_empty(s, 1),
		.idempotency_key = text_or_empty(s, 2),
		.provider_event_id = (const char *)sqlite3_column_text(s, 3),
		.type = (const char *)sqlite3_column_text(s, 4),
		.entity_kind = (const char *)sqlite3_column_text(s, 5),
		.entity_id = (const char *)sqlite3_column_text(s, 6),
		.received_at = sqlite3_column_int64(s, 7),
		.occurred_at = sqlite3_column_int64(s, 8),
		.origin = text_or_empty(s, 9),
		.remote = text_or_empty(s, 10),
		.duplicates = sqlite3_column_int64(s, 11),
		.conflicts = sqlite3_column_int64(s, 12),
		.quarantined = (const char *)sqlite3_column_text(s, 13),
		.waiting = sqlite3_column_int64(s, 14),
		.done = sqlite3_column_int64(s, 15),
		.dead = sqlite3_column_int64(s, 16),
		.skipped = sqlite3_column_int64(s, 17),
	};

	if (sqlite3_column_count(s) > 18) {
		row.payload = sqlite3_column_blob(s, 18);
		row.payload_len = (size_t)sqlite3_column_bytes(s, 18);
		if (row.payload == NULL)
			row.payload = ""; /* an empty body is not "not read" */
	}
	seen(arg, &row);
}

bool store_read_events(struct store_reader *r, const struct store_event_filter *filter,
	store_event_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	static const char head[] =
		"SELECT " EVENT_COLUMNS " FROM events e CROSS JOIN sources s ON s.id = e.source_id"
		" WHERE e.id < ?1";
	sqlite3_stmt *s = NULL;
	char sql[sizeof(head) + 256];

	/* Spelled out rather than "?2 IS NULL OR …", so that the planner sees what may
	 * use an index; with a + before the source, whose index it would take and
	 * then sort all that the source ever sent. */
	(void)snprintf(sql, sizeof(sql), "%s%s%s%s ORDER BY e.id DESC LIMIT ?4", head,
		filter->type != NULL ? " AND e.type GLOB ?2" : "",
		filter->source != NULL
			? " AND +e.source_id = (SELECT id FROM sources WHERE name = ?3)"
			: "",
		filter->quarantined_only ? " AND e.quarantined IS NOT NULL" : "");
	if (!read_begin(r, why))
		return false;
	int rc = sqlite3_prepare_v2(r->db, sql, -1, &s, NULL);
	store_bind_int(s, 1, filter->before > 0 ? filter->before : INT64_MAX, &rc);
	if (rc == SQLITE_OK && filter->type != NULL)
		rc = sqlite3_bind_text(s, 2, filter->type, -1, SQLITE_STATIC);
	if (rc == SQLITE_OK && filter->source != NULL)
		rc = sqlite3_bind_text(s, 3, filter->source, -1, SQLITE_STATIC);
	store_bind_int(s, 4, filter->limit, &rc);
	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		see_event(s, seen, arg);
	int end = sqlite3_finalize(s);
	return read_end(r, rc == SQLITE_OK && end == SQLITE_OK, why);
}

/* Runs a SELECT over one id and shows each row. */
static bool read_rows(struct store_reader *r, const char *sql, int64_t id,
	void (*see)(sqlite3_stmt *s, void *to), void *to, char why[STORE_READ_WHY])
{
	sqlite3_stmt *s = NULL;

	if (!read_begin(r, why))
		return false;
	int rc = sqlite3_prepare_v2(r->db, sql, -1, &s, NULL);
	store_bind_int(s, 1, id, &rc);
	while (rc == SQLITE_OK && sqlite3_step(s) == SQLITE_ROW)
		see(s, to);
	int end = sqlite3_finalize(s);
	return read_end(r, rc == SQLITE_OK && end == SQLITE_OK, why);
}

struct event_to {
	store_event_seen *seen;
	void *arg;
};

static void event_row(sqlite3_stmt *s, void *to)
{
	const struct event_to *e = to;

	see_event(s, e->seen, e->arg);
}

bool store_read_event(struct store_reader *r, int64_t id, store_event_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	struct event_to to = {seen, arg};

	return read_rows(r,
		"SELECT " EVENT_COLUMNS ", e.payload FROM events e"
		" JOIN sources s ON s.id = e.source_id WHERE e.id = ?1",
		id, event_row, &to, why);
}

static enum delivery_state state_from_text(const char *text)
{
	for (int i = DELIVERY_READY; i <= DELIVERY_SKIPPED; i++) {
		if (strcmp(text, store_state_text((enum delivery_state)i)) == 0)
			return (enum delivery_state)i;
	}
	return DELIVERY_SKIPPED; /* the table's CHECK lets no other in */
}

struct delivery_to {
	store_delivery_seen *seen;
	void *arg;
};

static void delivery_row(sqlite3_stmt *s, void *to)
{
	const struct delivery_to *d = to;
	struct store_delivery_row row = {
		.id = sqlite3_column_int64(s, 0),
		.hook = text_or_empty(s, 1),
		.state = state_from_text(text_or_empty(s, 2)),
		.attempts = sqlite3_column_int64(s, 3),
		.failures = sqlite3_column_int64(s, 4),
		.due_at = sqlite3_column_int64(s, 5),
		.idempotency_key = text_or_empty(s, 6),
	};

	d->seen(d->arg, &row);
}

bool store_read_deliveries(struct store_reader *r, int64_t event, store_delivery_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	struct delivery_to to = {seen, arg};

	return read_rows(r,
		"SELECT d.id, h.name, d.state, d.attempts, d.failures, d.due_at,"
		" s.name || '/' || e.idempotency_key || '/' || h.name FROM deliveries d"
		" JOIN hooks h ON h.id = d.hook_id JOIN events e ON e.id = d.event_id"
		" JOIN sources s ON s.id = e.source_id WHERE d.event_id = ?1 ORDER BY d.id",
		event, delivery_row, &to, why);
}

struct attempt_to {
	store_attempt_seen *seen;
	void *arg;
};

static void attempt_row(sqlite3_stmt *s, void *to)
{
	const struct attempt_to *a = to;
	bool exited = sqlite3_column_type(s, 4) != SQLITE_NULL;
	struct store_attempt_row row = {
		.number = sqlite3_column_int64(s, 0),
		.started_at = sqlite3_column_int64(s, 1),
		.ended_at = sqlite3_column_int64(s, 2),
		.result = text_or_empty(s, 3),
		.exit_code = exited ? sqlite3_column_int(s, 4) : -1,
		.signal = sqlite3_column_int(s, 5),
		.message = text_or_empty(s, 6),
		.output = sqlite3_column_blob(s, 7),
		.output_len = (size_t)sqlite3_column_bytes(s, 7),
	};

	a->seen(a->arg, &row);
}

bool store_read_attempts(struct store_reader *r, int64_t delivery, store_attempt_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	struct attempt_to to = {seen, arg};

	return read_rows(r,
		"SELECT number, started_at, ended_at, coalesce(result, 'running'), exit_code,"
		" signal, message, output FROM attempts WHERE delivery_id = ?1 ORDER BY number",
		delivery, attempt_row, &to, why);
}
