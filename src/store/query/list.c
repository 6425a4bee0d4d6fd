/* store/query/list.c - lists of events and deliveries by a filter, each found through an index
 * that gives the list's order: no SELECT here sorts, so that the first page of a large
 * store is as quick as that of a small one. */
#include "base/buf.h"
#include "reader.h"
#include "store/sqlite/db.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parameters: those of the filter, then the types that the filter's glob takes. */
enum value {
	BEFORE = 1,
	AFTER,
	TYPE,
	SOURCE,
	LIMIT,
	SKIP,
	HOOK,
	ENTITY_ID,
	ENTITY_KIND,
	SINCE,
	UNTIL,
	TEXT,
	STATE,
	FIRST_TYPE
};

#define TYPES_MAX 100 /* by an index of their own; with more of them all events are looked at */

/* Which index leads to the events. */
enum way { BY_ID, BY_TIME, BY_ENTITY, BY_TYPE };

struct query {
	const struct store_filter *filter;
	enum way way;
	const struct small_state *small; /* NULL: the filter's state is none, or another */
	const char *order;               /* "DESC" or "ASC" */
	char *types[TYPES_MAX];
	size_t type_count;
	bool many_types, no_memory;
	struct buf sql;
};

/* The states of which an index holds the deliveries that have them. */
static const struct small_state {
	const char *state, *where, *also; /* also: for a second SELECT, or NULL */
} small_states[] = {
	{"READY", "state = 'READY' AND behind IS NULL", "behind IS NOT NULL"},
	{"RUNNING", "state = 'RUNNING'", NULL},
	{"DEAD", "state = 'DEAD' AND replayed_by IS NULL", NULL},
	{"SKIPPED",
		"state = 'SKIPPED' AND ended_at IS NOT NULL"
		" AND hook_id IN (SELECT id FROM hooks)",
		NULL},
};

/* NULL: there is none for that state. */
static const struct small_state *small_state(const char *state)
{
	for (size_t i = 0; state != NULL && i < sizeof(small_states) / sizeof(small_states[0]); i++)
		if (strcmp(state, small_states[i].state) == 0)
			return &small_states[i];
	return NULL;
}

static void type_row(sqlite3_stmt *s, void *to)
{
	struct query *q = to;

	if (q->type_count == TYPES_MAX) {
		q->many_types = true;
		return;
	}
	q->types[q->type_count] = strdup(store_column_text(s, 0));
	if (q->types[q->type_count] != NULL)
		q->type_count++;
	else
		q->no_memory = true;
}

/* Which of the types that are there the glob takes: each is one step into the index,
 * however many events have it. */
static bool find_types(struct query *q, struct store_reader *r, char why[STORE_READ_WHY])
{
	const struct store_value glob = {.text = q->filter->type};
	bool good = store_look(r,
		"WITH RECURSIVE t(type) AS (SELECT min(type) FROM events UNION ALL"
		" SELECT (SELECT min(e.type) FROM events e WHERE e.type > t.type) FROM t"
		" WHERE t.type IS NOT NULL) SELECT type FROM t WHERE type GLOB ?1",
		&glob, 1, type_row, q, why);

	if (good && q->no_memory)
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
	return good && !q->no_memory;
}

static bool begin(struct query *q, struct store_reader *r, char why[STORE_READ_WHY])
{
	const struct store_filter *f = q->filter;

	q->order = f->oldest_first ? "ASC" : "DESC";
	q->small = small_state(f->state);
	if (f->after != 0 || (q->small != NULL && f->entity_id == NULL))
		q->way = BY_ID; /* few are that new, or in that state */
	else if (f->entity_id != NULL)
		q->way = BY_ENTITY;
	else if (f->type != NULL && f->source == NULL) {
		if (!find_types(q, r, why))
			return false;
		q->way = q->many_types ? BY_TIME : BY_TYPE;
	} else if (f->since != 0 || f->until != 0 || f->source != NULL)
		q->way = BY_TIME;
	return true;
}

