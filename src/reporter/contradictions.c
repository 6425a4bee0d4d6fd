#include "contradictions.h"

#include "base/clock.h"
#include "base/json.h"
#include "event/event.h"
#include "sender/sender.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* An event of an entity. */
struct told {
	int64_t id, received_at, state_at;
	char *type;
	struct payment payment;
};

/* An entity's events, the newest first. */
struct history {
	const struct sender *sender;
	struct told events[CONTRADICTION_EVENTS];
	size_t count;
	bool failed;
};

struct scan {
	struct store_reader *reader;
	const struct conf *conf;
	int64_t from, to;
	contradictions_seen *seen;
	void *arg;
	char *why;
	bool failed;
	struct history history;                   /* of … */
	const struct store_report_entity *entity; /* … this one */
	int64_t last;                             /* the event of the last contradiction … */
	unsigned number;                          /* … and how many it has so far */
};

static void add_event(void *arg, const struct store_report_payload *row)
{
	struct history *h = arg;
	struct told *t = &h->events[h->count];
	struct event ev;

	if (row->damaged || h->failed || h->count == CONTRADICTION_EVENTS)
		return;
	*t = (struct told){
		.id = row->event, .received_at = row->received_at, .type = strdup(row->type)};
	h->count++;
	if (t->type == NULL ||
		!payment_read(&t->payment, &h->sender->shape, row->payload, row->payload_len) ||
		!event_parse(&ev, &h->sender->shape, row->payload, row->payload_len)) {
		h->failed = true;
		return;
	}
	t->state_at = ev.state_at;
	event_free(&ev);
}

static void free_history(struct history *h)
{
	for (size_t i = 0; i < h->count; i++) {
		free(h->events[i].type);
		payment_free(&h->events[i].payment);
	}
	h->count = 0;
}

static int64_t received_at(const struct history *h, int64_t event)
{
	for (size_t i = 0; i < h->count; i++)
		if (h->events[i].id == event)
			return h->events[i].received_at;
	return 0;
}

static void show(void *arg, const struct contradiction *c)
{
	struct scan *s = arg;
	int64_t at = received_at(&s->history, c->event);

	s->number = c->event == s->last ? s->number + 1 : 1;
	s->last = c->event;
	if (at >= s->from && at < s->to)
		s->seen(s->arg, s->entity, c, s->number);
}

static bool compare(struct scan *s)
{
	struct contradiction_event list[CONTRADICTION_EVENTS];
	const struct history *h = &s->history;

	for (size_t i = 0; i < h->count; i++) {
		const struct told *t = &h->events[h->count - 1 - i];

		list[i] = (struct contradiction_event){
			.id = t->id,
			.type = t->type,
			.state_at = t->state_at,
			.payment = &t->payment,
		};
	}
	s->last = 0;
	return contradictions_find(
		h->sender->states, &h->sender->shape.payment, list, h->count, show, s);
}

static void check_entity(void *arg, const struct store_report_entity *entity)
{
	struct scan *s = arg;
	const struct conf_source *source = conf_source_by_name(s->conf, entity->source);

	if (s->failed)
		return;
	s->entity = entity;
	s->history.sender = source != NULL ? source->sender : sender_default();
	if (!store_report_entity(
		    s->reader, entity, CONTRADICTION_EVENTS, add_event, &s->history, s->why)) {
		s->failed = true;
	} else if (s->history.failed || !compare(s)) {
		(void)snprintf(s->why, STORE_READ_WHY, "out of memory");
		s->failed = true;
	}
	free_history(&s->history);
}

bool contradictions_each(struct store_reader *r, const struct conf *conf, int64_t from, int64_t to,
	contradictions_seen *seen, void *arg, char why[STORE_READ_WHY])
{
	struct scan *s = calloc(1, sizeof(*s));
	bool good;

	if (s == NULL) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		return false;
	}
	*s = (struct scan){.reader = r,
		.conf = conf,
		.from = from,
		.to = to,
		.seen = seen,
		.arg = arg,
		.why = why};
	good = store_report_entities(r, from, to, check_entity, s, why) && !s->failed;
	free(s);
	return good;
}

static void write_text(const struct store_report_entity *entity, const struct contradiction *c,
	struct buf *subject, struct buf *text)
{
	char host[65] = "";
	struct buf name = {0};

	if (gethostname(host, sizeof(host) - 1) != 0)
		(void)snprintf(host, sizeof(host), "this machine");
	buf_add_escaped(&name, entity->kind, strlen(entity->kind), '\0');
	buf_add_char(&name, ':');
	buf_add_escaped(&name, entity->id, strlen(entity->id), '\0');
	buf_printf(subject, "hookd on %s: %s: what %s reports cannot be", host,
		buf_ok(&name) ? name.data : "", entity->source);
	buf_printf(text,
		"The events of %s from %s contradict each other:\n\n  %s\n\nThe hooks have run "
		"for each of them as it came. Ask the sender which is true.\n\n  hookctl show %s\n",
		buf_ok(&name) ? name.data : "", entity->source, c->text,
		buf_ok(&name) ? name.data : "");
	subject->failed |= name.failed;
	buf_free(&name);
}

bool contradiction_body(const struct store_report_entity *entity, const struct contradiction *c,
	unsigned number, int64_t now, struct buf *body)
{
	struct buf subject = {0}, text = {0};
	char id[96], now_utc[CLOCK_TEXT], *dump = NULL;
	json_t *root = NULL;

	(void)snprintf(id, sizeof(id), "contradiction:%" PRId64 ":%u", c->event, number);
	clock_format(now, now_utc);
	write_text(entity, c, &subject, &text);
	if (buf_ok(&subject) && buf_ok(&text))
		root = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:o, s:I, s:o}", "name",
			"hookd.alert", "id", id, "created_at", now_utc, "subject",
			json_safe_text(subject.data), "text", json_safe_text(text.data), "kind",
			"contradiction", "source", json_safe_text(entity->source), "entity_kind",
			json_safe_text(entity->kind), "entity_id", json_safe_text(entity->id),
			"event", (json_int_t)c->event, "reason", json_safe_text(c->text));
	dump = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
	if (dump != NULL)
		buf_add_text(body, dump);
	free(dump);
	json_decref(root);
	buf_free(&subject);
	buf_free(&text);
	return dump != NULL && buf_ok(body);
}
