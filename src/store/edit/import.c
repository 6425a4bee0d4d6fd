#include "store/import.h"

#include "store/checksum.h"
#include "store/sqlite/damage.h"
#include "store/sqlite/db.h"

#include <sqlite3.h>
#include <string.h>

struct statements {
	sqlite3_stmt *source, *insert, *mend, *find;
};

static int prepare(struct sqlite3 *db, struct statements *s)
{
	int rc = store_damage_register(db);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
			"INSERT INTO sources(name) VALUES(?1) ON CONFLICT(name) DO NOTHING", -1,
			&s->source, NULL);

	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
			"INSERT INTO events(source_id, idempotency_key, provider_event_id, type,"
			" entity_kind, entity_id, received_at, occurred_at, origin, remote_addr,"
			" quarantined, declined, payload, checksum)"
			" SELECT id, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0), 'manual', '', ?9, ?10,"
			" ?11, ?12"
			" FROM sources WHERE name = ?1"
			" ON CONFLICT(source_id, idempotency_key) DO NOTHING",
			-1, &s->insert, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
			"UPDATE events SET payload = ?3, checksum = ?4"
			" WHERE source_id = (SELECT id FROM sources WHERE name = ?1)"
			" AND idempotency_key = ?2 AND " STORE_REPAIRABLE_SQL("?3", "?4"),
			-1, &s->mend, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_prepare_v2(db,
			"SELECT payload = ?3 FROM events"
			" WHERE source_id = (SELECT id FROM sources WHERE name = ?1)"
			" AND idempotency_key = ?2",
			-1, &s->find, NULL);
	return rc;
}

static void bind_maybe(sqlite3_stmt *s, int column, const char *text, int *rc)
{
	if (text != NULL)
		store_bind_text(s, column, text, rc);
	else if (*rc == SQLITE_OK)
		*rc = sqlite3_bind_null(s, column);
}

static int insert(sqlite3_stmt *s, const struct store_import *i)
{
	const struct event *ev = i->event;
	int rc = SQLITE_OK;

	store_bind_text(s, 1, ev->source, &rc);
	store_bind_text(s, 2, ev->idempotency_key, &rc);
	bind_maybe(s, 3, ev->provider_event_id, &rc);
	bind_maybe(s, 4, ev->type, &rc);
	bind_maybe(s, 5, ev->entity_kind, &rc);
	bind_maybe(s, 6, ev->entity_id, &rc);
	store_bind_int(s, 7, ev->received_at, &rc);
	store_bind_int(s, 8, ev->occurred_at, &rc);
	bind_maybe(s, 9, ev->quarantined, &rc);
	bind_maybe(s, 10, i->declined, &rc);
	store_bind_blob(s, 11, ev->payload, ev->payload_len, &rc);
	store_bind_int(s, 12, store_checksum(ev->payload, ev->payload_len), &rc);
	return store_step(s, rc);
}

static void bind_key_and_payload(sqlite3_stmt *s, const struct event *ev, int *rc)
{
	store_bind_text(s, 1, ev->source, rc);
	store_bind_text(s, 2, ev->idempotency_key, rc);
	store_bind_blob(s, 3, ev->payload, ev->payload_len, rc);
}

static int mend(sqlite3_stmt *s, const struct event *ev)
{
	int rc = SQLITE_OK;

	bind_key_and_payload(s, ev, &rc);
	store_bind_int(s, 4, store_checksum(ev->payload, ev->payload_len), &rc);
	return store_step(s, rc);
}

static int find(sqlite3_stmt *s, struct store_import *i)
{
	int rc = SQLITE_OK;

	bind_key_and_payload(s, i->event, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		i->result =
			sqlite3_column_int(s, 0) == 1 ? STORE_IMPORT_THERE : STORE_IMPORT_CONFLICT;
		rc = SQLITE_OK;
	} else if (rc == SQLITE_DONE) {
		rc = SQLITE_CORRUPT; /* the insert found it */
	}
	store_reset(s);
	return rc;
}

static int import_one(
	struct sqlite3 *db, const struct statements *s, struct store_import *i, int64_t now)
{
	int rc = SQLITE_OK;

	store_bind_text(s->source, 1, i->event->source, &rc);
	rc = store_step(s->source, rc);
	if (rc == SQLITE_OK)
		rc = insert(s->insert, i);
	if (rc != SQLITE_OK)
		return rc;
	if (sqlite3_changes(db) == 0) {
		rc = mend(s->mend, i->event);
		i->result = STORE_IMPORT_MENDED;
		return rc != SQLITE_OK || sqlite3_changes(db) == 1 ? rc : find(s->find, i);
	}
	i->result = STORE_IMPORT_NEW;
	return store_editor_deliver(
		db, sqlite3_last_insert_rowid(db), i->hooks, i->hook_count, now, i->skipped);
}

bool store_import(struct store_editor *e, struct store_import *list, size_t count, int64_t now,
	char why[STORE_READ_WHY])
{
	struct sqlite3 *db = store_editor_begin(e, why);
	struct statements s = {0};
	int rc;

	if (db == NULL)
		return false;
	rc = prepare(db, &s);
	for (size_t i = 0; i < count && rc == SQLITE_OK; i++)
		rc = import_one(db, &s, &list[i], now);
	(void)sqlite3_finalize(s.source);
	(void)sqlite3_finalize(s.insert);
	(void)sqlite3_finalize(s.mend);
	(void)sqlite3_finalize(s.find);
	return store_editor_end(e, rc, why);
}

bool store_import_waiting(struct store_editor *e, int64_t *waiting, char why[STORE_READ_WHY])
{
	struct sqlite3 *db = store_editor_begin(e, why);
	int rc;

	if (db == NULL)
		return false;
	rc = store_number(db,
		"SELECT (SELECT count(*) FROM deliveries WHERE state = 'READY' AND behind IS NULL)"
		" + (SELECT count(*) FROM deliveries WHERE behind IS NOT NULL)"
		" + (SELECT count(*) FROM deliveries WHERE state = 'RUNNING')",
		waiting);
	return store_editor_end(e, rc, why);
}
