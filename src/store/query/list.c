/* store/query/list.c - lists of events, entities and deliveries by a filter. */
#include "reader.h"

#include <stdio.h>

static bool query_list(struct store_reader *r, enum store_list list,
	const struct store_filter *filter, store_row_seen *seen, void *to, char why[STORE_READ_WHY])
{
	if (!r->engine->begin(r->session, why))
		return false;
	bool good = r->engine->list(r->session, list, filter, seen, to);
	return r->engine->end(r->session, good, why);
}

bool store_read_events(struct store_reader *r, const struct store_filter *filter,
	store_event_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct store_event_to to = {seen, arg, filter->payloads};

	return query_list(r, STORE_LIST_EVENTS, filter, store_event_row, &to, why);
}

bool store_list_entities(struct store_reader *r, const char *kind,
	const struct store_filter *filter, store_event_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	struct store_event_to to = {seen, arg, false};
	struct store_filter f = *filter;
	char types[EVENT_TYPE_MAX + 4];

	(void)snprintf(types, sizeof(types), "%s.*", kind);
	f.type = types;
	f.entity_kind = kind;
	return query_list(r, STORE_LIST_ENTITIES, &f, store_event_row, &to, why);
}

struct listed_to {
	store_listed_seen *seen;
	void *arg;
};

static void listed_row(const struct store_row *row, void *to)
{
	const struct listed_to *l = to;
	int i = STORE_DELIVERY_WIDTH;
	struct store_listed listed = {
		.delivery = store_delivery_row(row),
		.event = store_row_number(row, i),
		.ended_at = store_row_number(row, i + 1),
		.type = store_row_text(row, i + 2),
		.source = store_row_string(row, i + 3),
		.entity_kind = store_row_text(row, i + 4),
		.entity_id = store_row_text(row, i + 5),
		.message = store_row_string(row, i + 6),
	};

	l->seen(l->arg, &listed);
}

bool store_list_deliveries(struct store_reader *r, const struct store_filter *filter,
	store_listed_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct listed_to to = {seen, arg};

	return query_list(r, STORE_LIST_DELIVERIES, filter, listed_row, &to, why);
}

bool store_list_delivery(struct store_reader *r, int64_t id, store_listed_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	struct listed_to to = {seen, arg};
	const struct store_value value = {.number = id};

	return store_query(r, QUERY_DELIVERY, &value, 1, listed_row, &to, why);
}
