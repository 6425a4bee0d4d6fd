/* store/query/report.c - sums and lists over a period. */
#include "store/report.h"
#include "reader.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The events of one source and type, summed up as they are read: GROUP BY would sort them all
 * first. */
struct kind {
	int64_t events, quarantined, duplicates;
	const char *source;
	const char *type; /* NULL: none; both texts follow the struct in memory */
};

struct kinds {
	void *tree; /* of struct kind, for tsearch */
	size_t count;
	size_t limit;
	struct kind rest;
	bool no_memory;
	store_report_type_seen *seen;
	void *arg;
};

static int kind_compare(const void *left, const void *right)
{
	const struct kind *a = left;
	const struct kind *b = right;
	int order = strcmp(a->source, b->source);

	if (order != 0)
		return order;
	if (a->type == NULL || b->type == NULL)
		return (a->type != NULL) - (b->type != NULL);
	return strcmp(a->type, b->type);
}

static struct kind *kind_new(const struct kind *like)
{
	size_t source_size = strlen(like->source) + 1;
	size_t type_size = like->type != NULL ? strlen(like->type) + 1 : 0;
	struct kind *k = calloc(1, sizeof(*k) + source_size + type_size);

	if (k == NULL)
		return NULL;
	char *text = (char *)(k + 1);
	memcpy(text, like->source, source_size);
	k->source = text;
	if (like->type != NULL) {
		memcpy(text + source_size, like->type, type_size);
		k->type = text + source_size;
	}
	return k;
}

/* NULL: out of memory. */
static struct kind *kind_of(struct kinds *all, const struct kind *like)
{
	void *node = tfind(like, &all->tree, kind_compare);

	if (node != NULL)
		return *(struct kind **)node;
	if (all->count == all->limit)
		return &all->rest;
	struct kind *k = kind_new(like);
	if (k == NULL || tsearch(k, &all->tree, kind_compare) == NULL) {
		free(k);
		return NULL;
	}
	all->count++;
	return k;
}

static void kind_add(const struct store_row *row, void *to)
{
	struct kinds *all = to;
	struct kind like = {
		.source = store_row_string(row, 0),
		.type = store_row_text(row, 1),
	};

	struct kind *k = kind_of(all, &like);
	if (k == NULL) {
		all->no_memory = true;
		return;
	}
	k->events++;
	k->quarantined += store_row_number(row, 2);
	k->duplicates += store_row_number(row, 3);
}

static void kind_report(const struct kinds *all, const struct kind *k)
{
	struct store_report_type out = {
		.source = k->source,
		.type = k->type,
		.rest = k == &all->rest,
		.events = k->events,
		.quarantined = k->quarantined,
		.duplicates = k->duplicates,
	};

	all->seen(all->arg, &out);
}

static void kind_visit(const void *node, VISIT visit, void *to)
{
	if (visit == postorder || visit == leaf) /* in order */
		kind_report(to, *(struct kind *const *)node);
}

bool store_report_types(struct store_reader *r, int64_t from, int64_t to, size_t limit,
	store_report_type_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct kinds all = {.limit = limit, .rest.source = "", .seen = seen, .arg = arg};
	const struct store_value values[] = {{.number = from}, {.number = to}};

	bool ok = store_query(r, QUERY_REPORT_TYPES, values, 2, kind_add, &all, why);
	if (ok && all.no_memory) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		ok = false;
	}
	if (ok) {
		twalk_r(all.tree, kind_visit, &all);
		if (all.rest.events > 0)
			kind_report(&all, &all.rest);
	}
	tdestroy(all.tree, free);
	return ok;
}

struct hook_to {
	store_report_hook_seen *seen;
	void *arg;
};

static void hook_row(const struct store_row *row, void *to)
{
	const struct hook_to *h = to;
	struct store_report_hook out = {
		.hook = store_row_string(row, 0),
		.done = store_row_number(row, 1),
		.dead = store_row_number(row, 2),
		.skipped = store_row_number(row, 3),
		.ready = store_row_number(row, 4),
		.running = store_row_number(row, 5),
		.dead_now = store_row_number(row, 6),
	};

	if (out.done + out.dead + out.skipped + out.ready + out.running + out.dead_now > 0)
		h->seen(h->arg, &out);
}

bool store_report_hooks(struct store_reader *r, int64_t from, int64_t to,
	store_report_hook_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.number = from}, {.number = to}};
	struct hook_to hook_to = {seen, arg};

	return store_query(r, QUERY_REPORT_HOOKS, values, 2, hook_row, &hook_to, why);
}

struct dead_to {
	store_report_dead_seen *seen;
	void *arg;
};

static void dead_row(const struct store_row *row, void *to)
{
	const struct dead_to *d = to;
	struct store_report_dead out = {
		.delivery = store_row_number(row, 0),
		.event = store_row_number(row, 1),
		.source = store_row_string(row, 2),
		.type = store_row_text(row, 3),
		.hook = store_row_string(row, 4),
		.attempts = store_row_number(row, 5),
		.message = store_row_string(row, 6),
		.ended_at = store_row_number(row, 7),
	};

	d->seen(d->arg, &out);
}

