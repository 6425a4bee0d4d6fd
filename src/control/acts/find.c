#include "find.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The list's own copy of the name; NULL: out of memory. */
static const char *keep_hook(struct found_list *found, const char *hook)
{
	for (size_t i = 0; i < found->hook_count; i++)
		if (strcmp(found->hooks[i], hook) == 0)
			return found->hooks[i];
	char **more = reallocarray(found->hooks, found->hook_count + 1, sizeof(*more));
	if (more == NULL)
		return NULL;
	found->hooks = more;
	more[found->hook_count] = strdup(hook);
	return more[found->hook_count] != NULL ? more[found->hook_count++] : NULL;
}

static bool make_room(struct found_list *found)
{
	size_t capacity = found->capacity == 0 ? 64 : found->capacity * 2;

	if (found->count < found->capacity)
		return true;
	struct found *more = reallocarray(found->rows, capacity, sizeof(*more));
	if (more == NULL)
		return false;
	found->rows = more;
	found->capacity = capacity;
	return true;
}

struct search {
	struct found_list *found;
	int64_t until; /* the largest delivery that is wanted */
	int64_t as_of; /* what ended later was not shown to the person who asks */
};

static void collect(void *arg, const struct store_changeable *row)
{
	struct search *search = arg;
	struct found_list *found = search->found;

	if (row->delivery > search->until || row->ended > search->as_of || found->no_memory)
		return;
	const char *hook = keep_hook(found, row->hook);
	if (hook == NULL || !make_room(found)) {
		found->no_memory = true;
		return;
	}
	if (row->ended > found->as_of)
		found->as_of = row->ended;
	found->rows[found->count++] = (struct found){
		.delivery = row->delivery, .event = row->event, .hook = hook, .state = row->state};
}

struct event_state {
	bool found, damaged;
};

static void note_event(void *arg, const struct store_event_row *row)
{
	*(struct event_state *)arg = (struct event_state){true, row->damaged};
}

static bool check_event(struct act *a, struct store_reader *reader, int64_t id, bool runs)
{
	struct event_state event = {0};

	if (!store_read_event(reader, id, note_event, &event, a->why))
		return false;
	if (!event.found)
		(void)act_fail(a, "the store has no event %" PRId64, id);
	else if (event.damaged && runs)
		(void)act_fail(a,
			"event %" PRId64
			": its payload is damaged; have the event sent again first",
			id);
	else
		return true;
	return false;
}

static void note_hook(void *arg, const char *hook)
{
	(void)hook;
	*(bool *)arg = true;
}

static void fail_unknown_hook(struct act *a, const char *hook)
{
	struct buf name = {0};

	buf_add_escaped(&name, hook, strlen(hook), '"');
	(void)act_fail(a, "the store knows no hook \"%s\"", name.data != NULL ? name.data : "");
	buf_free(&name);
}

static bool check_hook(struct act *a, struct store_reader *reader, const char *hook)
{
	bool known = false;

	if (hook == NULL)
		return true;
	if (!store_read_hooks(reader, hook, note_hook, &known, a->why))
		return false;
	if (!known)
		fail_unknown_hook(a, hook);
	return known;
}

static bool search_store(struct act *a, struct store_reader *reader,
	struct store_change_filter *filter, bool runs, struct search *search)
{
	const json_t *events = json_object_get(a->request, "events"), *id;
	size_t i;

	if (!check_hook(a, reader, filter->hook))
		return false;
	if (json_array_size(events) == 0)
		return store_change_find(reader, filter, collect, search, a->why);
	json_array_foreach(events, i, id)
	{
		filter->event = json_integer_value(id);
		if (!check_event(a, reader, filter->event, runs) ||
			!store_change_find(reader, filter, collect, search, a->why))
			return false;
	}
	return true;
}

static int by_delivery(const void *left, const void *right)
{
	const struct found *a = left, *b = right;

	return a->delivery < b->delivery ? -1 : a->delivery > b->delivery;
}

static void sort_and_unique(struct found_list *found)
{
	size_t kept = 0;

	if (found->count > 0)
		qsort(found->rows, found->count, sizeof(*found->rows), by_delivery);
	for (size_t i = 0; i < found->count; i++)
		if (kept == 0 || found->rows[kept - 1].delivery != found->rows[i].delivery)
			found->rows[kept++] = found->rows[i];
	found->count = kept;
}

bool found_by_request(struct act *a, enum store_change_set set, bool runs, struct found_list *found)
{
	struct search search = {
		found, act_number(a, "until", INT64_MAX), act_number(a, "as_of", INT64_MAX)};
	struct store_change_filter filter = {
		.set = set, .hook = act_text(a, "hook"), .since = act_number(a, "since", 0)};
	struct store_reader *reader = act_open_reader(a);

	if (reader == NULL)
		return false;
	bool good = search_store(a, reader, &filter, runs, &search);
	store_reader_close(reader);
	if (good && found->no_memory) {
		(void)act_fail(a, "out of memory");
		good = false;
	}
	if (good)
		sort_and_unique(found);
	return good;
}

void found_free(struct found_list *found)
{
	for (size_t i = 0; i < found->hook_count; i++)
		free(found->hooks[i]);
	free(found->hooks);
	free(found->rows);
	*found = (struct found_list){0};
}
