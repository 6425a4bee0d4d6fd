/* store/query/report.c - sums and lists over a stretch of time. */
#include "store/report.h"
#include "reader.h"
#include "store/sqlite/damage.h"
#include "store/sqlite/db.h"

#include <search.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_SOURCE "(SELECT id FROM sources WHERE name = 'hookd')"
#define OWN_HOOKS  "(SELECT id FROM hooks WHERE name GLOB 'hookd/*')"

/* The events of one source and type, summed up as they pass: GROUP BY would
 * first sort them all. */
struct kind {
	int64_t events, quarantined, duplicates;
	const char *source;
	const char *type; /* NULL: none; both texts lie behind the struct */
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

/* NULL: memory is short. */
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

static void kind_add(sqlite3_stmt *s, void *to)
{
	struct kinds *all = to;
	struct kind like = {
		.source = store_column_text(s, 0),
		.type = (const char *)sqlite3_column_text(s, 1),
	};

	struct kind *k = kind_of(all, &like);
	if (k == NULL) {
		all->no_memory = true;
		return;
	}
	k->events++;
	k->quarantined += sqlite3_column_int64(s, 2);
	k->duplicates += sqlite3_column_int64(s, 3);
}

static void kind_tell(const struct kinds *all, const struct kind *k)
{
	struct store_report_type row = {
		.source = k->source,
		.type = k->type,
		.rest = k == &all->rest,
		.events = k->events,
		.quarantined = k->quarantined,
		.duplicates = k->duplicates,
	};

	all->seen(all->arg, &row);
}

static void kind_visit(const void *node, VISIT visit, void *to)
{
	if (visit == postorder || visit == leaf) /* in between: in their order */
		kind_tell(to, *(struct kind *const *)node);
}

bool store_report_types(struct store_reader *r, int64_t from, int64_t to, size_t limit,
	store_report_type_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct kinds all = {.limit = limit, .rest.source = "", .seen = seen, .arg = arg};
	const struct store_value values[] = {{.number = from}, {.number = to}};

	bool ok = store_look(r,
		"SELECT s.name, e.type, e.quarantined IS NOT NULL, e.duplicates"
		" FROM events e CROSS JOIN sources s ON s.id = e.source_id"
		" WHERE e.received_at >= ?1 AND e.received_at < ?2"
		" AND +e.source_id IS NOT " OWN_SOURCE,
		values, 2, kind_add, &all, why);
	if (ok && all.no_memory) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		ok = false;
	}
	if (ok) {
		twalk_r(all.tree, kind_visit, &all);
		if (all.rest.events > 0)
			kind_tell(&all, &all.rest);
	}
	tdestroy(all.tree, free);
	return ok;
}

struct hook_to {
	store_report_hook_seen *seen;
	void *arg;
};

static void hook_row(sqlite3_stmt *s, void *to)
{
	const struct hook_to *h = to;
	struct store_report_hook row = {
		.hook = store_column_text(s, 0),
		.done = sqlite3_column_int64(s, 1),
		.dead = sqlite3_column_int64(s, 2),
		.skipped = sqlite3_column_int64(s, 3),
		.ready = sqlite3_column_int64(s, 4),
		.running = sqlite3_column_int64(s, 5),
		.dead_now = sqlite3_column_int64(s, 6),
	};

	if (row.done + row.dead + row.skipped + row.ready + row.running + row.dead_now > 0)
		h->seen(h->arg, &row);
}

#define ENDED(state)                                                                               \
	" (SELECT count(*) FROM deliveries WHERE hook_id = h.id AND state = '" state "'"           \
	" AND ended_at >= ?1 AND ended_at < ?2),"

bool store_report_hooks(struct store_reader *r, int64_t from, int64_t to,
	store_report_hook_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.number = from}, {.number = to}};
	struct hook_to hook_to = {seen, arg};

	return store_look(r,
		"SELECT h.name," ENDED("DONE") ENDED("DEAD") ENDED(
			"SKIPPED") " (SELECT count(*) FROM deliveries WHERE hook_id = h.id"
				   " AND state = 'READY' AND behind IS NULL)"
				   " + (SELECT count(*) FROM deliveries WHERE hook_id = h.id"
				   " AND behind IS NOT NULL),"
				   " (SELECT count(*) FROM deliveries WHERE hook_id = h.id"
				   " AND state = 'RUNNING'),"
				   " (SELECT count(*) FROM deliveries WHERE hook_id = h.id"
				   " AND state = 'DEAD' AND ended_at IS NOT NULL"
				   " AND replayed_by IS NULL)"
				   " FROM hooks h WHERE h.name NOT GLOB 'hookd/*' ORDER BY h.name",
		values, 2, hook_row, &hook_to, why);
}

struct dead_to {
	store_report_dead_seen *seen;
	void *arg;
};

static void dead_row(sqlite3_stmt *s, void *to)
{
	const struct dead_to *d = to;
	struct store_report_dead row = {
		.delivery = sqlite3_column_int64(s, 0),
		.event = sqlite3_column_int64(s, 1),
		.source = store_column_text(s, 2),
		.type = (const char *)sqlite3_column_text(s, 3),
		.hook = store_column_text(s, 4),
		.attempts = sqlite3_column_int64(s, 5),
		.message = store_column_text(s, 6),
		.ended_at = sqlite3_column_int64(s, 7),
	};

	d->seen(d->arg, &row);
}

