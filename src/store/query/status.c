#include "store/status.h"

#include "reader.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

static void status_row(const struct store_row *row, void *to)
{
	struct store_status *out = to;
	int64_t all = store_row_number(row, 8), dead_ever = store_row_number(row, 9);

	*out = (struct store_status){
		.events = store_row_number(row, 0),
		.quarantined = store_row_number(row, 1),
		.last_minute = store_row_number(row, 2),
		.last_hour = store_row_number(row, 3),
		.last_day = store_row_number(row, 4),
		.quarantined_last_day = store_row_number(row, 5),
		.ready = store_row_number(row, 6),
		.running = store_row_number(row, 7),
		.skipped = store_row_number(row, 10),
		.dead = store_row_number(row, 11),
		.oldest_due = store_row_number(row, 12),
	};
	out->replayed = dead_ever - out->dead;
	out->done = all - out->ready - out->running - dead_ever - out->skipped;
}

bool store_status(
	struct store_reader *r, int64_t now, struct store_status *out, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {
		{.number = now - MINUTE}, {.number = now - HOUR}, {.number = now - DAY}};

	return store_query(r, QUERY_STATUS, values, 3, status_row, out, why);
}

struct row_to {
	union {
		store_status_source_seen *source;
		store_status_paused_seen *paused;
		store_status_failing_seen *failing;
	} seen;
	void *arg;
};

static void source_row(const struct store_row *row, void *to)
{
	const struct row_to *t = to;
	struct store_status_source source = {store_row_string(row, 0), store_row_number(row, 1)};

	t->seen.source(t->arg, &source);
}

bool store_status_sources(
	struct store_reader *r, store_status_source_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct row_to to = {.seen.source = seen, .arg = arg};

	return store_query(r, QUERY_STATUS_SOURCES, NULL, 0, source_row, &to, why);
}

static void paused_row(const struct store_row *row, void *to)
{
	const struct row_to *t = to;
	struct store_status_paused paused = {
		store_row_string(row, 0), store_row_number(row, 1), store_row_number(row, 2)};

	t->seen.paused(t->arg, &paused);
}

bool store_status_paused(
	struct store_reader *r, store_status_paused_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct row_to to = {.seen.paused = seen, .arg = arg};

	return store_query(r, QUERY_STATUS_PAUSED, NULL, 0, paused_row, &to, why);
}

static void failing_row(const struct store_row *row, void *to)
{
	const struct row_to *t = to;
	struct store_status_failing failing = {
		.event = store_row_number(row, 0),
		.hook = store_row_string(row, 1),
		.failures = store_row_number(row, 2),
		.due_at = store_row_number(row, 3),
		.message = store_row_string(row, 4),
	};

	t->seen.failing(t->arg, &failing);
}

bool store_status_failing(struct store_reader *r, unsigned limit, store_status_failing_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = limit};
	struct row_to to = {.seen.failing = seen, .arg = arg};

	return store_query(r, QUERY_STATUS_FAILING, &value, 1, failing_row, &to, why);
}
