/* store/sqlite/put.c - events and their deliveries, a run of puts at a time: two
 * statements for all of it. What SQLite does once per statement (opening seven
 * and nine cursors, taking and giving up locks, noting the last id) costs as much
 * as inserting the rows. So the statements read their rows from two virtual
 * tables, which are the puts themselves:
 *
 *   put_events      a row for each put that the backlog has room for
 *   put_deliveries  a row for each hook of each put whose event went in
 *
 * SQLite asks for a row only once the one before it is inserted: then the id of
 * the last insert tells whether it was, or its key was there before. */
#include "db.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdlib.h>

enum event_column {
	EVENT_SOURCE,
	EVENT_KEY,
	EVENT_PROVIDER_ID,
	EVENT_TYPE,
	EVENT_ENTITY_KIND,
	EVENT_ENTITY_ID,
	EVENT_RECEIVED,
	EVENT_OCCURRED,
	EVENT_ORIGIN,
	EVENT_REMOTE,
	EVENT_QUARANTINED,
	EVENT_PAYLOAD,
	EVENT_DECLINED,
	EVENT_CHECKSUM,
};

enum delivery_column { DELIVERY_EVENT, DELIVERY_HOOK, DELIVERY_DUE };

static const char events_columns[] =
	"CREATE TABLE put_events(source_id, idempotency_key, provider_event_id, type, entity_kind,"
	" entity_id, received_at, occurred_at, origin, remote_addr, quarantined, payload,"
	" declined, checksum)";
static const char deliveries_columns[] = "CREATE TABLE put_deliveries(event_id, hook_id, due_at)";

struct put_table {
	sqlite3_vtab base; /* first: SQLite's part */
	struct store *st;
};

struct put_cursor {
	sqlite3_vtab_cursor base; /* first: SQLite's part */
	struct store *st;
	struct store_put *put; /* the row's; NULL: no more */
	size_t hook;           /* put_deliveries: the row's, of the put's */
	int64_t last;          /* put_events: the id of the last event that went in */
};

/* The end of a run is another kind of operation, or the group's. */
static struct store_put *put_of(struct store_op *op)
{
	return op != NULL && op->kind == STORE_OP_PUT ? (struct store_put *)op : NULL;
}

/* ---- put_events ---- */

static bool fits(const struct store *st, const struct store_put *p)
{
	int64_t after = st->counts.waiting + st->put_delta->waiting + (int64_t)p->hook_count;

	return p->hook_count == 0 || after <= (int64_t)st->group_backlog;
}

static void events_seek(struct put_cursor *c, struct store_op *op)
{
	c->put = put_of(op);
	while (c->put != NULL && !fits(c->st, c->put))
		c->put = put_of(c->put->op.next);
}

static int events_filter(
	sqlite3_vtab_cursor *base, int index, const char *name, int argc, sqlite3_value **argv)
{
	struct put_cursor *c = (struct put_cursor *)base;

	(void)index;
	(void)name;
	(void)argc;
	(void)argv;
	c->last = 0;
	events_seek(c, c->st->put_first);
	return SQLITE_OK;
}

/* The row at hand has gone in, or was left out as a duplicate. */
static int events_next(sqlite3_vtab_cursor *base)
{
	struct put_cursor *c = (struct put_cursor *)base;
	struct store_delta *delta = c->st->put_delta;
	struct store_put *p = c->put;
	int64_t id = sqlite3_last_insert_rowid(c->st->db);

	if (id != c->last) {
		c->last = id;
		p->event_id = id;
		delta->stored++;
		delta->quarantined += p->event->quarantined != NULL;
		delta->waiting += (int64_t)p->hook_count;
		delta->ready |= p->hook_count > 0;
		c->st->put_deliveries += p->hook_count;
	}
	events_seek(c, p->op.next);
	return SQLITE_OK;
}

static void result_text(sqlite3_context *out, const char *text)
{
	sqlite3_result_text(out, text, -1, SQLITE_STATIC); /* NULL: NULL */
}

static int events_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int column)
{
	const struct store_put *p = ((const struct put_cursor *)base)->put;
	const struct event *ev = p->event;

	switch ((enum event_column)column) {
	case EVENT_SOURCE:
		sqlite3_result_int64(out, ev->source_id);
		break;
	case EVENT_KEY:
		result_text(out, ev->idempotency_key);
		break;
	case EVENT_PROVIDER_ID:
		result_text(out, ev->provider_event_id);
		break;
	case EVENT_TYPE:
		result_text(out, ev->type);
		break;
	case EVENT_ENTITY_KIND:
		result_text(out, ev->entity_kind);
		break;
	case EVENT_ENTITY_ID:
		result_text(out, ev->entity_id);
		break;
	case EVENT_RECEIVED:
		sqlite3_result_int64(out, ev->received_at);
		break;
	case EVENT_OCCURRED:
		if (ev->occurred_at != 0)
			sqlite3_result_int64(out, ev->occurred_at);
		break;
	case EVENT_ORIGIN:
		result_text(out, ev->origin);
		break;
	case EVENT_REMOTE:
		result_text(out, ev->remote);
		break;
	case EVENT_QUARANTINED:
		result_text(out, ev->quarantined);
		break;
	case EVENT_PAYLOAD: /* a null pointer would be NULL, not an empty blob */
		sqlite3_result_blob64(out, ev->payload_len > 0 ? ev->payload : "", ev->payload_len,
			SQLITE_STATIC);
		break;
	case EVENT_DECLINED:
		result_text(out, p->declined);
		break;
	case EVENT_CHECKSUM:
		sqlite3_result_int64(out, p->checksum);
		break;
	}
	return SQLITE_OK;
}

