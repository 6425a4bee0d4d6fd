/* store/sqlite/put_table.c - a run of puts as two virtual tables, from which the INSERTs of
 * put.c read their rows:
 *
 *   put_events      a row for each put that the backlog has room for
 *   put_deliveries  a row for each hook of each put whose event was inserted
 *
 * SQLite asks for a row only after the one before it is inserted: then the id of the last insert
 * shows whether that row was inserted or its key existed already. */
#include "base/clock.h"
#include "db.h"
#include "put.h"

#include <sqlite3.h>

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
	EVENT_STATE,
};

enum delivery_column {
	DELIVERY_EVENT,
	DELIVERY_HOOK,
	DELIVERY_STATE,
	DELIVERY_DUE,
	DELIVERY_REASON,
	DELIVERY_ENDED,
};

static const char events_columns[] =
	"CREATE TABLE put_events(source_id, idempotency_key, provider_event_id, type, entity_kind,"
	" entity_id, received_at, occurred_at, origin, remote_addr, quarantined, payload,"
	" declined, checksum, state_key)";
static const char deliveries_columns[] = "CREATE TABLE put_deliveries(event_id, hook_id, state,"
					 " due_at, reason, ended_at)";

struct put_table {
	sqlite3_vtab base; /* first: SQLite's part */
	struct store_db *db;
};

struct put_cursor {
	sqlite3_vtab_cursor base; /* first: SQLite's part */
	struct store_db *db;
	struct store_put *put; /* the current row's; NULL: no more rows */
	int64_t last;          /* put_events: the id of the last event inserted */
	size_t hook; /* put_deliveries: the current row's, an index into the put's hooks */
	int64_t now; /* put_deliveries: unix ms */
};

/* ---- put_events ---- */

/* An event with more hooks than the backlog has room for is taken while nothing waits: otherwise it
 * would be refused for ever. */
static bool has_room(const struct store_db *db, const struct store_put *p)
{
	int64_t waiting = db->group->waiting + db->delta->waiting;

	return p->hook_count == 0 || p->skip != NULL || waiting == 0 ||
	       waiting + (int64_t)p->hook_count <= (int64_t)db->group->backlog;
}

static void events_seek(struct put_cursor *c, struct store_op *op)
{
	c->put = store_put_of(op);
	while (c->put != NULL && !has_room(c->db, c->put))
		c->put = store_put_of(c->put->op.next);
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
	events_seek(c, c->db->put_first);
	return SQLITE_OK;
}

/* The current row was inserted, or left out as a duplicate. */
static int events_next(sqlite3_vtab_cursor *base)
{
	struct put_cursor *c = (struct put_cursor *)base;
	struct store_delta *delta = c->db->delta;
	struct store_put *p = c->put;
	int64_t id = sqlite3_last_insert_rowid(c->db->sqlite);

	if (id != c->last) {
		c->last = id;
		p->event_id = id;
		delta->stored++;
		delta->quarantined += p->event->quarantined != NULL;
		if (p->skip == NULL) {
			delta->waiting += (int64_t)p->hook_count;
			delta->ready |= p->hook_count > 0;
		}
		c->db->put_deliveries += p->hook_count;
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
	case EVENT_PAYLOAD: /* a null pointer would mean NULL, not an empty blob */
		sqlite3_result_blob64(out, ev->payload_len > 0 ? ev->payload : "", ev->payload_len,
			SQLITE_STATIC);
		break;
	case EVENT_DECLINED:
		result_text(out, p->declined);
		break;
	case EVENT_CHECKSUM:
		sqlite3_result_int64(out, p->checksum);
		break;
	case EVENT_STATE:
		result_text(out, ev->state_key);
		break;
	}
	return SQLITE_OK;
}

/* ---- put_deliveries ---- */

static void deliveries_seek(struct put_cursor *c, struct store_op *op)
{
	c->put = store_put_of(op);
	while (c->put != NULL && (c->put->event_id == 0 || c->put->hook_count == 0))
		c->put = store_put_of(c->put->op.next);
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
	c->now = clock_wall();
	deliveries_seek(c, c->db->put_first);
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
	case DELIVERY_STATE:
		result_text(out,
			delivery_state_text(p->skip != NULL ? DELIVERY_SKIPPED : DELIVERY_READY));
		break;
	case DELIVERY_REASON:
		result_text(out, p->skip);
		break;
	case DELIVERY_ENDED:
		if (p->skip != NULL)
			sqlite3_result_int64(out, c->now);
		break;
	case DELIVERY_DUE: /* at once, even if the clock has been set back meanwhile */
		sqlite3_result_int64(
			out, p->event->received_at < c->now ? p->event->received_at : c->now);
		break;
	}
	return SQLITE_OK;
}

/* ---- both tables ---- */

static int declare(sqlite3 *sqlite, struct store_db *db, const char *columns, sqlite3_vtab **out)
{
	struct put_table *table = sqlite3_malloc(sizeof(*table));
	int rc = table != NULL ? sqlite3_declare_vtab(sqlite, columns) : SQLITE_NOMEM;

	if (rc != SQLITE_OK) {
		sqlite3_free(table);
		return rc;
	}
	*table = (struct put_table){.db = db};
	*out = &table->base;
	return SQLITE_OK;
}

static int events_connect(sqlite3 *sqlite, void *db, int argc, const char *const *argv,
	sqlite3_vtab **out, char **error)
{
	(void)argc;
	(void)argv;
	(void)error;
	return declare(sqlite, db, events_columns, out);
}

static int deliveries_connect(sqlite3 *sqlite, void *db, int argc, const char *const *argv,
	sqlite3_vtab **out, char **error)
{
	(void)argc;
	(void)argv;
	(void)error;
	return declare(sqlite, db, deliveries_columns, out);
}

static int disconnect(sqlite3_vtab *base)
{
	sqlite3_free(base);
	return SQLITE_OK;
}

/* There is one way to read a table: from the first row to the last. */
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
	*c = (struct put_cursor){.db = ((struct put_table *)base)->db};
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
	*id = 0; /* not used: the tables are read from start to end */
	return SQLITE_OK;
}

int store_put_register(struct store_db *db)
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

	int rc = sqlite3_create_module(db->sqlite, "put_events", &events, db);
	if (rc == SQLITE_OK)
		rc = sqlite3_create_module(db->sqlite, "put_deliveries", &deliveries, db);
	return rc;
}