static void end(struct query *q)
{
	for (size_t i = 0; i < q->type_count; i++)
		free(q->types[i]);
	buf_free(&q->sql);
}

/* The events of some types in the order of their arrival: each type's are so in the
 * index, and SQLite merges them as it goes. */
static void add_events(struct query *q)
{
	if (q->way != BY_TYPE) {
		buf_add_text(&q->sql, "events e");
		return;
	}
	buf_add_char(&q->sql, '(');
	for (size_t i = 0; i < q->type_count || i == 0; i++) {
		buf_printf(&q->sql,
			"%sSELECT received_at AS came, id AS found FROM events WHERE type = ?%zu",
			i > 0 ? " UNION ALL " : "", FIRST_TYPE + i);
		if (q->filter->since != 0)
			buf_printf(&q->sql, " AND received_at >= ?%d", SINCE);
		if (q->filter->until != 0)
			buf_printf(&q->sql, " AND received_at < ?%d", UNTIL);
	}
	buf_printf(&q->sql,
		" ORDER BY came %s, found %s LIMIT -1) t CROSS JOIN events e ON e.id = t.found",
		q->order, q->order);
}

/* What the filter says of events. With a + before what must not lead: the planner would
 * take its index and then sort all that it gives. */
static void add_event_conditions(struct query *q)
{
	const struct store_filter *f = q->filter;
	struct buf *sql = &q->sql;

	if (f->type != NULL && q->way != BY_TYPE)
		buf_printf(sql, " AND +e.type GLOB ?%d", TYPE);
	if (f->source != NULL)
		buf_printf(sql, " AND %se.source_id = (SELECT id FROM sources WHERE name = ?%d)",
			q->way == BY_TIME ? "" : "+", SOURCE);
	if (f->entity_id != NULL && f->entity_kind != NULL)
		buf_printf(sql,
			" AND e.id IN (SELECT id FROM events WHERE entity_id = ?%d"
			" AND entity_kind = ?%d)",
			ENTITY_ID, ENTITY_KIND);
	else if (f->entity_id != NULL)
		buf_printf(sql, " AND e.id IN (SELECT id FROM events WHERE entity_id = ?%d)",
			ENTITY_ID);
	if (f->since != 0)
		buf_printf(sql, " AND %se.received_at >= ?%d", q->way == BY_TIME ? "" : "+", SINCE);
	if (f->until != 0)
		buf_printf(sql, " AND %se.received_at < ?%d", q->way == BY_TIME ? "" : "+", UNTIL);
	if (f->text != NULL)
		buf_printf(sql, " AND instr(e.payload, CAST(?%d AS BLOB)) > 0", TEXT);
	if (f->quarantined_only)
		buf_add_text(sql, " AND e.quarantined IS NOT NULL");
}

static void add_bounds(struct query *q, char of)
{
	buf_printf(&q->sql, " WHERE %c.id < ?%d", of, BEFORE);
	if (q->filter->after != 0)
		buf_printf(&q->sql, " AND %c.id > ?%d", of, AFTER);
}

/* " AND x.id IN (…)": the deliveries of such a state, or their events. */
static void add_small_state(
	struct query *q, const struct small_state *small, const char *of, const char *column)
{
	char hook[64] = "";

	if (q->filter->hook != NULL)
		(void)snprintf(hook, sizeof(hook),
			" AND hook_id = (SELECT id FROM hooks WHERE name = ?%d)", HOOK);
	buf_printf(&q->sql, " AND %s.id IN (SELECT %s FROM deliveries WHERE %s%s", of, column,
		small->where, hook);
	if (small->also != NULL)
		buf_printf(&q->sql, " UNION ALL SELECT %s FROM deliveries WHERE %s%s", column,
			small->also, hook);
	buf_add_char(&q->sql, ')');
}