/* ---- put_deliveries ---- */

static void deliveries_seek(struct put_cursor *c, struct store_op *op)
{
	c->put = put_of(op);
	while (c->put != NULL && (c->put->event_id == 0 || c->put->hook_count == 0))
		c->put = put_of(c->put->op.next);
	c->hook = 0;
}

static int deliveries_filter(
	sqlite3_vtab_cursor *base, int index, const char *name, int argc, sqlite3_value **argv)
{
	struct put_cursor *c = (struct put_cursor *)base;

	(void)index;
	(void)name;
	(void)argc;
	(void)argv;
	deliveries_seek(c, c->st->put_first);
	return SQLITE_OK;
}

static int deliveries_next(sqlite3_vtab_cursor *base)
{
	struct put_cursor *c = (struct put_cursor *)base;

	if (++c->hook == c->put->hook_count)
		deliveries_seek(c, c->put->op.next);
	return SQLITE_OK;
}

static int deliveries_column(sqlite3_vtab_cursor *base, sqlite3_context *out, int column)
{
	const struct put_cursor *c = (const struct put_cursor *)base;
	const struct store_put *p = c->put;

	switch ((enum delivery_column)column) {
	case DELIVERY_EVENT:
		sqlite3_result_int64(out, p->event_id);
		break;
	case DELIVERY_HOOK:
		sqlite3_result_int64(out, p->hooks[c->hook]);
		break;
	case DELIVERY_DUE:
		sqlite3_result_int64(out, p->event->received_at);
		break;
	}
	return SQLITE_OK;
}

/* ---- what SQLite asks of a virtual table ---- */

static int connect(sqlite3 *db, struct store *st, const char *columns, sqlite3_vtab **out)
{
	struct put_table *table = sqlite3_malloc(sizeof(*table));
	int rc = table != NULL ? sqlite3_declare_vtab(db, columns) : SQLITE_NOMEM;

	if (rc != SQLITE_OK) {
		sqlite3_free(table);
		return rc;
	}
	*table = (struct put_table){.st = st};
	*out = &table->base;
	return SQLITE_OK;
}

static int events_connect(
	sqlite3 *db, void *st, int argc, const char *const *argv, sqlite3_vtab **out, char **error)
{
	(void)argc;
	(void)argv;
	(void)error;
	return connect(db, st, events_columns, out);
}

static int deliveries_connect(
	sqlite3 *db, void *st, int argc, const char *const *argv, sqlite3_vtab **out, char **error)
{
	(void)argc;
	(void)argv;
	(void)error;
	return connect(db, st, deliveries_columns, out);
}