bool store_report_dead(struct store_reader *r, unsigned limit, store_report_dead_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = limit};
	struct dead_to to = {seen, arg};

	return store_query(r, QUERY_REPORT_DEAD, &value, 1, dead_row, &to, why);
}

struct numbers_to {
	int64_t *numbers[2];
	size_t count;
};

static void numbers_row(const struct store_row *row, void *to)
{
	const struct numbers_to *n = to;

	for (size_t i = 0; i < n->count; i++)
		*n->numbers[i] = store_row_number(row, (int)i);
}

/* The one or two numbers of the only row; 0 without a row. */
static bool query_numbers(struct store_reader *r, enum store_query query,
	const struct store_value *values, size_t count, int64_t *first, int64_t *second,
	char why[STORE_READ_WHY])
{
	struct numbers_to to = {{first, second}, second != NULL ? 2 : 1};

	*first = 0;
	if (second != NULL)
		*second = 0;
	return store_query(r, query, values, count, numbers_row, &to, why);
}

bool store_report_waiting(
	struct store_reader *r, const char *hook, int64_t *waiting, char why[STORE_READ_WHY])
{
	const struct store_value value = {.text = hook};

	*waiting = 0;
	return query_numbers(r, QUERY_REPORT_WAITING, &value, 1, waiting, NULL, why);
}

bool store_report_deaths(struct store_reader *r, int64_t from, int64_t to, int64_t *dead,
	int64_t *died, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.number = from}, {.number = to}};

	return query_numbers(r, QUERY_REPORT_DEATHS, values, 2, dead, died, why);
}

struct payload_to {
	store_report_payload_seen *seen;
	void *arg;
};

static void payload_row(const struct store_row *row, void *to)
{
	const struct payload_to *p = to;
	struct store_report_payload out = {
		.event = store_row_number(row, 0),
		.source = store_row_string(row, 1),
		.type = store_row_string(row, 2),
		.received_at = store_row_number(row, 3),
		.damaged = store_row_is_damaged(row, 4, 5),
	};

	out.payload = store_row_bytes(row, 4, &out.payload_len);
	if (out.payload == NULL)
		out.payload = "";
	p->seen(p->arg, &out);
}

bool store_report_payloads(struct store_reader *r, const char *type, int64_t from, int64_t to,
	unsigned limit, store_report_payload_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {
		{.text = type}, {.number = from}, {.number = to}, {.number = limit}};
	struct payload_to payload_to = {seen, arg};

	return store_query(r, QUERY_REPORT_PAYLOADS, values, 4, payload_row, &payload_to, why);
}

struct entity_to {
	store_report_entity_seen *seen;
	void *arg;
};

static void entity_row(const struct store_row *row, void *to)
{
	const struct entity_to *e = to;
	struct store_report_entity out = {
		.event = store_row_number(row, 0),
		.source = store_row_string(row, 1),
		.kind = store_row_string(row, 2),
		.id = store_row_string(row, 3),
	};

	e->seen(e->arg, &out);
}

bool store_report_entities(struct store_reader *r, int64_t from, int64_t to,
	store_report_entity_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.number = from}, {.number = to}};
	struct entity_to entity_to = {seen, arg};

	return store_query(
		r, QUERY_REPORT_ENTITIES, STORE_VALUES(values), entity_row, &entity_to, why);
}

bool store_report_entity(struct store_reader *r, const struct store_report_entity *entity,
	unsigned limit, store_report_payload_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = entity->source},
		{.text = entity->kind, .null = entity->kind[0] == '\0'}, {.text = entity->id},
		{.number = limit}};
	struct payload_to payload_to = {seen, arg};

	return store_query(
		r, QUERY_REPORT_ENTITY, STORE_VALUES(values), payload_row, &payload_to, why);
}

bool store_report_last(struct store_reader *r, const char *source, int64_t since,
	int64_t *received_at, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.number = since}};

	return query_numbers(r, QUERY_REPORT_LAST, values, 2, received_at, NULL, why);
}

bool store_report_came(struct store_reader *r, const char *source, int64_t from, int64_t to,
	bool *came, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.number = from}, {.number = to}};
	int64_t found = 0;

	bool ok = query_numbers(r, QUERY_REPORT_CAME, values, 3, &found, NULL, why);
	*came = found == 1;
	return ok;
}

bool store_report_first(struct store_reader *r, int64_t *received_at, char why[STORE_READ_WHY])
{
	return query_numbers(r, QUERY_REPORT_FIRST, NULL, 0, received_at, NULL, why);
}

static void key_row(const struct store_row *row, void *to)
{
	const char *key = store_row_text(row, 0);

	*(char **)to = key != NULL ? strdup(key) : NULL;
}

bool store_report_last_key(struct store_reader *r, const char *source, const char *prefix,
	char **key, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.text = prefix}};

	*key = NULL;
	return store_query(r, QUERY_REPORT_LAST_KEY, STORE_VALUES(values), key_row, key, why);
}

bool store_report_has(struct store_reader *r, const char *source, const char *idempotency_key,
	const char *state_key, bool *has, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.text = idempotency_key},
		{.text = state_key, .null = state_key == NULL}};
	int64_t found = 0;

	bool ok = query_numbers(r, QUERY_REPORT_HAS, values, 3, &found, NULL, why);
	*has = found == 1;
	return ok;
}