static void add_state_and_hook(struct query *q)
{
	if (q->filter->hook != NULL)
		buf_printf(
			&q->sql, " AND +d.hook_id = (SELECT id FROM hooks WHERE name = ?%d)", HOOK);
	if (q->filter->state != NULL)
		buf_printf(&q->sql, " AND +d.state = ?%d", STATE);
}

/* BY_TYPE has its order from within, see add_events: said again it would be sorted. */
static void add_order(struct query *q, bool deliveries)
{
	const char *also = deliveries ? ", d.id " : "", *order = deliveries ? q->order : "";

	if (q->way == BY_TIME)
		buf_printf(&q->sql, " ORDER BY e.received_at %s, e.id %s%s%s", q->order, q->order,
			also, order);
	else if (q->way == BY_ID && deliveries)
		buf_printf(&q->sql, " ORDER BY d.id %s", q->order);
	else if (q->way != BY_TYPE)
		buf_printf(&q->sql, " ORDER BY e.id %s%s%s", q->order, also, order);
	buf_printf(&q->sql, " LIMIT ?%d OFFSET ?%d", LIMIT, SKIP);
}

static bool run(struct query *q, struct store_reader *r, store_row_seen *see, void *to,
	char why[STORE_READ_WHY])
{
	const struct store_filter *f = q->filter;
	struct store_value values[FIRST_TYPE + TYPES_MAX] = {
		[BEFORE] = {.number = f->before != 0 ? f->before : INT64_MAX},
		[AFTER] = {.number = f->after},
		[TYPE] = {.text = f->type},
		[SOURCE] = {.text = f->source},
		[LIMIT] = {.number = f->limit},
		[SKIP] = {.number = f->skip},
		[HOOK] = {.text = f->hook},
		[ENTITY_ID] = {.text = f->entity_id},
		[ENTITY_KIND] = {.text = f->entity_kind},
		[SINCE] = {.number = f->since},
		[UNTIL] = {.number = f->until},
		[TEXT] = {.text = f->text},
		[STATE] = {.text = f->state},
	};

	for (size_t i = 0; i < q->type_count; i++)
		values[FIRST_TYPE + i].text = q->types[i];
	if (buf_ok(&q->sql))
		return store_look(
			r, q->sql.data, values + 1, FIRST_TYPE + q->type_count - 1, see, to, why);
	(void)snprintf(why, STORE_READ_WHY, "out of memory");
	return false;
}

bool store_read_events(struct store_reader *r, const struct store_filter *filter,
	store_event_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct store_event_to to = {seen, arg};
	struct query q = {.filter = filter};
	bool good = begin(&q, r, why);

	if (good) {
		buf_printf(&q.sql, "SELECT " STORE_EVENT_COLUMNS "%s FROM ",
			filter->payloads ? STORE_EVENT_REST : "");
		add_events(&q);
		buf_add_text(&q.sql, " CROSS JOIN sources s ON s.id = e.source_id");
		add_bounds(&q, 'e');
		add_event_conditions(&q);
		if (q.small != NULL) {
			add_small_state(&q, q.small, "e", "event_id");
		} else if (filter->state != NULL || filter->hook != NULL) {
			buf_add_text(&q.sql,
				" AND EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id");
			add_state_and_hook(&q);
			buf_add_char(&q.sql, ')');
		}
		add_order(&q, false);
		good = run(&q, r, store_event_row, &to, why);
	}
	end(&q);
	return good;
}

