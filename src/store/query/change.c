/* store/query/change.c - the deliveries that can be replayed or cancelled. While hookd takes events
 * the WAL grows for as long as a transaction reads, so they are read in parts, with pauses in which
 * it can be reset. */
#include "store/change.h"
#include "base/buf.h"
#include "reader.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

enum {
	PART_IDS = 2000,    /* of a list: each is looked up on its own; some ms, as … */
	PART_RANGE = 20000, /* … for so many of all */
	PAUSE = 5000000,    /* ns between parts: several commits under load */
};

struct find_to {
	store_changeable_seen *seen;
	void *arg;
};

static void find_row(const struct store_row *row, void *to)
{
	const struct find_to *f = to;
	struct store_changeable found = {
		.delivery = store_row_number(row, 0),
		.event = store_row_number(row, 1),
		.hook = store_row_string(row, 2),
		.state = store_state_from_text(store_row_string(row, 3)),
		.ended = store_row_number(row, 4),
	};

	f->seen(f->arg, &found);
}

static void count_row(const struct store_row *row, void *to)
{
	*(int64_t *)to = store_row_number(row, 0);
}

static bool find_part(struct store_reader *r, const struct store_change_filter *filter,
	const struct store_part *part, struct find_to *to, char why[STORE_READ_WHY])
{
	static const struct timespec pause = {.tv_nsec = PAUSE};

	if (filter->event == 0) /* those of one event take no time */
		(void)nanosleep(&pause, NULL);
	if (!r->engine->begin(r->session, why))
		return false;
	bool good = r->engine->list_changeable(r->session, filter, part, find_row, to);
	return r->engine->end(r->session, good, why);
}

/* Walks through all deliveries. */
static bool find_in_ranges(struct store_reader *r, const struct store_change_filter *filter,
	struct find_to *to, char why[STORE_READ_WHY])
{
	int64_t last = 0;
	bool good = store_query(r, QUERY_LAST_DELIVERY, NULL, 0, count_row, &last, why);

	for (int64_t from = 1; from <= last && good; from += PART_RANGE) {
		const struct store_part part = {.from = from, .to = from + PART_RANGE - 1};
		good = find_part(r, filter, &part, to, why);
	}
	return good;
}

struct ids {
	int64_t *list;
	size_t count, capacity;
	bool no_memory;
};

static bool make_room(struct ids *ids)
{
	size_t capacity = ids->capacity == 0 ? 1024 : ids->capacity * 2;

	if (ids->count < ids->capacity)
		return true;
	int64_t *more = reallocarray(ids->list, capacity, sizeof(*more));
	if (more == NULL)
		return false;
	ids->list = more;
	ids->capacity = capacity;
	return true;
}

static void add_id(const struct store_row *row, void *to)
{
	struct ids *ids = to;

	if (ids->no_memory || !make_room(ids))
		ids->no_memory = true;
	else
		ids->list[ids->count++] = store_row_number(row, 0);
}

static bool list_ids(struct store_reader *r, const struct store_change_filter *filter,
	struct ids *ids, char why[STORE_READ_WHY])
{
	if (!r->engine->begin(r->session, why))
		return false;
	bool good = r->engine->list_changeable_ids(r->session, filter, add_id, ids);
	good = r->engine->end(r->session, good, why);
	if (good && ids->no_memory)
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
	return good && !ids->no_memory;
}

static bool find_ids(struct store_reader *r, const struct store_change_filter *filter,
	const int64_t *ids, size_t count, struct find_to *to, char why[STORE_READ_WHY])
{
	struct buf text = {0};
	struct store_part part = {.from = ids[0], .to = ids[count - 1]};

	for (size_t i = 0; i < count; i++)
		buf_printf(&text, "%c%" PRId64, i == 0 ? '[' : ',', ids[i]);
	buf_add_char(&text, ']');
	part.ids = text.data;
	bool good = buf_ok(&text) && find_part(r, filter, &part, to, why);
	if (!buf_ok(&text))
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
	buf_free(&text);
	return good;
}

/* An index has them: first which they are, then what they are. */
static bool find_by_index(struct store_reader *r, const struct store_change_filter *filter,
	struct find_to *to, char why[STORE_READ_WHY])
{
	struct ids ids = {0};
	bool good = list_ids(r, filter, &ids, why);

	for (size_t i = 0; i < ids.count && good; i += PART_IDS) {
		size_t left = ids.count - i;
		good = find_ids(
			r, filter, ids.list + i, left < PART_IDS ? left : PART_IDS, to, why);
	}
	free(ids.list);
	return good;
}

bool store_change_find(struct store_reader *r, const struct store_change_filter *filter,
	store_changeable_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct find_to to = {seen, arg};
	bool indexed = filter->event != 0 || filter->set == STORE_CHANGE_DEAD ||
		       filter->set == STORE_CHANGE_WAITING ||
		       (filter->hook != NULL && filter->since != 0);

	return indexed ? find_by_index(r, filter, &to, why) : find_in_ranges(r, filter, &to, why);
}
