/* control/acts/quarantine.c - releases an event from quarantine with a type that a person gives it,
 * so that hooks get it, or drops it:
 *   {"row":{"event":7,"hooks":2}}
 *   {"row":{"event":7}} */
#include "store/quarantine.h"
#include "act.h"
#include "base/clock.h"
#include "match.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct quarantined {
	int64_t id;
	bool found, quarantined, damaged;
	char *source;
	struct buf payload;
};

static void keep_event(void *arg, const struct store_event_row *row)
{
	struct quarantined *q = arg;

	q->found = true;
	q->quarantined = row->quarantined != NULL;
	q->damaged = row->damaged;
	q->source = strdup(row->source);
	buf_add(&q->payload, row->payload, row->payload_len);
	q->payload.failed |= q->source == NULL;
}

static void quarantined_free(struct quarantined *q)
{
	free(q->source);
	buf_free(&q->payload);
}

static bool fail(struct act *a, int64_t event, const char *what)
{
	(void)act_fail(a, "event %" PRId64 " %s", event, what);
	return false;
}

/* Reads the event, which must be in quarantine. */
static bool read_quarantined(struct act *a, struct quarantined *q)
{
	struct store_reader *reader = act_open_reader(a);

	*q = (struct quarantined){.id = act_number(a, "event", 0)};
	if (reader == NULL)
		return false;
	bool good = store_read_event(reader, q->id, keep_event, q, a->why);
	store_reader_close(reader);
	if (good && !q->found) {
		(void)act_fail(a, "no event %" PRId64 " in %s", q->id, a->context->store_path);
		return false;
	}
	return good && (q->quarantined || fail(a, q->id, "is not in quarantine"));
}

static json_t *end_change(struct act *a, int64_t event, bool done, json_t *row)
{
	if (done || a->dry_run) {
		act_send_row(a, row);
		return json_object();
	}
	json_decref(row);
	(void)fail(a, event, "is no longer in quarantine");
	return NULL;
}

static json_t *release_matched(struct act *a, int64_t event, const struct conf_source *source,
	const struct event *ev, const struct hook_match *match)
{
	struct store_release op = {
		.op.kind = STORE_OP_RELEASE,
		.event = event,
		.type = ev->type,
		.entity_kind = ev->entity_kind,
		.entity_id = ev->entity_id,
		.state_key = ev->state_key,
		.source = source->store_id,
		.hooks = match->hooks,
		.hook_count = match->count,
		.declined = match->declined.data,
		.now = clock_wall(),
		.audit = &a->audit,
	};

	if (!a->dry_run && !act_write(a, &op.op))
		return NULL;
	if (op.reported != 0)
		return act_fail(a,
			"event %" PRId64 " reports what event %" PRId64
			" has reported already; drop it, or replay that one",
			event, op.reported);
	return end_change(a, event, op.done,
		json_pack("{s:I, s:I}", "event", (json_int_t)event, "hooks",
			(json_int_t)match->count));
}

static json_t *release_as(struct act *a, const struct quarantined *q,
	const struct conf_source *source, struct event *ev)
{
	struct hook_match match = {0};
	json_t *done = NULL;

	if (event_set_type(ev, &source->sender->shape, act_text(a, "type")) &&
		hook_match_find(&match, source, ev))
		done = release_matched(a, q->id, source, ev, &match);
	hook_match_free(&match);
	return done;
}

static json_t *release_read(struct act *a, const struct quarantined *q)
{
	const struct conf_source *source;
	struct event ev;
	json_t *done;

	if (!buf_ok(&q->payload))
		return NULL;
	source = conf_source_by_name(a->context->conf, q->source);
	if (q->damaged)
		return act_fail(a,
			"event %" PRId64 ": its payload is damaged, not what was received", q->id);
	if (source == NULL)
		return act_fail(
			a, "no source \"%.100s\" in %.200s", q->source, a->context->conf->file);
	if (!event_parse(&ev, &source->sender->shape,
		    q->payload.data != NULL ? q->payload.data : "", q->payload.len))
		return NULL;
	done = release_as(a, q, source, &ev);
	event_free(&ev);
	return done;
}

static json_t *release(struct act *a)
{
	struct quarantined q;
	json_t *done = NULL;

	if (a->context->conf == NULL)
		return act_fail(a, "release needs the config");
	if (read_quarantined(a, &q))
		done = release_read(a, &q);
	quarantined_free(&q);
	return done;
}

static json_t *drop(struct act *a)
{
	struct store_drop op = {.op.kind = STORE_OP_DROP, .audit = &a->audit};
	struct quarantined q;
	json_t *done = NULL;

	if (read_quarantined(a, &q)) {
		op.event = q.id;
		if (a->dry_run || act_write(a, &op.op))
			done = end_change(
				a, q.id, op.done, json_pack("{s:I}", "event", (json_int_t)q.id));
	}
	quarantined_free(&q);
	return done;
}

static const struct act_member release_members[] = {
	{"event", ACT_NUMBER, 1, INT64_MAX, true},
	{"type", ACT_TEXT, 1, EVENT_TYPE_MAX, true},
	{"dry_run", ACT_FLAG, 0, 0, false},
	{0},
};

const struct act_kind act_release = {.name = "release", .members = release_members, .run = release};

static const struct act_member drop_members[] = {
	{"event", ACT_NUMBER, 1, INT64_MAX, true},
	{"dry_run", ACT_FLAG, 0, 0, false},
	{0},
};

const struct act_kind act_drop = {.name = "drop", .members = drop_members, .run = drop};
