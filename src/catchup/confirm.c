#include "confirm.h"

#include "answer.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"
#include "base/money.h"
#include "event/document.h"
#include "event/event.h"
#include "event/payment.h"
#include "sender/sender.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum {
	REMEMBERED = 512,        /* entities … */
	REMEMBERED_TIME = 10000, /* … for ms */
	REMEMBERED_MAX = 16384,  /* … of at most so many bytes */
	FAILED_WAIT = 30000,     /* ms that the API is left alone after a failure */
	DENIED_WAIT = 600000,    /* … that refuses the key */
};

/* What the API showed. */
struct remembered {
	char source[64], path[160];
	int64_t at; /* steady ms; 0: the place is free */
	char *text; /* NULL: it does not have it */
	size_t len;
};

/* A source whose API cannot be asked. */
struct trouble {
	char source[64];
	int64_t until; /* steady ms */
	char why[320];
};

struct confirms {
	int event;                          /* eventfd */
	struct remembered list[REMEMBERED]; /* of the catchup's thread, like `trouble` */
	size_t next;
	struct trouble trouble[8];

	pthread_mutex_t lock; /* guards all below */
	struct confirmation *first;
	bool closed;
};

struct confirms *confirms_new(void)
{
	struct confirms *cs = calloc(1, sizeof(*cs));

	if (cs == NULL || (cs->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) < 0) {
		log_error("out of memory: events cannot be confirmed");
		free(cs);
		return NULL;
	}
	(void)pthread_mutex_init(&cs->lock, NULL);
	return cs;
}

void confirms_free(struct confirms *cs)
{
	if (cs == NULL)
		return;
	for (size_t i = 0; i < REMEMBERED; i++)
		free(cs->list[i].text);
	close(cs->event);
	(void)pthread_mutex_destroy(&cs->lock);
	free(cs);
}

int confirms_fd(const struct confirms *cs)
{
	return cs->event;
}

static void answer_later(struct confirmation *c, int64_t wait, const char *why)
{
	c->result = CONFIRMATION_LATER;
	c->wait = wait;
	(void)snprintf(c->why, sizeof(c->why), "%s", why);
	c->done(c);
}

void confirms_ask(void *confirms, struct confirmation *c)
{
	struct confirms *cs = confirms;
	struct confirmation **end = &cs->first;
	bool closed;

	(void)pthread_mutex_lock(&cs->lock);
	closed = cs->closed;
	c->next = NULL;
	while (!closed && *end != NULL)
		end = &(*end)->next;
	if (!closed)
		*end = c;
	(void)eventfd_write(cs->event, 1);
	(void)pthread_mutex_unlock(&cs->lock);
	if (closed)
		answer_later(c, FAILED_WAIT, "hookd is stopping");
}

/* Which questions are to be answered. */
typedef bool is_meant(const void *arg, const char *source);

static bool is_same(const void *arg, const char *source)
{
	return strcmp(arg, source) == 0;
}

static bool is_any(const void *arg, const char *source)
{
	(void)arg;
	(void)source;
	return true;
}

/* The first one that is meant, taken out; NULL: there is none. */
static struct confirmation *take(struct confirms *cs, is_meant *meant, const void *arg)
{
	struct confirmation **link = &cs->first, *c;
	eventfd_t count;

	(void)pthread_mutex_lock(&cs->lock);
	while (*link != NULL && !meant(arg, (*link)->source))
		link = &(*link)->next;
	c = *link;
	if (c != NULL)
		*link = c->next;
	if (cs->first == NULL)
		(void)eventfd_read(cs->event, &count);
	(void)pthread_mutex_unlock(&cs->lock);
	return c;
}

struct lack {
	bool (*has_task)(const void *arg, const char *source);
	const void *arg;
};

static bool lacks_task(const void *arg, const char *source)
{
	const struct lack *lack = arg;

	return !lack->has_task(lack->arg, source);
}

