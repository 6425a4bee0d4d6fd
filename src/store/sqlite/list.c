/* store/sqlite/list.c - lists by a filter. Each is found through an index that has the list's
 * order: no SELECT here sorts, so that the first page of a large store is as quick as that of a
 * small one. */
#include "base/buf.h"
#include "db.h"
#include "session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The parameters: those of the filter, then the types that match the filter's glob. */
enum parameter {
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
	ORIGIN,
	STATE,
	WAS,
	FIRST_TYPE
};

#define TYPES_MAX 100 /* found through their index; with more, all events are read */

/* The index that leads to the events. */
enum way { BY_ID, BY_TIME, BY_ENTITY, BY_TYPE };

struct list {
	struct store_session *session;
	const struct store_filter *filter;
	enum way way;
	const struct small_state *small; /* NULL: no state, or one without an index */
	const char *order;               /* "DESC" or "ASC" */
	char *types[TYPES_MAX];
	size_t type_count;
	bool many_types, no_memory;
	struct buf sql;
};

/* The states that have an index of their own. */
static const struct small_state {
	const char *state, *where, *also; /* also: for a second SELECT; or NULL */
} small_states[] = {
	{"READY", "state = 'READY' AND blocked_by IS NULL", "blocked_by IS NOT NULL"},
	{"RUNNING", "state = 'RUNNING'", NULL},
	{"DEAD", "state = 'DEAD' AND replayed_by IS NULL", NULL},
	{"SKIPPED",
		"state = 'SKIPPED' AND ended_at IS NOT NULL"
		" AND hook_id IN (SELECT id FROM hooks)",
		NULL},
};

/* NULL: that state has none. */
static const struct small_state *find_small_state(const char *state)
{
	for (size_t i = 0; state != NULL && i < sizeof(small_states) / sizeof(small_states[0]); i++)
		if (strcmp(state, small_states[i].state) == 0)
			return &small_states[i];
	return NULL;
}

static void type_row(const struct store_row *row, void *to)
{
	struct list *q = to;

	if (q->type_count == TYPES_MAX) {
		q->many_types = true;
		return;
	}
	q->types[q->type_count] = strdup(store_row_string(row, 0));
	if (q->types[q->type_count] != NULL)
		q->type_count++;
	else
		q->no_memory = true;
}

/* The types in use that match the glob. */
static bool find_types(struct list *q)
{
	const struct store_value glob = {.text = q->filter->type};
	bool good = store_select_sql(q->session,
		STORE_TYPES_SQL "SELECT type FROM t WHERE type GLOB ?1", &glob, 1, type_row, q);

	if (q->no_memory)
		q->session->no_memory = true;
	return good && !q->no_memory;
}

/* Chooses the index. */
static bool list_begin(struct list *q)
{
	const struct store_filter *f = q->filter;

	q->order = f->oldest_first ? "ASC" : "DESC";
	q->small = find_small_state(f->state);
	if (f->after != 0 || (q->small != NULL && f->entity_id == NULL))
		q->way = BY_ID; /* few are that new, or in that state */
	else if (f->entity_id != NULL)
		q->way = BY_ENTITY;
	else if (f->type != NULL && f->source == NULL) {
		if (!find_types(q))
			return false;
		q->way = q->many_types ? BY_TIME : BY_TYPE;
	} else if (f->since != 0 || f->until != 0 || f->source != NULL)
		q->way = BY_TIME;
	return true;
}

static void list_free(struct list *q)
{
	for (size_t i = 0; i < q->type_count; i++)
		free(q->types[i]);
	buf_free(&q->sql);
}

/* The events of some types in order of arrival: the index has each type's in that order, and
 * SQLite merges them as it goes. */
static void add_events(struct list *q)
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

/* The filter's conditions on events. A + keeps the planner from using that column's index,
 * which would make it sort all rows. */
