/* store/query/read.c - one event, its deliveries and attempts as they lie in the store. */
#include "store/read.h"
#include "reader.h"
#include "store/sqlite/damage.h"
#include "store/sqlite/db.h"

#include <sqlite3.h>
#include <string.h>

void store_event_row(sqlite3_stmt *s, void *to)
{
	const struct store_event_to *e = to;
	struct store_event_row row = {
		.id = sqlite3_column_int64(s, 0),
		.source = store_column_text(s, 1),
		.idempotency_key = store_column_text(s, 2),
		.provider_event_id = (const char *)sqlite3_column_text(s, 3),
		.type = (const char *)sqlite3_column_text(s, 4),
		.entity_kind = (const char *)sqlite3_column_text(s, 5),
		.entity_id = (const char *)sqlite3_column_text(s, 6),
		.received_at = sqlite3_column_int64(s, 7),
		.occurred_at = sqlite3_column_int64(s, 8),
		.origin = store_column_text(s, 9),
		.remote = store_column_text(s, 10),
		.duplicates = sqlite3_column_int64(s, 11),
		.conflicts = sqlite3_column_int64(s, 12),
		.quarantined = (const char *)sqlite3_column_text(s, 13),
		.waiting = sqlite3_column_int64(s, 14),
		.done = sqlite3_column_int64(s, 15),
		.dead = sqlite3_column_int64(s, 16),
		.skipped = sqlite3_column_int64(s, 17),
	};

	if (sqlite3_column_count(s) > 18) {
		row.declined = (const char *)sqlite3_column_text(s, 19);
		row.damaged = store_is_damaged(s, 18, 20);
		row.payload = sqlite3_column_blob(s, 18);
		row.payload_len = (size_t)sqlite3_column_bytes(s, 18);
		if (row.payload == NULL)
			row.payload = ""; /* an empty body is not "not read" */
	}
	e->seen(e->arg, &row);
}

/* Runs a SELECT over one id and shows each row. */
static bool look_by_id(struct store_reader *r, const char *sql, int64_t id, store_row_seen *see,
	void *to, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = id};

	return store_look(r, sql, &value, 1, see, to, why);
}

bool store_read_event(struct store_reader *r, int64_t id, store_event_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	struct store_event_to to = {seen, arg};

	return look_by_id(r,
		"SELECT " STORE_EVENT_COLUMNS STORE_EVENT_REST " FROM events e"
		" JOIN sources s ON s.id = e.source_id WHERE e.id = ?1",
		id, store_event_row, &to, why);
}

bool store_read_entity(struct store_reader *r, const char *kind, const char *id,
	store_event_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct store_event_to to = {seen, arg};
	const struct store_value values[] = {{.text = id}, {.text = kind}};

	return store_look(r,
		"SELECT " STORE_EVENT_COLUMNS STORE_EVENT_REST " FROM events e"
		" CROSS JOIN sources s ON s.id = e.source_id WHERE e.id IN (SELECT id FROM events"
		" WHERE entity_id = ?1 AND entity_kind = ?2) ORDER BY e.id",
		values, 2, store_event_row, &to, why);
}

struct store_delivery_row store_delivery_row(sqlite3_stmt *s)
{
	return (struct store_delivery_row){
		.id = sqlite3_column_int64(s, 0),
		.hook = store_column_text(s, 1),
		.state = store_state_from_text(store_column_text(s, 2)),
		.attempts = sqlite3_column_int64(s, 3),
		.failures = sqlite3_column_int64(s, 4),
		.due_at = sqlite3_column_int64(s, 5),
		.idempotency_key = store_column_text(s, 6),
		.reason = (const char *)sqlite3_column_text(s, 7),
		.behind = sqlite3_column_int64(s, 8),
		.failed_id = sqlite3_column_int64(s, 9),
		.replay_of = sqlite3_column_int64(s, 10),
		.replayed_by = sqlite3_column_int64(s, 11),
		.paused_at = sqlite3_column_int64(s, 12),
	};
}

struct delivery_to {
	store_delivery_seen *seen;
	void *arg;
};

static void delivery_row(sqlite3_stmt *s, void *to)
{
	const struct delivery_to *d = to;
	struct store_delivery_row row = store_delivery_row(s);

	d->seen(d->arg, &row);
}

bool store_read_deliveries(struct store_reader *r, int64_t event, store_delivery_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	struct delivery_to to = {seen, arg};

	return look_by_id(r,
		"SELECT " STORE_DELIVERY_COLUMNS " FROM deliveries d"
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
		.result = store_column_text(s, 3),
		.exit_code = exited ? sqlite3_column_int(s, 4) : -1,
		.signal = sqlite3_column_int(s, 5),
		.message = store_column_text(s, 6),
		.output = sqlite3_column_blob(s, 7),
		.output_len = (size_t)sqlite3_column_bytes(s, 7),
		.status = sqlite3_column_int(s, 8),
	};

	a->seen(a->arg, &row);
}

bool store_read_attempts(struct store_reader *r, int64_t delivery, store_attempt_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	struct attempt_to to = {seen, arg};

	return look_by_id(r,
		"SELECT number, started_at, ended_at, coalesce(result, 'running'), exit_code,"
		" signal, message, output, status FROM attempts WHERE delivery_id = ?1 ORDER BY "
		"number",
		delivery, attempt_row, &to, why);
}

struct hook_to {
	store_hook_seen *seen;
	void *arg;
};

static void hook_row(sqlite3_stmt *s, void *to)
{
	const struct hook_to *h = to;

	h->seen(h->arg, store_column_text(s, 0));
}

bool store_read_hooks(struct store_reader *r, const char *name, store_hook_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	struct hook_to to = {seen, arg};
	const struct store_value value = {.text = name};

	return store_look(r,
		name != NULL ? "SELECT name FROM hooks WHERE name = ?1"
			     : "SELECT name FROM hooks ORDER BY name",
		&value, 1, hook_row, &to, why);
}
