/* store/query/reader.c - opens a store to read it, and makes each query see one state of it. */
#include "reader.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct store_reader *store_reader_open(const char *path, char why[STORE_READ_WHY])
{
	struct store_reader *r = malloc(sizeof(*r));

	if (r == NULL) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return NULL;
	}
	r->engine = &store_sqlite_sessions;
	r->session = r->engine->open(path, why);
	if (r->session != NULL)
		return r;
	free(r);
	return NULL;
}

void store_reader_close(struct store_reader *r)
{
	if (r == NULL)
		return;
	r->engine->close(r->session);
	free(r);
}

bool store_reader_begin(struct store_reader *r, char why[STORE_READ_WHY])
{
	return r->engine->begin(r->session, why);
}

bool store_reader_end(struct store_reader *r, char why[STORE_READ_WHY])
{
	return r->engine->end(r->session, true, why);
}

bool store_query(struct store_reader *r, enum store_query query, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to, char why[STORE_READ_WHY])
{
	if (!r->engine->begin(r->session, why))
		return false;
	bool good = r->engine->select(r->session, query, values, count, seen, to);
	return r->engine->end(r->session, good, why);
}

enum delivery_state store_state_from_text(const char *text)
{
	for (int i = DELIVERY_READY; i <= DELIVERY_SKIPPED; i++) {
		if (strcmp(text, delivery_state_text((enum delivery_state)i)) == 0)
			return (enum delivery_state)i;
	}
	return DELIVERY_SKIPPED; /* the table's CHECK allows no other */
}
