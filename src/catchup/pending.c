/* catchup/pending.c - payments that began and of which nothing came since. No event may ever tell
 * how they ended, so the entity itself is asked: 5 minutes after it began, then 10, 20, 40 …, until
 * it has long expired. The times follow from when it began, so a restart neither forgets nor
 * repeats one. */
#include "base/clock.h"
#include "event/lifecycle.h"
#include "store/report.h"
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	FIRST = 5 * 60 * 1000,         /* ms */
	LONGEST = 48 * 60 * 60 * 1000, /* a payment expires after a day or so */
	MOST = 60,                     /* in one go; the others wait for their next time */
	EVENTS = 100,                  /* the newest of an entity; it has a dozen */
};

struct due {
	int64_t before, now;
	char *ids[MOST];
	size_t count;
};

/* Did one of its times come in the meantime? */
static bool is_due(const struct due *due, int64_t began)
{
	for (int64_t gap = FIRST; gap <= LONGEST; gap *= 2)
		if (began + gap > due->before && began + gap <= due->now)
			return true;
	return false;
}

static void see_begun(void *arg, const char *id, int64_t received_at)
{
	struct due *due = arg;

	if (due->count < MOST && is_due(due, received_at))
		due->count += (due->ids[due->count] = strdup(id)) != NULL;
}

struct history {
	const struct lifecycle_state *states;
	bool went_on;
};

static void see_event(void *arg, const struct store_report_payload *row)
{
	struct history *h = arg;

	h->went_on = h->went_on || (row->type != NULL && lifecycle_rank(h->states, row->type) > 0);
}

static enum task_end ask_one(struct task *t, const char *kind, const char *id)
{
	const struct store_report_entity entity = {
		.source = t->source->name, .kind = kind, .id = id};
	struct history h = {.states = t->source->sender->states};
	char why[STORE_READ_WHY];

	if (!store_report_entity(t->reader, &entity, EVENTS, see_event, &h, why)) {
		task_note(t, "the store cannot be read: %s", why);
		return TASK_LATER;
	}
	return h.went_on ? TASK_WHOLE : refresh_entity(t, kind, id);
}

/* One that the API does not have is no reason to stop. */
static enum task_end ask_due(struct task *t, const char *kind, const char *type, int64_t before)
{
	struct due due = {.before = before, .now = clock_wall() + t->offset};
	enum task_end end = TASK_WHOLE;
	char why[STORE_READ_WHY];

	if (!store_catchup_begun(
		    t->reader, t->source->name, type, due.now - LONGEST, see_begun, &due, why)) {
		task_note(t, "the store cannot be read: %s", why);
		end = TASK_LATER;
	}
	for (size_t i = 0; i < due.count; i++) {
		if (end == TASK_WHOLE || end == TASK_INCOMPLETE)
			end = ask_one(t, kind, due.ids[i]);
		free(due.ids[i]);
	}
	return end == TASK_INCOMPLETE ? TASK_WHOLE : end;
}

enum task_end pending_ask(struct task *t, int64_t before)
{
	const struct sender *sender = t->source->sender;
	enum task_end end = TASK_WHOLE;
	char type[96];

	for (const struct sender_api_entity *e = sender->api->entities; e->kind != NULL; e++)
		for (const struct lifecycle_state *s = sender->states;
			s->name != NULL && end == TASK_WHOLE; s++) {
			(void)snprintf(type, sizeof(type), "%s.%s", e->kind, s->name);
			if (s->rank == 0)
				end = ask_due(t, e->kind, type, before);
		}
	if (end != TASK_WHOLE && end != TASK_STOPPED)
		t->state.read_at = before; /* they are asked for again */
	return end;
}