void confirms_answer_others(
	struct confirms *cs, bool (*has_task)(const void *arg, const char *source), const void *arg)
{
	const struct lack lack = {has_task, arg};
	struct confirmation *c;

	while ((c = take(cs, lacks_task, &lack)) != NULL)
		answer_later(c, FAILED_WAIT, "its source has no API key");
}

void confirms_close(struct confirms *cs)
{
	struct confirmation *c;

	(void)pthread_mutex_lock(&cs->lock);
	cs->closed = true;
	(void)pthread_mutex_unlock(&cs->lock);
	while ((c = take(cs, is_any, NULL)) != NULL)
		answer_later(c, FAILED_WAIT, "hookd is stopping");
}

/* ---- comparing ---- */

static bool is_accepted(
	const struct confirmation *c, const struct sender *sender, const char *status)
{
	for (size_t i = 0; i < c->state_count; i++)
		if (strcmp(c->states[i], status) == 0)
			return true;
	return c->state_count == 0 && lifecycle_means(sender->states, status, c->type);
}

/* Differs what both name? */
static bool is_other_amount(const struct payment *event, const struct payment *now)
{
	int64_t one, other;

	if (*event->amount == '\0')
		return false;
	if (*event->currency != '\0' && *now->currency != '\0' &&
		strcasecmp(event->currency, now->currency) != 0)
		return true;
	const char *currency = *event->currency != '\0' ? event->currency : now->currency;
	size_t len = strlen(currency);
	if (money_minor(&one, event->amount, strlen(event->amount), currency, len) &&
		money_minor(&other, now->amount, strlen(now->amount), currency, len))
		return one != other;
	return strcmp(event->amount, now->amount) != 0;
}

static void say_mismatch(struct confirmation *c, const struct sender *sender,
	const struct payment *event, const struct payment *now)
{
	struct buf text = {0}, is = {0}, was = {0};

	payment_add_money(&is, now, *now->amount != '\0' ? now->amount : "no amount");
	payment_add_money(&was, event, event->amount);
	buf_printf(&text, CONFIRMATION_NOT_RUN "%s says ", sender->title);
	buf_add_escaped(&text, is.data != NULL ? is.data : "", is.len, '\0');
	buf_add_text(&text, ", the event ");
	buf_add_escaped(&text, was.data != NULL ? was.data : "", was.len, '\0');
	c->result = CONFIRMATION_MISMATCH;
	(void)snprintf(c->why, sizeof(c->why), "%s", buf_ok(&text) ? text.data : "another amount");
	buf_free(&text);
	buf_free(&is);
	buf_free(&was);
}

/* The member of an entity that has its currency's id; NULL: there is none. */
static const char *currency_id(const struct sender *sender)
{
	const struct sender_api_part *part = sender->api->parts;

	while (part->name != NULL && strcmp(part->name, sender->shape.payment.currency) != 0)
		part++;
	return part->name != NULL ? part->id : NULL;
}

/* Of an answer that names the currency by its id alone. */
static bool is_other_currency(
	struct confirmation *c, const struct sender *sender, const char *text, size_t len)
{
	const char *member = currency_id(sender);
	const json_t *was, *is;
	json_t *root = NULL, *now = NULL, *ignored;
	bool other = false;

	if (member != NULL && document_parse(c->payload, c->payload_len, &root) &&
		document_entity(root, &ignored) && json_read(text, len, NULL, &now, NULL)) {
		was = json_object_get(payment_entity(&sender->shape, root), member);
		is = json_object_get(now, member);
		other = json_is_integer(was) && json_is_integer(is) && !json_equal(was, is);
		if (other)
			(void)snprintf(c->why, sizeof(c->why),
				CONFIRMATION_NOT_RUN "%s says %s %" JSON_INTEGER_FORMAT
						     ", the event %" JSON_INTEGER_FORMAT,
				sender->title, member, json_integer_value(is),
				json_integer_value(was));
	}
	json_decref(root);
	json_decref(now);
	return other;
}