static void add_event_conditions(struct list *q)
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
	if (f->origin != NULL)
		buf_printf(sql, " AND e.origin = ?%d", ORIGIN);
	if (f->origin != NULL && f->source == NULL)
		buf_add_text(sql, " AND +e.source_id IS NOT (SELECT id FROM sources"
				  " WHERE name = 'hookd')");
	if (f->quarantined_only)
		buf_add_text(sql, " AND e.quarantined IS NOT NULL");
}

static void add_bounds(struct list *q, char of)
{
	buf_printf(&q->sql, " WHERE %c.id < ?%d", of, BEFORE);
	if (q->filter->after != 0)
		buf_printf(&q->sql, " AND %c.id > ?%d", of, AFTER);
}

/* " AND x.id IN (…)": the deliveries in such a state, or their events. */
static void add_small_state(
	struct list *q, const struct small_state *small, const char *of, const char *column)
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

static void add_state_and_hook(struct list *q)
{
	if (q->filter->hook != NULL)
		buf_printf(
			&q->sql, " AND +d.hook_id = (SELECT id FROM hooks WHERE name = ?%d)", HOOK);
	if (q->filter->state != NULL)
		buf_printf(&q->sql, " AND +d.state = ?%d", STATE);
}

/* BY_TYPE is in order already, see add_events: with an ORDER BY it would be sorted. */
static void add_order(struct list *q, bool deliveries)
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

static bool list_run(struct list *q, store_row_seen *seen, void *to)
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
		[ORIGIN] = {.text = f->origin},
		[STATE] = {.text = f->state},
		[WAS] = {.text = f->was},
	};

	for (size_t i = 0; i < q->type_count; i++)
		values[FIRST_TYPE + i].text = q->types[i];
	if (buf_ok(&q->sql))
		return store_select_sql(q->session, q->sql.data, values + 1,
			FIRST_TYPE + q->type_count - 1, seen, to);
	q->session->no_memory = true;
	return false;
}

static void add_event_list(struct list *q)
{
	buf_printf(&q->sql, "SELECT " STORE_EVENT_COLUMNS "%s FROM ",
		q->filter->payloads ? STORE_EVENT_PAYLOAD : "");
	add_events(q);
	buf_add_text(&q->sql, " CROSS JOIN sources s ON s.id = e.source_id");
	add_bounds(q, 'e');
	add_event_conditions(q);
	if (q->small != NULL) {
		add_small_state(q, q->small, "e", "event_id");
	} else if (q->filter->state != NULL || q->filter->hook != NULL) {
		buf_add_text(
			&q->sql, " AND EXISTS (SELECT 1 FROM deliveries d WHERE d.event_id = e.id");
		add_state_and_hook(q);
		buf_add_char(&q->sql, ')');
	}
	add_order(q, false);
}

static void add_entity_list(struct list *q)
{
	buf_add_text(&q->sql, "SELECT " STORE_EVENT_COLUMNS " FROM ");
	add_events(q);
	buf_add_text(&q->sql, " CROSS JOIN sources s ON s.id = e.source_id");
	add_bounds(q, 'e');
	add_event_conditions(q);
	buf_printf(&q->sql,
		" AND +e.entity_kind = ?%d AND e.entity_id IS NOT NULL"
		" AND NOT EXISTS (SELECT 1 FROM events l WHERE l.entity_id = e.entity_id"
		" AND l.entity_kind = e.entity_kind AND l.source_id = e.source_id"
		" AND l.id > e.id AND +l.type GLOB ?%d)",
		ENTITY_KIND, TYPE);
	if (q->filter->was != NULL) /* a _ in it stands for any character, which does no harm */
		buf_printf(&q->sql,
			" AND EXISTS (SELECT 1 FROM events w WHERE w.entity_id = e.entity_id"
			" AND w.entity_kind = e.entity_kind AND w.source_id = e.source_id"
			" AND '.' || w.type LIKE '%%.' || ?%d)",
			WAS);
	add_order(q, false);
}