bool store_list_entities(struct store_reader *r, const char *kind,
	const struct store_filter *filter, store_event_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	struct store_event_to to = {seen, arg};
	struct store_filter f = *filter;
	struct query q = {.filter = &f};
	char types[EVENT_TYPE_MAX + 4];
	bool good;

	(void)snprintf(types, sizeof(types), "%s.*", kind);
	f.type = types;
	f.entity_kind = kind;
	good = begin(&q, r, why);
	if (good) {
		buf_add_text(&q.sql, "SELECT " STORE_EVENT_COLUMNS " FROM ");
		add_events(&q);
		buf_add_text(&q.sql, " CROSS JOIN sources s ON s.id = e.source_id");
		add_bounds(&q, 'e');
		add_event_conditions(&q);
		buf_printf(&q.sql,
			" AND +e.entity_kind = ?%d AND e.entity_id IS NOT NULL"
			" AND NOT EXISTS (SELECT 1 FROM events l WHERE l.entity_id = e.entity_id"
			" AND l.entity_kind = e.entity_kind AND l.source_id = e.source_id"
			" AND l.id > e.id AND +l.type GLOB ?%d)",
			ENTITY_KIND, TYPE);
		add_order(&q, false);
		good = run(&q, r, store_event_row, &to, why);
	}
	end(&q);
	return good;
}

#define LISTED                                                                                     \
	"SELECT " STORE_DELIVERY_COLUMNS ", d.event_id, d.ended_at, e.type, s.name,"               \
	" e.entity_kind, e.entity_id, (SELECT a.message FROM attempts a"                           \
	" WHERE a.delivery_id = d.id AND a.number = d.attempts) FROM "

struct listed_to {
	store_listed_seen *seen;
	void *arg;
};

static void listed_row(sqlite3_stmt *s, void *to)
{
	const struct listed_to *l = to;
	int i = STORE_DELIVERY_WIDTH;
	struct store_listed row = {
		.delivery = store_delivery_row(s),
		.event = sqlite3_column_int64(s, i),
		.ended_at = sqlite3_column_int64(s, i + 1),
		.type = (const char *)sqlite3_column_text(s, i + 2),
		.source = store_column_text(s, i + 3),
		.entity_kind = (const char *)sqlite3_column_text(s, i + 4),
		.entity_id = (const char *)sqlite3_column_text(s, i + 5),
		.message = store_column_text(s, i + 6),
	};

	l->seen(l->arg, &row);
}

bool store_list_deliveries(struct store_reader *r, const struct store_filter *filter,
	store_listed_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct listed_to to = {seen, arg};
	struct query q = {.filter = filter};
	bool good = begin(&q, r, why);

	if (good) {
		buf_add_text(&q.sql, LISTED);
		if (q.way == BY_ID) {
			buf_add_text(
				&q.sql, "deliveries d CROSS JOIN events e ON e.id = d.event_id");
		} else {
			add_events(&q);
			buf_add_text(&q.sql, " CROSS JOIN deliveries d ON d.event_id = e.id");
		}
		buf_add_text(&q.sql, " CROSS JOIN hooks h ON h.id = d.hook_id"
				     " CROSS JOIN sources s ON s.id = e.source_id");
		add_bounds(&q, 'd');
		add_event_conditions(&q);
		if (q.small != NULL)
			add_small_state(&q, q.small, q.way == BY_ID ? "d" : "+d", "id");
		else
			add_state_and_hook(&q);
		add_order(&q, true);
		good = run(&q, r, listed_row, &to, why);
	}
	end(&q);
	return good;
}

bool store_list_delivery(struct store_reader *r, int64_t id, store_listed_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	struct listed_to to = {seen, arg};
	const struct store_value value = {.number = id};

	return store_look(r,
		LISTED "deliveries d CROSS JOIN events e ON e.id = d.event_id"
		       " CROSS JOIN hooks h ON h.id = d.hook_id"
		       " CROSS JOIN sources s ON s.id = e.source_id WHERE d.id = ?1",
		&value, 1, listed_row, &to, why);
}

static void version_row(sqlite3_stmt *s, void *to)
{
	*(int64_t *)to = sqlite3_column_int64(s, 0);
}

bool store_read_version(struct store_reader *r, int64_t *version, char why[STORE_READ_WHY])
{
	*version = 0;
	return store_look(r, "PRAGMA data_version", NULL, 0, version_row, version, why);
}
