/* store/query/refused.c - the refused requests that are kept. */
#include "store/refused.h"
#include "reader.h"

struct refused_to {
	store_refused_seen *seen;
	void *arg;
	bool whole; /* with headers and body */
};

static void refused_row(const struct store_row *row, void *to)
{
	const struct refused_to *t = to;
	struct store_refused_row r = {
		.id = store_row_number(row, 0),
		.source = store_row_string(row, 1),
		.received_at = store_row_number(row, 2),
		.remote = store_row_string(row, 3),
		.reason = store_row_string(row, 4),
		.size = store_row_number(row, 5),
	};

	if (t->whole) {
		r.body = store_row_bytes(row, 6, &r.body_len);
		r.headers = store_row_bytes(row, 7, &r.headers_len);
		r.body = r.body != NULL ? r.body : "";
	}
	t->seen(t->arg, &r);
}

bool store_refused_list(struct store_reader *r, const char *source, int64_t now, int64_t limit,
	store_refused_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {
		{.number = limit}, store_value_text(source), {.number = now - STORE_REFUSED_AGE}};
	struct refused_to to = {.seen = seen, .arg = arg};

	return store_query(r, QUERY_REFUSED_LIST, STORE_VALUES(values), refused_row, &to, why);
}

bool store_refused_next(struct store_reader *r, const char *source, int64_t now, int64_t after,
	store_refused_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	const struct store_value values[] = {
		{.number = after}, store_value_text(source), {.number = now - STORE_REFUSED_AGE}};
	struct refused_to to = {.seen = seen, .arg = arg, .whole = true};

	return store_query(r, QUERY_REFUSED_NEXT, STORE_VALUES(values), refused_row, &to, why);
}

static void number_row(const struct store_row *row, void *to)
{
	*(int64_t *)to = store_row_number(row, 0);
}

bool store_refused_count(struct store_reader *r, const char *source, int64_t now, int64_t *count,
	char why[STORE_READ_WHY])
{
	const struct store_value values[] = {
		{.number = 0}, store_value_text(source), {.number = now - STORE_REFUSED_AGE}};

	*count = 0;
	return store_query(r, QUERY_REFUSED_COUNT, STORE_VALUES(values), number_row, count, why);
}

struct sources_to {
	store_refused_source_seen *seen;
	void *arg;
};

static void source_row(const struct store_row *row, void *to)
{
	const struct sources_to *t = to;
	struct store_refused_source source = {
		.name = store_row_string(row, 0),
		.count = store_row_number(row, 1),
		.first = store_row_number(row, 2),
		.last = store_row_number(row, 3),
		.reason = store_row_string(row, 4),
	};

	t->seen(t->arg, &source);
}

bool store_refused_sources(struct store_reader *r, int64_t now, store_refused_source_seen *seen,
	void *arg, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = now - STORE_REFUSED_AGE};
	struct sources_to to = {seen, arg};

	return store_query(r, QUERY_REFUSED_SOURCES, &value, 1, source_row, &to, why);
}
