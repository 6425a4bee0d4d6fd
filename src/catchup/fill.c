/* catchup/fill.c - which of the API's events are missing, what a webhook would have said of them,
 * and their way into the store. */
#include "base/clock.h"
#include "base/log.h"
#include "compose.h"
#include "conf/match.h"
#include "event/event.h"
#include "parts.h"
#include "store/report.h"
#include "task.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNREADABLE  "a row of the API that cannot be read"
#define SKIP_REASON 96
#define AGAIN       1000 /* ms to wait while too many deliveries wait */

/* ---- what is missing ---- */

static bool is_wanted(const struct conf_source *source, const char *type)
{
	for (size_t i = 0; i < source->hook_count; i++)
		if (match_on(source->hooks[i], type))
			return true;
	for (size_t i = 0; i < source->api.type_count; i++)
		if (match_type(source->api.types[i], type))
			return true;
	return false;
}

/* Reads a composed body as the listener reads a webhook's. */
static bool read_event(
	const struct task *t, const void *body, size_t len, bool readable, struct event *ev)
{
	if (!event_parse(ev, &t->source->sender->shape, body, len))
		return false;
	ev->source = t->source->name;
	ev->source_id = t->source->store_id;
	ev->origin = "api";
	ev->received_at = clock_wall();
	if (!readable && ev->quarantined == NULL)
		ev->quarantined = UNREADABLE;
	return true;
}

static enum sweep_verdict find(struct task *t, const struct buf *body, bool readable)
{
	char why[STORE_READ_WHY];
	struct event ev;
	bool has, good;

	if (!read_event(t, body->data, body->len, readable, &ev)) {
		task_note(t, "out of memory");
		return SWEEP_UNKNOWN;
	}
	good = store_report_has(
		t->reader, t->source->name, ev.idempotency_key, ev.state_key, &has, why);
	event_free(&ev);
	if (!good)
		task_note(t, "the store cannot be read: %s", why);
	return !good ? SWEEP_UNKNOWN : has ? SWEEP_IGNORE : SWEEP_KEEP;
}

enum sweep_verdict fill_judge(void *arg, const struct answer_event *row, struct buf *body)
{
	struct task *t = arg;

	if (!row->unreadable && !is_wanted(t->source, row->type))
		return SWEEP_IGNORE;
	if (compose_body(row, body))
		return find(t, body, !row->unreadable);
	task_note(t, "out of memory");
	return SWEEP_UNKNOWN;
}

/* ---- into the store ---- */

/* To whom ordered it. event 0: not stored. */
static void show_row(struct task *t, const struct event *ev, int64_t event, const char *skip)
{
	struct catchup_row row = {
		.source = t->source->name,
		.type = ev->type != NULL ? ev->type : "",
		.occurred_at = ev->occurred_at,
		.event = event,
		.skip = ev->quarantined != NULL ? ev->quarantined : skip,
	};
	struct buf entity = {0};

	if (t->order == NULL)
		return;
	if (ev->entity_id != NULL)
		buf_printf(&entity, "%s%s%s", ev->entity_kind != NULL ? ev->entity_kind : "",
			ev->entity_kind != NULL ? ":" : "", ev->entity_id);
	row.entity = entity.data;
	t->order->found++;
	t->order->row(t->order->arg, &row);
	buf_free(&entity);
}

static void note_filled(struct task *t, const struct event *ev, int64_t event, const char *skip)
{
	t->state.filled++;
	t->state.filled_at = ev->received_at;
	if (t->order != NULL)
		t->order->filled++;
	log_info("event filled in from the API", log_text("source", t->source->name),
		log_int("event", event), log_text("type", ev->type),
		log_int("late_seconds",
			ev->occurred_at != 0 ? (ev->received_at - ev->occurred_at) / 1000 : 0),
		log_text("skipped", skip));
	show_row(t, ev, event, skip);
}

static enum task_end put_event(struct task *t, struct event *ev, const char *skip)
{
	int64_t *hooks = calloc(t->source->hook_count + 1, sizeof(*hooks));
	struct buf declined = {0};
	struct store_put put = {.op = {.kind = STORE_OP_PUT}, .event = ev, .hooks = hooks};
	enum store_result result = STORE_ERROR;

	if (hooks != NULL)
		put.hook_count = match_hooks(t->source, ev, hooks, &declined);
	event_drop_document(ev);
	put.declined = declined.data;
	put.skip = skip;
	while (hooks != NULL && buf_ok(&declined) &&
		(result = store_wait(t->store, &put.op)) == STORE_FULL && task_sleep(t, AGAIN))
		t->before_asking(t); /* those that wait may wait for their confirmation */
	free(hooks);
	buf_free(&declined);
	if (result == STORE_OK)
		note_filled(t, ev, put.event_id, skip);
	if (result == STORE_OK || result == STORE_DUPLICATE)
		return TASK_WHOLE;
	if (result == STORE_FULL)
		return TASK_STOPPED;
	task_note(t, "the store cannot be written: %s",
		put.op.why != NULL ? put.op.why : "out of memory");
	return TASK_LATER;
}

