/* catchup/pass.c - one sweep of a source: its bounds, its pages, and how far it has read. */
#include "base/clock.h"
#include "base/log.h"
#include "task.h"

#include <stdlib.h>
#include <string.h>

#define SECOND    INT64_C(1000)
#define DOWN_LONG (20 * INT64_C(60000)) /* the sender has given up what it tried meanwhile */

/* Sets the bounds by the API's clock, once it is known. What happened before hookd first asked is
 * nobody's order to act on. */
static void set_bounds(struct task *t, struct sweep_plan *plan)
{
	const struct conf_api *api = &t->source->api;
	int64_t now = clock_wall() + t->offset;
	bool down = !t->swept && now - t->state.read_at > api->every + DOWN_LONG;

	if (t->state.read_to == 0) { /* never was a sweep whole; begun_at is by the own clock */
		t->state.begun_at += t->offset;
		t->state.read_to = t->state.begun_at;
		down = false;
	}
	/* the API's clock is known to the second */
	plan->upper = down || t->dead || t->order != NULL ? now + SECOND : now - api->grace;
	if (plan->upper < t->state.read_to)
		plan->upper = t->state.read_to;
	plan->floor = t->state.read_to - api->overlap;
	if (plan->floor < t->state.begun_at)
		plan->floor = t->state.begun_at;
	if (t->order != NULL && t->order->since != 0)
		plan->floor = t->order->since;
}

static void warn_of_disorder(struct task *t, const struct sweep *s)
{
	if (!s->rose || t->disorder)
		return;
	t->disorder = true;
	log_warn("the API lists events in another order than newest first: each sweep reads the "
		 "whole list",
		log_text("source", t->source->name));
}

/* A page that came. */
static enum task_end take_page(
	struct task *t, struct sweep *s, const struct client_answer *answer, enum sweep_step *step)
{
	struct answer_list list;
	enum answer_result read = answer_read_events(
		answer->body.data != NULL ? answer->body.data : "", answer->body.len, &list);

	if (read != ANSWER_OK) {
		task_note(t, read == ANSWER_UNREADABLE ? "the API cannot be read: no list of events"
						       : "out of memory");
		return read == ANSWER_UNREADABLE && sweep_shrink(s) ? TASK_WHOLE : TASK_LATER;
	}
	if (s->page == 1 && s->type == 0)
		set_bounds(t, &s->plan);
	*step = sweep_take(s, &list);
	answer_list_free(&list);
	if (t->order != NULL)
		t->order->progress(t->order->arg, (int64_t)s->depth, 0);
	warn_of_disorder(t, s);
	return *step == SWEEP_FAILED ? TASK_LATER : TASK_WHOLE;
}

/* A page that did not: TASK_WHOLE if the sweep goes on all the same. */
static enum task_end miss_page(
	struct task *t, struct sweep *s, const struct client_answer *answer, enum sweep_step *step)
{
	enum task_end end = task_end_of(t, answer);

	if (answer->result == CLIENT_REJECTED) {
		*step = sweep_refused(s);
		return *step == SWEEP_FAILED ? TASK_LATER : TASK_WHOLE;
	}
	/* one bad row must not stop all */
	if (answer->result == CLIENT_FAILED && answer->status != 0 && sweep_shrink(s))
		return TASK_WHOLE;
	return end;
}

static enum task_end read_page(struct task *t, struct sweep *s, enum sweep_step *step)
{
	struct client_answer answer;
	struct buf path = {0};
	enum task_end end = TASK_LATER;

	buf_add_text(&path, t->source->sender->api->events);
	sweep_query(s, &path);
	if (buf_ok(&path)) {
		task_get(t, path.data, &answer);
		end = (answer.result == CLIENT_OK ? take_page : miss_page)(t, s, &answer, step);
		buf_free(&answer.body);
	} else {
		task_note(t, "out of memory");
	}
	buf_free(&path);
	return end;
}

/* The types to read one by one beyond the window: of hooks that name them without a pattern. */
static const char **exact_types(const struct conf_source *source, size_t *count)
{
	size_t room = source->api.type_count;
	const char **types;

	*count = 0;
	for (size_t i = 0; i < source->hook_count; i++)
		room += source->hooks[i]->on_count;
	types = calloc(room + 1, sizeof(*types));
	for (size_t i = 0; types != NULL && i < source->hook_count; i++)
		for (size_t k = 0; k < source->hooks[i]->on_count; k++)
			types[(*count)++] = source->hooks[i]->on[k];
	for (size_t i = 0; types != NULL && i < source->api.type_count; i++)
		types[(*count)++] = source->api.types[i];
	for (size_t i = 0; i < *count; i++)
		if (strpbrk(types[i], "*?[\\") != NULL) {
			*count = 0;
			break;
		}
	return types;
}

/* What a person asks for from another time on says nothing of the time between. */
static bool moves_mark(const struct task *t)
{
	return t->order == NULL || (t->order->since == 0 && !t->order->dry_run);
}

static enum task_end read_list(struct task *t, struct sweep *s)
{
	enum sweep_step step = SWEEP_ASK;
	enum task_end end = TASK_WHOLE;

	while (end == TASK_WHOLE && step == SWEEP_ASK) {
		end = read_page(t, s, &step);
		t->state.upper = s->plan.upper;
		t->state.page = s->page;
		t->state.found = (int64_t)s->row_count;
		if (end == TASK_WHOLE && step == SWEEP_ASK && moves_mark(t) && !task_save(t))
			end = TASK_LATER;
		if (end == TASK_WHOLE && task_stopped(t))
			end = TASK_STOPPED;
	}
	return end == TASK_WHOLE && step == SWEEP_INCOMPLETE ? TASK_INCOMPLETE : end;
}

/* The mark moves only now. */
static enum task_end finish(struct task *t, const struct sweep *s, enum task_end end)
{
	char before[CLOCK_TEXT];

	if (end == TASK_WHOLE && !moves_mark(t)) {
		if (s->more) /* the next pass goes on there */
			t->order->since = s->plan.upper + 1;
	} else if (end == TASK_WHOLE) {
		t->state.read_to = s->plan.upper;
		t->state.read_at = clock_wall() + t->offset;
		t->state.failed_at = t->state.denied = 0;
		t->state.failure[0] = '\0';
	} else if (end == TASK_INCOMPLETE) {
		clock_format(s->oldest, before);
		task_note(t, "incomplete: the API shows no events before %s", before);
	}
	t->state.upper = t->state.page = t->state.found = 0;
	return end;
}

enum task_end pass_run(struct task *t, bool *more)
{
	struct sweep_plan plan = {.judge = fill_judge, .arg = t};
	const char **types = exact_types(t->source, &plan.type_count);
	enum task_end end, filled;
	struct sweep s;

	plan.types = types;
	sweep_begin(&s, &plan);
	end = read_list(t, &s);
	if (end == TASK_WHOLE || end == TASK_INCOMPLETE) {
		filled = fill_rows(t, &s);
		end = filled != TASK_WHOLE ? filled : end;
	}
	*more = end == TASK_WHOLE && s.more;
	end = finish(t, &s, end);
	sweep_free(&s);
	free(types);
	return end;
}