static void add_delivery_list(struct list *q)
{
	buf_add_text(&q->sql, STORE_LISTED_SQL);
	if (q->way == BY_ID) {
		buf_add_text(&q->sql, "deliveries d CROSS JOIN events e ON e.id = d.event_id");
	} else {
		add_events(q);
		buf_add_text(&q->sql, " CROSS JOIN deliveries d ON d.event_id = e.id");
	}
	buf_add_text(&q->sql, " CROSS JOIN hooks h ON h.id = d.hook_id"
			      " CROSS JOIN sources s ON s.id = e.source_id");
	add_bounds(q, 'd');
	add_event_conditions(q);
	if (q->small != NULL)
		add_small_state(q, q->small, q->way == BY_ID ? "d" : "+d", "id");
	else
		add_state_and_hook(q);
	add_order(q, true);
}

bool store_list(struct store_session *s, enum store_list list, const struct store_filter *filter,
	store_row_seen *seen, void *to)
{
	static void (*const add[])(struct list * q) = {
		[STORE_LIST_EVENTS] = add_event_list,
		[STORE_LIST_ENTITIES] = add_entity_list,
		[STORE_LIST_DELIVERIES] = add_delivery_list,
	};
	struct list q = {.session = s, .filter = filter};

	bool good = list_begin(&q);
	if (good) {
		add[list](&q);
		good = list_run(&q, seen, to);
	}
	list_free(&q);
	return good;
}

/* Spelled out, so that the planner may use the state's partial index. */
static const char *const changeable[] = {
	[STORE_CHANGE_ENDED] = "d.replayed_by IS NULL AND d.state IN ('DONE', 'DEAD', 'SKIPPED')",
	[STORE_CHANGE_DONE] = "d.replayed_by IS NULL AND d.state = 'DONE'",
	[STORE_CHANGE_DEAD] = "d.replayed_by IS NULL AND d.state = 'DEAD'",
	[STORE_CHANGE_SKIPPED] = "d.replayed_by IS NULL AND d.state = 'SKIPPED'",
	[STORE_CHANGE_WAITING] =
		"((d.state = 'READY' AND d.blocked_by IS NULL) OR d.blocked_by IS NOT NULL)",
};

static bool select_changeable(struct store_session *s, const struct store_change_filter *filter,
	const struct store_part *part, const char *columns, store_row_seen *seen, void *to)
{
	char sql[768];
	const struct store_value values[] = {
		{.number = filter->event},
		{.text = filter->hook},
		{.number = filter->since},
		{.number = part != NULL ? part->from : 0},
		{.number = part != NULL ? part->to : 0},
		store_value_text(part != NULL ? part->ids : NULL),
	};

	(void)snprintf(sql, sizeof(sql), "SELECT %s FROM deliveries d%s WHERE %s%s%s%s%s%s%s",
		columns, part != NULL ? " NOT INDEXED CROSS JOIN hooks h ON h.id = d.hook_id" : "",
		changeable[filter->set], filter->event != 0 ? " AND d.event_id = ?1" : "",
		filter->hook != NULL ? " AND d.hook_id = (SELECT id FROM hooks WHERE name = ?2)"
				     : "",
		filter->since != 0 ? " AND d.ended_at >= ?3" : "",
		part != NULL ? " AND d.id BETWEEN ?4 AND ?5" : "",
		part != NULL && part->ids != NULL ? " AND d.id IN (SELECT value FROM json_each(?6))"
						  : "",
		part == NULL ? " ORDER BY d.id" : "");
	return store_select_sql(s, sql, values, part != NULL ? 6 : 3, seen, to);
}

bool store_list_changeable(struct store_session *s, const struct store_change_filter *filter,
	const struct store_part *part, store_row_seen *seen, void *to)
{
	return select_changeable(s, filter, part,
		filter->set == STORE_CHANGE_WAITING
			? "d.id, d.event_id, h.name, d.state, coalesce((SELECT max(a.ended_at)"
			  " FROM attempts a WHERE a.delivery_id = d.id), 0)"
			: "d.id, d.event_id, h.name, d.state, coalesce(d.ended_at, 0)",
		seen, to);
}

bool store_list_changeable_ids(struct store_session *s, const struct store_change_filter *filter,
	store_row_seen *seen, void *to)
{
	return select_changeable(s, filter, NULL, "d.id", seen, to);
}
