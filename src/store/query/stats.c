#include "store/stats.h"

#include "reader.h"

struct stats_to {
	store_stats_seen *seen;
	void *arg;
};

static void stats_row(const struct store_row *row, void *to)
{
	const struct stats_to *t = to;
	struct store_stats stats = {
		.name = store_row_text(row, 0),
		.events = store_row_number(row, 1),
		.done = store_row_number(row, 2),
		.dead = store_row_number(row, 3),
		.skipped = store_row_number(row, 4),
		.waiting = store_row_number(row, 5),
	};

	if (stats.name == NULL ||
		stats.events + stats.done + stats.dead + stats.skipped + stats.waiting > 0)
		t->seen(t->arg, &stats);
}

static bool query_between(struct store_reader *r, enum store_query query, int64_t from,
	int64_t until, store_stats_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct stats_to to = {seen, arg};
	const struct store_value values[] = {{.number = from}, {.number = until}};

	return store_query(r, query, STORE_VALUES(values), stats_row, &to, why);
}

bool store_stats_between(struct store_reader *r, int64_t from, int64_t to, store_stats_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	return query_between(r, QUERY_STATS_BETWEEN, from, to, seen, arg, why);
}

bool store_stats_types(struct store_reader *r, int64_t from, int64_t to, store_stats_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	return query_between(r, QUERY_STATS_TYPES, from, to, seen, arg, why);
}

bool store_stats_hooks(struct store_reader *r, int64_t from, int64_t to, store_stats_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	return query_between(r, QUERY_STATS_HOOKS, from, to, seen, arg, why);
}