static void compare_status(
	struct confirmation *c, const struct sender *sender, const char *text, size_t len)
{
	json_t *root = NULL;
	const char *status = NULL;
	struct buf why = {0};

	if (json_read(text, len, NULL, &root, NULL))
		status = json_string_value(json_object_get(root, sender->api->status));
	c->result = CONFIRMATION_YES;
	if (status == NULL || !is_accepted(c, sender, status)) {
		buf_printf(&why, "%s says ", sender->title);
		status = status != NULL ? status : "nothing of its state";
		buf_add_escaped(&why, status, strlen(status), '\0');
		c->result = CONFIRMATION_OVER;
		(void)snprintf(c->why, sizeof(c->why), "%s", buf_ok(&why) ? why.data : "");
	}
	buf_free(&why);
	json_decref(root);
}

/* With the text of the entity's object. */
static void compare(
	struct confirmation *c, const struct sender *sender, const char *text, size_t len)
{
	struct payment event = {0}, now = {0};

	if (!payment_read(&event, &sender->shape, c->payload, c->payload_len) ||
		!payment_read(&now, &sender->shape, text, len)) {
		c->result = CONFIRMATION_LATER;
		c->wait = FAILED_WAIT;
		(void)snprintf(c->why, sizeof(c->why), "out of memory");
	} else if (is_other_amount(&event, &now)) {
		say_mismatch(c, sender, &event, &now);
	} else if (is_other_currency(c, sender, text, len)) {
		c->result = CONFIRMATION_MISMATCH;
	} else {
		compare_status(c, sender, text, len);
	}
	payment_free(&event);
	payment_free(&now);
}

/* ---- asking ---- */

static const struct remembered *recall(
	const struct confirms *cs, const char *source, const char *path)
{
	for (size_t i = 0; i < REMEMBERED; i++) {
		const struct remembered *r = &cs->list[i];

		if (r->at != 0 && clock_steady() - r->at < REMEMBERED_TIME &&
			strcmp(r->source, source) == 0 && strcmp(r->path, path) == 0)
			return r;
	}
	return NULL;
}

/* Takes the text. */
static void remember(
	struct confirms *cs, const char *source, const char *path, char *text, size_t len)
{
	struct remembered *r = &cs->list[cs->next];

	if (len > REMEMBERED_MAX || strlen(source) >= sizeof(r->source)) {
		free(text);
		return;
	}
	cs->next = (cs->next + 1) % REMEMBERED;
	free(r->text);
	*r = (struct remembered){.at = clock_steady(), .text = text, .len = len};
	(void)snprintf(r->source, sizeof(r->source), "%s", source);
	(void)snprintf(r->path, sizeof(r->path), "%s", path);
}

void confirms_note(
	struct confirms *cs, const struct task *t, const char *path, const json_t *object)
{
	const struct sender *sender = t->source->sender;
	char *text = json_text(object, JSON_COMPACT), full[160];
	struct payment payment = {0};

	(void)snprintf(full, sizeof(full), "%s?%s", path, sender->api->include);
	/* A list may show less of it, which would contradict the event. */
	if (text != NULL && json_is_string(json_object_get(object, sender->api->status)) &&
		payment_read(&payment, &sender->shape, text, strlen(text)) &&
		*payment.amount != '\0') {
		remember(cs, t->source->name, full, text, strlen(text));
		text = NULL;
	}
	free(text);
	payment_free(&payment);
}

static struct trouble *trouble_of(struct confirms *cs, const char *source)
{
	struct trouble *oldest = &cs->trouble[0];

	for (size_t i = 0; i < sizeof(cs->trouble) / sizeof(cs->trouble[0]); i++) {
		struct trouble *t = &cs->trouble[i];

		if (strcmp(t->source, source) == 0)
			return t;
		if (t->until < oldest->until)
			oldest = t;
	}
	*oldest = (struct trouble){0};
	(void)snprintf(oldest->source, sizeof(oldest->source), "%s", source);
	return oldest;
}

