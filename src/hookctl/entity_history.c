#include "entity_history.h"

#include "event/contradiction.h"
#include "event/event.h"
#include "event/lifecycle.h"
#include "output.h"
#include "sender/sender.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int rank_of(const char *type)
{
	return lifecycle_rank(sender_default()->states, type);
}

static const char *state_of(const char *type)
{
	return lifecycle_state(sender_default()->states, type);
}

static struct ctl_history *history_of(struct ctl_histories *all, const char *source)
{
	struct ctl_history *more;

	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->list[i].source, source) == 0)
			return &all->list[i];
	more = reallocarray(all->list, all->count + 1, sizeof(*more));
	if (more == NULL)
		return NULL;
	all->list = more;
	more[all->count] = (struct ctl_history){.source = strdup(source)};
	return more[all->count].source != NULL ? &more[all->count++] : NULL;
}

static bool make_room(struct ctl_history *h)
{
	size_t capacity = h->capacity == 0 ? 8 : h->capacity * 2;
	struct ctl_history_event *more;

	if (h->count < h->capacity)
		return true;
	more = reallocarray(h->events, capacity, sizeof(*more));
	if (more == NULL)
		return false;
	h->events = more;
	h->capacity = capacity;
	return true;
}

/* False: out of memory. */
static bool read_state_at(struct ctl_history_event *e, const struct store_event_row *row)
{
	struct event ev;

	if (row->damaged)
		return true;
	if (!event_parse(&ev, &sender_default()->shape, row->payload, row->payload_len))
		return false;
	e->state_at = ev.state_at;
	event_free(&ev);
	return true;
}

static void add_event(void *arg, const struct store_event_row *row)
{
	struct ctl_histories *all = arg;
	struct ctl_history *h = all->failed ? NULL : history_of(all, row->source);
	struct ctl_history_event *e;
	struct buf json = {0};

	if (h == NULL || !make_room(h)) {
		all->failed = true;
		return;
	}
	e = &h->events[h->count++];
	ctl_event_json(&json, row);
	*e = (struct ctl_history_event){.id = row->id,
		.received_at = row->received_at,
		.happened_at = row->occurred_at != 0 ? row->occurred_at : row->received_at,
		.type = strdup(row->type != NULL ? row->type : ""),
		.json = buf_take(&json)};
	if (row->damaged)
		buf_printf(&h->gaps, "event %" PRId64 ": its payload is damaged\n", row->id);
	if (!payment_read(&e->payment, &sender_default()->shape, row->payload,
		    row->damaged ? 0 : row->payload_len) ||
		!read_state_at(e, row) || e->type == NULL || e->json == NULL)
		all->failed = true;
}

/* The events are still in the order of their arrival. */
static void mark_late(struct ctl_history *h)
{
	int highest = -1;

	for (size_t i = 0; i < h->count; i++) {
		int rank = rank_of(h->events[i].type);

		h->events[i].late = rank >= 0 && rank < highest;
		highest = rank > highest ? rank : highest;
	}
}

static int compare_events(const void *left, const void *right)
{
	const struct ctl_history_event *a = left, *b = right;
	int rank_a = rank_of(a->type), rank_b = rank_of(b->type);

	if (rank_a >= 0 && rank_b >= 0 && rank_a != rank_b)
		return rank_a < rank_b ? -1 : 1;
	if (a->happened_at != b->happened_at)
		return a->happened_at < b->happened_at ? -1 : 1;
	return (a->id > b->id) - (a->id < b->id);
}

/* Orders by happened_at; if that contradicts the life cycle, the life cycle decides. This is not a
 * consistent order as qsort needs it, so it sorts by insertion. */
static void order_events(struct ctl_history *h)
{
	for (size_t i = 1; i < h->count; i++) {
		struct ctl_history_event e = h->events[i];
		size_t at = i;

		for (; at > 0 && compare_events(&e, &h->events[at - 1]) < 0; at--)
			h->events[at] = h->events[at - 1];
		h->events[at] = e;
	}
}