/* The event of a row, as it is to be stored. */
static bool read_row(
	const struct task *t, const struct sweep_row *row, const struct buf *body, struct event *ev)
{
	bool readable = row->id != NULL;

	if (!read_event(t, body->data, body->len, readable, ev))
		return false;
	if (!readable)
		return true;
	free(ev->provider_event_id);
	ev->provider_event_id = strdup(row->id);
	ev->occurred_at = row->created_at;
	return true;
}

/* occurred_at 0: it is not known. */
static const char *skip_reason(const struct task *t, int64_t occurred_at, char room[SKIP_REASON])
{
	int64_t age = clock_wall() + t->offset - occurred_at;

	if (occurred_at == 0 || age <= t->source->api.act_within)
		return NULL;
	(void)snprintf(room, SKIP_REASON, "%" PRId64 " h old when it was read back: api.act_within",
		age / 3600000);
	return room;
}

static int64_t when_of(const struct sweep_row *row)
{
	return row->id != NULL ? row->created_at : 0;
}

static enum task_end store_row(struct task *t, const struct sweep_row *row, struct buf *body)
{
	char skip[SKIP_REASON];
	struct event ev;
	enum task_end end = TASK_LATER;

	if (read_row(t, row, body, &ev)) {
		end = row->id != NULL ? parts_complete(t, &ev, body) : TASK_WHOLE;
		event_free(&ev);
		if (end != TASK_WHOLE)
			return end;
		if (read_row(t, row, body, &ev)) {
			end = put_event(t, &ev, skip_reason(t, when_of(row), skip));
			event_free(&ev);
			return end;
		}
	}
	task_note(t, "out of memory");
	return TASK_LATER;
}

static enum task_end show_missing(struct task *t, const struct sweep_row *row, struct buf *body)
{
	char skip[SKIP_REASON];
	struct event ev;

	if (!read_row(t, row, body, &ev)) {
		task_note(t, "out of memory");
		return TASK_LATER;
	}
	show_row(t, &ev, 0, skip_reason(t, when_of(row), skip));
	event_free(&ev);
	return TASK_WHOLE;
}

/* ---- of an entity ---- */

static enum task_end put_new(struct task *t, struct event *ev, bool *had)
{
	char why[STORE_READ_WHY], skip[SKIP_REASON];

	if (!store_report_has(
		    t->reader, t->source->name, ev->idempotency_key, ev->state_key, had, why)) {
		task_note(t, "the store cannot be read: %s", why);
		return TASK_LATER;
	}
	if (*had)
		return TASK_WHOLE;
	ev->occurred_at = ev->state_at;
	if (t->order != NULL && t->order->dry_run) {
		show_row(t, ev, 0, skip_reason(t, ev->state_at, skip));
		return TASK_WHOLE;
	}
	return put_event(t, ev, skip_reason(t, ev->state_at, skip));
}

enum task_end fill_body(struct task *t, struct buf *body, bool *had)
{
	enum task_end end = TASK_LATER;
	struct event ev;

	if (read_event(t, body->data, body->len, true, &ev)) {
		end = parts_complete(t, &ev, body);
		event_free(&ev);
		if (end != TASK_WHOLE)
			return end;
		if (read_event(t, body->data, body->len, true, &ev)) {
			end = put_new(t, &ev, had);
			event_free(&ev);
			return end;
		}
	}
	task_note(t, "out of memory");
	return TASK_LATER;
}

/* ---- rows in their order ---- */

static enum task_end want_parts(struct task *t, const struct sweep_row *row, struct buf *body)
{
	struct event ev;

	if (row->id == NULL || !read_row(t, row, body, &ev))
		return TASK_WHOLE;
	parts_want(t, &ev, body);
	event_free(&ev);
	return TASK_WHOLE;
}

/* Does it with a copy of each body, oldest first, until one fails. */
static enum task_end for_each_row(struct task *t, const struct sweep *s,
	enum task_end (*take)(struct task *t, const struct sweep_row *row, struct buf *body))
{
	enum task_end end = TASK_WHOLE;

	for (size_t i = 0; i < s->row_count && end == TASK_WHOLE; i++) {
		struct buf body = {0};

		if (task_stopped(t))
			return TASK_STOPPED;
		buf_add(&body, s->rows[i].body, s->rows[i].len);
		if (buf_ok(&body)) {
			end = take(t, &s->rows[i], &body);
		} else {
			task_note(t, "out of memory");
			end = TASK_LATER;
		}
		buf_free(&body);
		if (t->order != NULL && take == store_row)
			t->order->progress(t->order->arg, (int64_t)i + 1, (int64_t)s->row_count);
	}
	return end;
}

enum task_end fill_rows(struct task *t, struct sweep *s)
{
	sweep_sort(s);
	if (t->order != NULL && t->order->dry_run)
		return for_each_row(t, s, show_missing);
	(void)for_each_row(t, s, want_parts);
	parts_search(t);
	return for_each_row(t, s, store_row);
}
