/* promises_check.c - is everything stored that was acknowledged, and nothing twice? */
#include "promises_private.h"

#include "store/sqlite/damage.h"
#include "store/sqlite/db.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_acked(const struct promises *p, unsigned i)
{
	return p->numbers[i] != 0;
}

static bool no(char *why, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static bool no(char *why, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(why, size, format, ap);
	va_end(ap);
	return false;
}

static bool event_row(const struct promises *p, sqlite3_stmt *s, bool *seen, char *why, size_t size)
{
	int64_t id = sqlite3_column_int64(s, 0);
	int i = promises_number((const char *)sqlite3_column_text(s, 1));
	unsigned deliveries = (unsigned)sqlite3_column_int(s, 3);

	if (i < 0 || p->sizes[i] == 0)
		return p->version_1 != NULL && id <= 50
			       ? true
			       : no(why, size, "event %lld was never sent", (long long)id);
	struct made m = promises_made(p, (unsigned)i);
	if (strcmp(m.key, (const char *)sqlite3_column_text(s, 1)) != 0)
		return no(why, size, "event %d has another key", i);
	if (seen[i])
		return no(why, size, "event %d is stored twice", i);
	seen[i] = true;
	if (is_acked(p, (unsigned)i) && p->numbers[i] != id && !m.old)
		return no(why, size, "event %d has another number", i);
	if (!promises_payload_is(
		    p, (unsigned)i, sqlite3_column_blob(s, 2), (size_t)sqlite3_column_bytes(s, 2)))
		return no(why, size, "event %d is not as it was sent", i);
	if (sqlite3_column_type(s, 4) != SQLITE_INTEGER || store_is_damaged(s, 2, 4))
		return no(why, size, "event %d has not the checksum of its payload", i);
	if (deliveries != m.hooks)
		return no(why, size, "event %d has %u deliveries of %u", i, deliveries, m.hooks);
	return true;
}

static bool check_events(const struct promises *p, sqlite3 *db, char *why, size_t size)
{
	bool *seen = calloc(EVENTS, sizeof(*seen));
	sqlite3_stmt *s = NULL;
	bool ok = true;

	assert(seen != NULL);
	if (sqlite3_prepare_v2(db,
		    "SELECT id, idempotency_key, payload, (SELECT count(*) FROM deliveries d"
		    " WHERE d.event_id = e.id AND d.failed_id IS NULL), checksum"
		    " FROM events e NOT INDEXED",
		    -1, &s, NULL) != SQLITE_OK)
		ok = no(why, size, "events cannot be read: %s", sqlite3_errmsg(db));
	while (ok && sqlite3_step(s) == SQLITE_ROW)
		ok = event_row(p, s, seen, why, size);
	(void)sqlite3_finalize(s);
	for (unsigned i = 0; ok && i < p->next; i++) {
		if (is_acked(p, i) && !seen[i] && !promises_made(p, i).old)
			ok = no(why, size, "event %u was acknowledged and is not there", i);
	}
	free(seen);
	return ok;
}

static bool delivery_row(const struct delivery *d, sqlite3_stmt *s, char *why, size_t size)
{
	long long id = sqlite3_column_int64(s, 0);
	const char *state = (const char *)sqlite3_column_text(s, 1);
	unsigned attempts = (unsigned)sqlite3_column_int(s, 2);

	if (strcmp(state, "RUNNING") == 0)
		return no(why, size, "delivery %lld is still RUNNING", id);
	if (attempts < d->claimed)
		return no(why, size, "delivery %lld has %u attempts, %u were begun", id, attempts,
			d->claimed);
	if (d->settled == 0 || d->settled < d->claimed || d->unsure)
		return true;
	if (strcmp(state, delivery_state_text(d->state)) != 0)
		return no(why, size, "delivery %lld is %s and was settled as %s", id, state,
			delivery_state_text(d->state));
	if (d->told && sqlite3_column_int(s, 3) != 1)
		return no(why, size, "delivery %lld was given up, and is told %d times", id,
			sqlite3_column_int(s, 3));
	return true;
}

static bool check_deliveries(const struct promises *p, sqlite3 *db, char *why, size_t size)
{
	bool *seen = calloc(DELIVERIES, sizeof(*seen));
	sqlite3_stmt *s = NULL;
	bool ok = true;

	assert(seen != NULL);
	if (sqlite3_prepare_v2(db,
		    "SELECT id, state, attempts, (SELECT count(*) FROM deliveries t"
		    " WHERE t.failed_id = d.id) FROM deliveries d",
		    -1, &s, NULL) != SQLITE_OK)
		ok = no(why, size, "deliveries cannot be read: %s", sqlite3_errmsg(db));
	while (ok && sqlite3_step(s) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0);
		assert(id > 0 && id < DELIVERIES);
		seen[id] = true;
		ok = delivery_row(&p->deliveries[id], s, why, size);
	}
	(void)sqlite3_finalize(s);
	for (int id = 0; ok && id < DELIVERIES; id++) {
		if (p->deliveries[id].claimed > 0 && !seen[id])
			ok = no(why, size, "delivery %d was claimed and is not there", id);
	}
	free(seen);
	return ok;
}

