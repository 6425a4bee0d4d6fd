/* store_read.c - events, deliveries and attempts as they lie in the store. */
#include "store_read.h"
#include "buf.h"
#include "store_db.h"
#include "store_reader.h"

#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* The columns of `e` and its deliveries' states. */
#define EVENT_COLUMNS                                                                              \
	"e.id, s.name, e.idempotency_key, e.provider_event_id, e.type, e.entity_kind,"             \
	" e.entity_id, e.received_at, e.occurred_at, e.origin, e.remote_addr,"                     \
	" e.duplicates, e.conflicts, e.quarantined,"                                               \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id"                              \
	" AND d.state IN ('READY', 'RUNNING')),"                                                   \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'DONE'),"       \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'DEAD'"         \
	" AND d.replayed_by IS NULL),"                                                             \
	" (SELECT count(*) FROM deliveries d WHERE d.event_id = e.id AND d.state = 'SKIPPED')"

static void see_event(sqlite3_stmt *s, store_event_seen *seen, void *arg)
{
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

	/* Both lie at the row's end, behind what may be many pages. */
	if (sqlite3_column_count(s) > 18) {
		row.declined = (const char *)sqlite3_column_text(s, 19);
		row.payload = sqlite3_column_blob(s, 18);
		row.payload_len = (size_t)sqlite3_column_bytes(s, 18);
		if (row.payload == NULL)
			row.payload = ""; /* an empty body is not "not read" */
	}
	seen(arg, &row);
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

/* The condition on an event's deliveries. What waits or is dead has an index that is
 * small; else it is looked for event by event. */
static void add_delivery_condition(struct buf *sql, const struct store_event_filter *f)
{
	static const struct {
		const char *state, *index;
	} small[] = {{"READY", "READY' AND behind IS NULL"}, {"RUNNING", "RUNNING'"},
		{"DEAD", "DEAD' AND replayed_by IS NULL"}};
	const char *of_hook =
		f->hook != NULL ? " AND hook_id = (SELECT id FROM hooks WHERE name = ?6)" : "";

	for (size_t i = 0; f->state != NULL && i < sizeof(small) / sizeof(small[0]); i++) {
		if (strcmp(f->state, small[i].state) != 0)
			continue;
		buf_printf(sql,
			" AND (e.id IN (SELECT event_id FROM deliveries WHERE state = '%s%s)",
			small[i].index, of_hook);
		if (i == 0)
			buf_printf(sql,
				" OR e.id IN (SELECT event_id FROM deliveries"
				" WHERE behind IS NOT NULL%s)",
				of_hook);
		buf_add_char(sql, ')');
		return;
	}
	if (f->state != NULL || f->hook != NULL)
		buf_printf(sql, " AND EXISTS (SELECT 1 FROM deliveries WHERE event_id = e.id%s%s)",
			of_hook, f->state != NULL ? " AND state = ?12" : "");
}

/* Spelled out rather than "?2 IS NULL OR …", so that the planner sees what may use an
 * index; with a + before the source, whose index it would take and then sort all that
 * the source ever sent. */
static void add_conditions(struct buf *sql, const struct store_event_filter *f)
{
	bool by_time = f->since != 0 || f->until != 0;

	if (f->type != NULL)
		buf_add_text(sql, " AND e.type GLOB ?2");
	if (f->source != NULL)
		buf_add_text(sql, " AND +e.source_id = (SELECT id FROM sources WHERE name = ?3)");
	if (f->entity_id != NULL)
		buf_add_text(sql, " AND e.entity_id = ?7");
	if (f->entity_kind != NULL)
		buf_add_text(sql, " AND +e.entity_kind = ?8");
	if (f->since != 0)
		buf_add_text(sql, " AND e.received_at >= ?9");
	if (f->until != 0)
		buf_add_text(sql, " AND e.received_at < ?10");
	if (f->text != NULL)
		buf_add_text(sql, " AND instr(e.payload, CAST(?11 AS BLOB)) > 0");
	if (f->quarantined_only)
		buf_add_text(sql, " AND e.quarantined IS NOT NULL");
	add_delivery_condition(sql, f);
	buf_add_text(sql, by_time && f->entity_id == NULL
				  ? " ORDER BY e.received_at DESC, e.id DESC"
				  : " ORDER BY e.id DESC");
	buf_add_text(sql, " LIMIT ?4 OFFSET ?5");
}

bool store_read_events(struct store_reader *r, const struct store_event_filter *filter,
	store_event_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct event_to to = {seen, arg};
	const struct store_value values[] = {
		{.number = filter->before > 0 ? filter->before : INT64_MAX},
		{.text = filter->type},
		{.text = filter->source},
		{.number = filter->limit},
		{.number = filter->skip},
		{.text = filter->hook},
		{.text = filter->entity_id},
		{.text = filter->entity_kind},
		{.number = filter->since},
		{.number = filter->until},
		{.text = filter->text},
		{.text = filter->state},
	};
	struct buf sql = {0};
	bool good;

	buf_add_text(&sql, "SELECT " EVENT_COLUMNS " FROM events e CROSS JOIN sources s"
			   " ON s.id = e.source_id WHERE e.id < ?1");
	add_conditions(&sql, filter);
	good = buf_ok(&sql);
	if (good)
		good = store_look(r, sql.data, values, sizeof(values) / sizeof(values[0]),
			event_row, &to, why);
	else
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
	buf_free(&sql);
	return good;
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
	struct event_to to = {seen, arg};

	return look_by_id(r,
		"SELECT " EVENT_COLUMNS ", e.payload, e.declined FROM events e"
		" JOIN sources s ON s.id = e.source_id WHERE e.id = ?1",
		id, event_row, &to, why);
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

	d->seen(d->arg, &row);
}

bool store_read_deliveries(struct store_reader *r, int64_t event, store_delivery_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	struct delivery_to to = {seen, arg};

	return look_by_id(r,
		"SELECT d.id, h.name, d.state, d.attempts, d.failures, d.due_at,"
		" " STORE_KEY_SQL ", d.reason, d.behind, d.failed_id,"
		" d.replay_of, d.replayed_by, h.paused_at FROM deliveries d"
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