static void find_last(struct ctl_history *h)
{
	int highest = -2;

	for (size_t i = 0; i < h->count; i++) {
		const struct ctl_history_event *e = &h->events[i];
		int rank = rank_of(e->type);

		if (rank >= highest) {
			highest = rank;
			h->last = e;
		}
		if (*e->payment.amount != '\0')
			h->payment = e;
	}
	if (h->last != NULL && *h->last->payment.amount != '\0')
		h->payment = h->last;
}

static const struct ctl_history_event *find_state(const struct ctl_history *h, const char *state)
{
	for (size_t i = 0; i < h->count; i++) {
		const char *is = state_of(h->events[i].type);

		if (is != NULL && strcmp(is, state) == 0)
			return &h->events[i];
	}
	return NULL;
}

/* Is the event the first of its type? */
static bool is_first(const struct ctl_history *h, size_t at)
{
	for (size_t i = 0; i < at; i++)
		if (strcmp(h->events[i].type, h->events[at].type) == 0)
			return false;
	return true;
}

static void find_missing(struct ctl_history *h)
{
	const char *reported = "";

	for (size_t i = 0; i < h->count; i++) {
		const char *before = lifecycle_before(sender_default()->states, h->events[i].type);

		if (before == NULL || strcmp(before, reported) == 0 ||
			find_state(h, before) != NULL)
			continue;
		buf_printf(&h->gaps, "no event of \"%s\", which comes before \"%s\"\n", before,
			state_of(h->events[i].type));
		reported = before;
	}
}

static void find_late(struct ctl_history *h)
{
	for (size_t i = 0; i < h->count; i++) {
		const char *state = state_of(h->events[i].type);

		if (h->events[i].late && state != NULL && is_first(h, i))
			buf_printf(&h->gaps, "\"%s\" came after a later state\n", state);
	}
}

static void add_contradiction(void *arg, const struct contradiction *c)
{
	struct ctl_history *h = arg;

	buf_printf(&h->gaps, "%s: ask the sender which is true\n", c->text);
}

/* The events are still in the order of their arrival. */
static void find_contradictions(struct ctl_history *h)
{
	const struct sender *sender = sender_default();
	struct contradiction_event *list = calloc(h->count + 1, sizeof(*list));

	for (size_t i = 0; list != NULL && i < h->count; i++)
		list[i] = (struct contradiction_event){
			.id = h->events[i].id,
			.type = h->events[i].type,
			.state_at = h->events[i].state_at,
			.payment = &h->events[i].payment,
		};
	h->gaps.failed |=
		list == NULL || !contradictions_find(sender->states, &sender->shape.payment, list,
					h->count, add_contradiction, h);
	free(list);
}

bool ctl_histories_read(
	struct ctl_histories *all, struct store_reader *reader, const char *kind, const char *id)
{
	char why[STORE_READ_WHY];

	*all = (struct ctl_histories){0};
	if (!store_read_entity(reader, kind, id, add_event, all, why)) {
		ctl_error("%s", why);
		return false;
	}
	for (size_t i = 0; i < all->count && !all->failed; i++) {
		struct ctl_history *h = &all->list[i];

		mark_late(h);
		find_contradictions(h);
		order_events(h);
		find_last(h);
		find_missing(h);
		find_late(h);
		all->failed = h->gaps.failed;
	}
	if (all->failed)
		ctl_error("out of memory");
	return !all->failed;
}

void ctl_histories_free(struct ctl_histories *all)
{
	for (size_t i = 0; i < all->count; i++) {
		struct ctl_history *h = &all->list[i];

		for (size_t k = 0; k < h->count; k++) {
			free(h->events[k].type);
			free(h->events[k].json);
			payment_free(&h->events[k].payment);
		}
		free(h->events);
		free(h->source);
		buf_free(&h->gaps);
	}
	free(all->list);
	*all = (struct ctl_histories){0};
}

const char *ctl_history_state(const struct ctl_history *h)
{
	const char *state = state_of(h->last->type);
	const char *dot = strrchr(h->last->type, '.');

	if (state != NULL)
		return state;
	return dot != NULL && dot[1] != '\0' ? dot + 1 : h->last->type;
}