bool store_report_dead(struct store_reader *r, unsigned limit, store_report_dead_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = limit};
	struct dead_to to = {seen, arg};

	/* The order is the index's. */
	return store_look(r,
		"SELECT d.id, d.event_id, s.name, e.type, h.name, d.attempts, a.message,"
		" d.ended_at FROM deliveries d"
		" CROSS JOIN hooks h ON h.id = d.hook_id"
		" CROSS JOIN events e ON e.id = d.event_id"
		" CROSS JOIN sources s ON s.id = e.source_id"
		" LEFT JOIN attempts a ON a.delivery_id = d.id AND a.number = d.attempts"
		" WHERE d.state = 'DEAD' AND d.replayed_by IS NULL AND d.hook_id NOT IN " OWN_HOOKS
		" ORDER BY d.ended_at DESC, d.hook_id DESC, d.id DESC LIMIT ?1",
		&value, 1, dead_row, &to, why);
}

struct numbers_to {
	int64_t *numbers[2];
	size_t count;
};

static void numbers_row(sqlite3_stmt *s, void *to)
{
	const struct numbers_to *n = to;

	for (size_t i = 0; i < n->count; i++)
		*n->numbers[i] = sqlite3_column_int64(s, (int)i);
}

/* The one or two numbers of a row; without a row they are 0. */
static bool look_numbers(struct store_reader *r, const char *sql, const struct store_value *values,
	size_t count, int64_t *first, int64_t *second, char why[STORE_READ_WHY])
{
	struct numbers_to to = {{first, second}, second != NULL ? 2 : 1};

	*first = 0;
	if (second != NULL)
		*second = 0;
	return store_look(r, sql, values, count, numbers_row, &to, why);
}

bool store_report_deaths(struct store_reader *r, int64_t since, int64_t *dead, int64_t *died,
	char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = since};

	return look_numbers(r,
		"SELECT count(*), count(*) FILTER (WHERE ended_at >= ?1) FROM deliveries"
		" WHERE state = 'DEAD' AND replayed_by IS NULL AND hook_id NOT IN " OWN_HOOKS,
		&value, 1, dead, died, why);
}

struct payload_to {
	store_report_payload_seen *seen;
	void *arg;
};

static void payload_row(sqlite3_stmt *s, void *to)
{
	const struct payload_to *p = to;
	struct store_report_payload row = {
		.event = sqlite3_column_int64(s, 0),
		.source = store_column_text(s, 1),
		.type = store_column_text(s, 2),
		.received_at = sqlite3_column_int64(s, 3),
		.payload = sqlite3_column_blob(s, 4),
		.payload_len = (size_t)sqlite3_column_bytes(s, 4),
		.damaged = store_is_damaged(s, 4, 5),
	};

	if (row.payload == NULL)
		row.payload = "";
	p->seen(p->arg, &row);
}

bool store_report_payloads(struct store_reader *r, const char *type, int64_t from, int64_t to,
	unsigned limit, store_report_payload_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {
		{.text = type}, {.number = from}, {.number = to}, {.number = limit}};
	struct payload_to payload_to = {seen, arg};

	return store_look(r,
		"SELECT e.id, s.name, e.type, e.received_at, e.payload, e.checksum"
		" FROM events e CROSS JOIN sources s ON s.id = e.source_id"
		" WHERE e.received_at >= ?2 AND e.received_at < ?3 AND e.type GLOB ?1"
		" AND e.quarantined IS NULL AND +e.source_id IS NOT " OWN_SOURCE
		" ORDER BY e.received_at, e.id LIMIT ?4",
		values, 4, payload_row, &payload_to, why);
}

bool store_report_last(struct store_reader *r, const char *source, int64_t since,
	int64_t *received_at, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.number = since}};

	return look_numbers(r,
		"SELECT received_at FROM events"
		" WHERE source_id = (SELECT id FROM sources WHERE name = ?1)"
		" AND received_at >= ?2 ORDER BY received_at DESC LIMIT 1",
		values, 2, received_at, NULL, why);
}

bool store_report_came(struct store_reader *r, const char *source, int64_t from, int64_t to,
	bool *came, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.number = from}, {.number = to}};
	int64_t found = 0;

	bool ok = look_numbers(r,
		"SELECT 1 FROM events"
		" WHERE source_id = (SELECT id FROM sources WHERE name = ?1)"
		" AND received_at >= ?2 AND received_at < ?3 LIMIT 1",
		values, 3, &found, NULL, why);
	*came = found == 1;
	return ok;
}

bool store_report_first(struct store_reader *r, int64_t *received_at, char why[STORE_READ_WHY])
{
	return look_numbers(r,
		"SELECT min((SELECT e.received_at FROM events e WHERE e.source_id = s.id"
		" ORDER BY e.received_at LIMIT 1)) FROM sources s WHERE s.name <> 'hookd'",
		NULL, 0, received_at, NULL, why);
}

bool store_report_has(struct store_reader *r, const char *source, const char *idempotency_key,
	bool *has, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {{.text = source}, {.text = idempotency_key}};
	int64_t found = 0;

	bool ok = look_numbers(r,
		"SELECT 1 FROM events"
		" WHERE source_id = (SELECT id FROM sources WHERE name = ?1)"
		" AND idempotency_key = ?2",
		values, 2, &found, NULL, why);
	*has = found == 1;
	return ok;
}