static bool check_attempts(const struct promises *p, sqlite3 *db, char *why, size_t size)
{
	unsigned char *seen = calloc(DELIVERIES, 1); /* 1: the claimed one, 2: the settled one */
	sqlite3_stmt *s = NULL;
	bool ok = true;

	assert(seen != NULL);
	if (sqlite3_prepare_v2(db, "SELECT delivery_id, number, result FROM attempts", -1, &s,
		    NULL) != SQLITE_OK)
		ok = no(why, size, "attempts cannot be read: %s", sqlite3_errmsg(db));
	while (ok && sqlite3_step(s) == SQLITE_ROW) {
		int64_t id = sqlite3_column_int64(s, 0);
		unsigned number = (unsigned)sqlite3_column_int(s, 1);
		const char *result = (const char *)sqlite3_column_text(s, 2);
		const struct delivery *d = &p->deliveries[id];
		if (result == NULL)
			ok = no(why, size, "attempt %u of delivery %lld has no end", number,
				(long long)id);
		else if (number == d->settled &&
			 strcmp(result, attempt_result_text(d->result)) != 0)
			ok = no(why, size, "attempt %u of delivery %lld is %s and was settled %s",
				number, (long long)id, result, attempt_result_text(d->result));
		seen[id] |= (number == d->claimed ? 1 : 0) | (number == d->settled ? 2 : 0);
	}
	(void)sqlite3_finalize(s);
	for (int id = 0; ok && id < DELIVERIES; id++) {
		const struct delivery *d = &p->deliveries[id];
		if ((d->claimed > 0 && (seen[id] & 1) == 0) ||
			(d->settled > 0 && (seen[id] & 2) == 0))
			ok = no(why, size, "an attempt of delivery %d is not there", id);
	}
	free(seen);
	return ok;
}

/* The statement must return this text. */
static bool check_text(sqlite3 *db, const char *sql, const char *wanted, char *why, size_t size)
{
	sqlite3_stmt *s = NULL;
	bool ok = sqlite3_prepare_v2(db, sql, -1, &s, NULL) == SQLITE_OK &&
		  sqlite3_step(s) == SQLITE_ROW;
	const char *text = ok ? (const char *)sqlite3_column_text(s, 0) : sqlite3_errmsg(db);

	if (!ok || strcmp(text, wanted) != 0)
		ok = no(why, size, "%.80s: %s", sql, text);
	(void)sqlite3_finalize(s);
	return ok;
}

static bool check_file(const struct promises *p, const char *path, char *why, size_t size)
{
	sqlite3 *db = NULL;
	char version[16];
	bool ok = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK;

	(void)snprintf(version, sizeof(version), "%d", STORE_SCHEMA);
	ok = ok && check_text(db, "PRAGMA integrity_check", "ok", why, size) &&
	     check_text(db, "SELECT count(*) FROM pragma_foreign_key_check", "0", why, size) &&
	     check_text(db, "PRAGMA user_version", version, why, size) &&
	     check_events(p, db, why, size) && check_deliveries(p, db, why, size) &&
	     check_attempts(p, db, why, size);
	if (ok && p->version_1 != NULL)
		ok = check_text(db, promises_version_1_content, p->version_1, why, size);
	(void)sqlite3_close(db);
	return ok;
}

/* As the next hookd finds it: acknowledged events are duplicates. */
static bool check_keys(struct promises *p, const char *path, char *why, size_t size)
{
	struct store *st = promises_open(p, path);

	if (st == NULL)
		return no(why, size, "the store does not open");
	bool ok = promises_names(p, st);
	if (!ok)
		(void)no(why, size, "the store takes nothing");
	for (unsigned i = p->next; ok && i > 0 && i + 20 > p->next; i--) {
		if (is_acked(p, i - 1))
			promises_put_again(p, st, i - 1);
	}
	store_close(st);
	if (ok && p->broken[0] != '\0')
		ok = no(why, size, "%s", p->broken);
	return ok;
}

bool promises_check(struct promises *p, const char *path, char *why, size_t size)
{
	return check_keys(p, path, why, size) && check_file(p, path, why, size);
}