static int disconnect(sqlite3_vtab *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

/* There is one way to read it: from the first row to the last. */
static int best_index(sqlite3_vtab *base, sqlite3_index_info *info)
{
	(void)base;
	info->estimatedCost = STORE_GROUP_MAX;
	info->estimatedRows = STORE_GROUP_MAX;
	return SQLITE_OK;
}

static int open_cursor(sqlite3_vtab *base, sqlite3_vtab_cursor **out)
{
	struct put_cursor *c = sqlite3_malloc(sizeof(*c));

	if (c == NULL)
		return SQLITE_NOMEM;
	*c = (struct put_cursor){.st = ((struct put_table *)base)->st};
	*out = &c->base;
	return SQLITE_OK;
}

static int close_cursor(sqlite3_vtab_cursor *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

static int at_end(sqlite3_vtab_cursor *base)
{
	return ((const struct put_cursor *)base)->put == NULL;
}

static int row_id(sqlite3_vtab_cursor *base, sqlite3_int64 *id)
{
	(void)base;
	*id = 0; /* nobody asks: the tables are read whole */
	return SQLITE_OK;
}

int store_put_register(struct store *st)
{
	static const sqlite3_module events = {
		.xConnect = events_connect,
		.xBestIndex = best_index,
		.xDisconnect = disconnect,
		.xOpen = open_cursor,
		.xClose = close_cursor,
		.xFilter = events_filter,
		.xNext = events_next,
		.xEof = at_end,
		.xColumn = events_column,
		.xRowid = row_id,
	};
	static const sqlite3_module deliveries = {
		.xConnect = deliveries_connect,
		.xBestIndex = best_index,
		.xDisconnect = disconnect,
		.xOpen = open_cursor,
		.xClose = close_cursor,
		.xFilter = deliveries_filter,
		.xNext = deliveries_next,
		.xEof = at_end,
		.xColumn = deliveries_column,
		.xRowid = row_id,
	};

	int rc = sqlite3_create_module(st->db, "put_events", &events, st);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_module(st->db, "put_deliveries", &deliveries, st);
	return rc;
}

/* ---- the operation ---- */

/* What is stored under a put's key. */
struct there {
	int64_t event; /* 0: nothing */
	bool equal;    /* its payload is the put's */
	bool summed;   /* its checksum is */
};

static int find_event(struct store *st, const struct store_put *p, struct there *there)
{
	const struct event *ev = p->event;
	sqlite3_stmt *s = st->sql[SQL_EVENT_FIND];
	int rc = SQLITE_OK;

	*there = (struct there){0};
	store_bind_int(s, 1, ev->source_id, &rc);
	store_bind_text(s, 2, ev->idempotency_key, &rc);
	store_bind_blob(s, 3, ev->payload, ev->payload_len, &rc);
	store_bind_int(s, 4, p->checksum, &rc);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(s);
	if (rc == SQLITE_ROW) {
		there->event = sqlite3_column_int64(s, 0);
		there->equal = sqlite3_column_int(s, 1) == 1;
		there->summed = sqlite3_column_int(s, 2) == 1;
	}
	store_reset(s);
	return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* The sender has sent again what the disk had changed. */
static int mend(struct store *st, struct store_put *p, struct there *there)
{
	sqlite3_stmt *s = st->sql[SQL_EVENT_MEND];
	int rc = SQLITE_OK;

	store_bind_int(s, 1, there->event, &rc);
	store_bind_blob(s, 2, p->event->payload, p->event->payload_len, &rc);
	store_bind_int(s, 3, p->checksum, &rc);
	rc = store_step(s, rc);
	p->mended = rc == SQLITE_OK && sqlite3_changes(st->db) == 1;
	there->equal |= p->mended;
	return rc;
}

/* Not inserted: its key was there before, or there is no room. What is stored
 * already needs none, so that is asked first. */
static int settle_refused(struct store *st, struct store_put *p, struct store_delta *delta)
{
	struct there there;

	int rc = find_event(st, p, &there);
	if (rc == SQLITE_OK && there.event != 0 && there.equal != there.summed)
		rc = mend(st, p, &there);
	if (rc != SQLITE_OK)
		return rc;
	p->event_id = there.event;
	if (p->event_id == 0) {
		p->op.result = STORE_FULL;
		return SQLITE_OK;
	}
	p->op.result = STORE_DUPLICATE;
	p->conflict = !there.equal;
	delta->duplicates++;
	sqlite3_stmt *s = st->sql[there.equal ? SQL_EVENT_DUPLICATE : SQL_EVENT_CONFLICT];
	store_bind_int(s, 1, p->event_id, &rc);
	return store_step(s, rc);
}

/* The deliveries of a run have ids without a gap, in the order of the rows. */
static int join_orders(struct store *st, struct store_op *first)
{
	int64_t id = sqlite3_last_insert_rowid(st->db) - (int64_t)st->put_deliveries;
	int rc = SQLITE_OK;

	if (st->ordered_count == 0)
		return rc;
	for (const struct store_put *p = put_of(first); p != NULL; p = put_of(p->op.next)) {
		for (size_t i = 0; p->event_id != 0 && i < p->hook_count && rc == SQLITE_OK; i++)
			rc = store_order_join(st, p->hooks[i], ++id);
	}
	return rc;
}

int store_put_run(
	struct store *st, struct store_op *first, struct store_op **rest, struct store_delta *delta)
{
	st->put_first = first;
	st->put_delta = delta;
	st->put_deliveries = 0;
	/* So that an event's id is never taken for what was inserted before it. */
	sqlite3_set_last_insert_rowid(st->db, 0);
	int rc = store_step(st->sql[SQL_EVENTS_INSERT], SQLITE_OK);
	if (rc == SQLITE_OK && st->put_deliveries > 0)
		rc = store_step(st->sql[SQL_DELIVERIES_INSERT], rc);
	if (rc == SQLITE_OK && st->put_deliveries > 0)
		rc = join_orders(st, first);
	*rest = first;
	for (struct store_put *p; (p = put_of(*rest)) != NULL; *rest = p->op.next) {
		if (rc == SQLITE_OK && p->event_id == 0)
			rc = settle_refused(st, p, delta);
	}
	return rc;
}