/* The path of the event's entity. False: it has none in the API, or out of memory. */
static bool find_path(
	const struct confirmation *c, const struct sender *sender, char *path, size_t size)
{
	const struct sender_api_entity *e = sender->api->entities;
	struct event ev;
	bool found = false;

	if (!event_parse(&ev, &sender->shape, c->payload, c->payload_len))
		return false;
	while (e->kind != NULL && (ev.entity_kind == NULL || strcmp(e->kind, ev.entity_kind) != 0))
		e++;
	if (e->kind != NULL && task_is_plain_id(ev.entity_id)) {
		(void)snprintf(path, size, "%s%s?%s", e->path, ev.entity_id, sender->api->include);
		found = true;
	}
	event_free(&ev);
	return found;
}

static void say_missing(struct confirmation *c, const struct sender *sender)
{
	c->result = CONFIRMATION_MISSING;
	(void)snprintf(c->why, sizeof(c->why),
		"%s does not have it: a test event, or the API key is of the other mode",
		sender->title);
}

/* The object's own text, to be freed; NULL: it is none, or out of memory. */
static char *object_text(const struct buf *body)
{
	json_t *object = NULL;
	struct buf out = {0};

	if (answer_read_object(body->data != NULL ? body->data : "", body->len, &object) !=
		ANSWER_OK)
		return NULL;
	json_write(&out, object, JSON_COMPACT);
	json_decref(object);
	return buf_take(&out);
}

static void note_trouble(struct trouble *trouble, const struct client_answer *answer)
{
	trouble->until =
		clock_steady() + (answer->result == CLIENT_DENIED ? DENIED_WAIT : FAILED_WAIT);
	(void)snprintf(trouble->why, sizeof(trouble->why), "the API cannot be asked: %.280s",
		answer->why[0] != '\0' ? answer->why : "no object in its answer");
}

/* Asks the API once. */
static void ask(struct confirms *cs, struct task *t, struct confirmation *c, const char *path)
{
	const struct sender *sender = t->source->sender;
	struct trouble *trouble = trouble_of(cs, c->source);
	struct client_answer answer;
	char *text = NULL;

	task_get_once(t, path, &answer);
	if (answer.result == CLIENT_OK)
		text = object_text(&answer.body);
	if (text != NULL) {
		compare(c, sender, text, strlen(text));
		remember(cs, c->source, path, text, strlen(text));
	} else if (answer.result == CLIENT_MISSING) {
		say_missing(c, sender);
	} else {
		note_trouble(trouble, &answer);
		c->result = CONFIRMATION_LATER;
		c->wait = FAILED_WAIT;
		(void)snprintf(c->why, sizeof(c->why), "%s", trouble->why);
	}
	buf_free(&answer.body);
}

static void answer(struct confirms *cs, struct task *t, struct confirmation *c)
{
	const struct trouble *trouble = trouble_of(cs, c->source);
	const struct remembered *known;
	char path[160];

	if (!find_path(c, t->source->sender, path, sizeof(path))) {
		c->result = CONFIRMATION_YES; /* there is nothing to ask about */
	} else if ((known = recall(cs, c->source, path)) != NULL) {
		compare(c, t->source->sender, known->text, known->len);
	} else if (trouble->until > clock_steady()) {
		c->result = CONFIRMATION_LATER;
		c->wait = trouble->until - clock_steady();
		(void)snprintf(c->why, sizeof(c->why), "%s", trouble->why);
	} else {
		ask(cs, t, c, path);
	}
	c->done(c);
}

void confirms_answer(struct confirms *cs, struct task *t)
{
	struct confirmation *c;

	if (t->confirming) /* its own questions come here, too */
		return;
	t->confirming = true;
	while ((c = take(cs, is_same, t->source->name)) != NULL)
		answer(cs, t, c);
	t->confirming = false;
}
