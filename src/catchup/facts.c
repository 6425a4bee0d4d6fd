#include "facts.h"

#include "answer.h"
#include "base/clock.h"
#include "base/json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asking {
	struct task *t;
	char type[80];                        /* of an event of the list; "": there is none */
	char entity[160];                     /* the path of a transaction or payout; "" */
	const struct sender_api_entity *kind; /* its row */
	char currency[80];                    /* the path of its currency; "" */
	struct buf limits;                    /* headers that speak of limits */
};

static void give(struct asking *a, const char *question, const char *format, ...) PRINTF(3, 4);

static void give(struct asking *a, const char *question, const char *format, ...)
{
	struct buf text = {0}, shown = {0};
	va_list args;

	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	buf_add_escaped(&shown, text.data != NULL ? text.data : "", text.len, '\0');
	if (buf_ok(&text) && buf_ok(&shown))
		a->t->order->fact(
			a->t->order->arg, &(struct catchup_fact){a->t->source->name, question,
						  shown.data != NULL ? shown.data : ""});
	a->t->order->found++;
	buf_free(&text);
	buf_free(&shown);
}

/* False: the failure is the answer. */
static bool get(
	struct asking *a, const char *question, const char *path, struct client_answer *answer)
{
	task_get_once(a->t, path, answer);
	if (answer->limits[0] != '\0') {
		buf_clear(&a->limits);
		buf_add_text(&a->limits, answer->limits);
	}
	if (answer->result == CLIENT_OK)
		return true;
	give(a, question, "%s", answer->why);
	return false;
}

static const char *text_of(const struct client_answer *answer)
{
	return answer->body.data != NULL ? answer->body.data : "";
}

/* ---- events ---- */

static const char *order_of(const struct answer_list *list)
{
	bool rose = false, fell = false;

	for (size_t i = 1; i < list->count; i++) {
		rose = rose || list->rows[i].created_at > list->rows[i - 1].created_at;
		fell = fell || list->rows[i].created_at < list->rows[i - 1].created_at;
	}
	return rose && fell ? "mixed" : rose ? "oldest first" : fell ? "newest first" : "not seen";
}

static const char *entity_form(const json_t *row)
{
	const json_t *entity = json_object_get(row, "entity");

	return json_is_string(entity)   ? "a JSON text"
	       : json_is_object(entity) ? "an object"
	       : json_is_array(entity)  ? "an array"
					: "none";
}

static void note_examples(struct asking *a, const struct answer_event *row)
{
	const struct sender_api *api = a->t->source->sender->api;
	char room[JSON_NUMBER];
	json_t *entity = NULL;

	if (row->unreadable)
		return;
	if (a->type[0] == '\0')
		(void)snprintf(a->type, sizeof(a->type), "%s", row->type);
	for (const struct sender_api_entity *e = api->entities; a->kind == NULL && e->kind != NULL;
		e++)
		if (row->object != NULL && strcmp(row->object, e->kind) == 0 &&
			json_is_integer(row->object_id)) {
			a->kind = e;
			(void)snprintf(a->entity, sizeof(a->entity), "%s%s", e->path,
				json_number_text(row->object_id, room));
		}
	if (a->currency[0] != '\0' || row->entity == NULL ||
		!json_read(row->entity, strlen(row->entity), NULL, &entity, NULL))
		return;
	for (const struct sender_api_part *p = api->parts; p->name != NULL; p++)
		if (strcmp(p->name, "currency") == 0 && p->id != NULL &&
			json_is_integer(json_object_get(entity, p->id)))
			(void)snprintf(a->currency, sizeof(a->currency), "%s%s", p->path,
				json_number_text(json_object_get(entity, p->id), room));
	json_decref(entity);
}

static void tell_list(struct asking *a, const struct answer_list *list)
{
	const json_t *meta = json_object_get(list->root, "meta");
	char newest[CLOCK_TEXT] = "-", oldest[CLOCK_TEXT] = "-";
	char *shown = meta != NULL ? json_text(meta, JSON_COMPACT) : NULL;
	const struct answer_event *first = list->rows, *last;

	give(a, "events, per_page=1000", "%zu rows; meta %s", list->count,
		shown != NULL ? shown : "none");
	free(shown);
	if (list->count == 0)
		return;
	last = &list->rows[list->count - 1];
	if (!first->unreadable)
		clock_format(first->created_at, newest);
	if (!last->unreadable)
		clock_format(last->created_at, oldest);
	give(a, "events, order", "%s; first %s, last %s", order_of(list), newest, oldest);
	give(a, "events, form", "type in \"%s\", id %s, entity %s",
		json_object_get(first->raw, "type") != NULL ? "type" : "name",
		json_is_number(json_object_get(first->raw, "id")) ? "a number" : "a text",
		entity_form(first->raw));
	for (size_t i = 0; i < list->count; i++)
		note_examples(a, &list->rows[i]);
}

static void ask_list(struct asking *a)
{
	struct client_answer answer;
	struct answer_list list;
	char path[200];

	(void)snprintf(
		path, sizeof(path), "%s?page=1&per_page=1000", a->t->source->sender->api->events);
	if (get(a, "events", path, &answer)) {
		if (answer_read_events(text_of(&answer), answer.body.len, &list) == ANSWER_OK)
			tell_list(a, &list);
		else
			give(a, "events", "not a list of events");
		answer_list_free(&list);
	}
	buf_free(&answer.body);
}

static void ask_depth(struct asking *a)
{
	struct client_answer answer;
	struct answer_list list;
	char path[200];

	(void)snprintf(
		path, sizeof(path), "%s?page=500&per_page=100", a->t->source->sender->api->events);
	if (get(a, "events, page 500 of 100", path, &answer)) {
		if (answer_read_events(text_of(&answer), answer.body.len, &list) == ANSWER_OK)
			give(a, "events, page 500 of 100", "%zu rows", list.count);
		else
			give(a, "events, page 500 of 100", "not a list of events");
		answer_list_free(&list);
	}
	buf_free(&answer.body);
}

static void ask_filter(struct asking *a)
{
	struct client_answer answer;
	struct answer_list list;
	size_t others = 0;
	char path[300];

	if (a->type[0] == '\0' || strpbrk(a->type, "%&#+? ") != NULL)
		return;
	(void)snprintf(path, sizeof(path),
		"%s?page=1&per_page=100&match=must&filters%%5Btype%%5D=%s",
		a->t->source->sender->api->events, a->type);
	if (get(a, "events, filters[type]", path, &answer)) {
		if (answer_read_events(text_of(&answer), answer.body.len, &list) == ANSWER_OK) {
			for (size_t i = 0; i < list.count; i++)
				others += list.rows[i].unreadable ||
					  strcmp(list.rows[i].type, a->type) != 0;
			give(a, "events, filters[type]", "%zu of %zu rows are of another type: %s",
				others, list.count, others == 0 ? "it works" : "it does not work");
		}
		answer_list_free(&list);
	}
	buf_free(&answer.body);
}

/* ---- what an entity has ---- */

static void tell_parts(struct asking *a, const char *question, const json_t *entity)
{
	struct buf has = {0};

	for (const struct sender_api_part *p = a->t->source->sender->api->parts; p->name != NULL;
		p++)
		buf_printf(&has, "%s%s %s", has.len > 0 ? ", " : "", p->name,
			json_is_object(json_object_get(entity, p->name)) ? "yes" : "no");
	give(a, question, "%s", has.data != NULL ? has.data : "");
	buf_free(&has);
}

static void ask_entity(struct asking *a)
{
	struct client_answer answer;
	json_t *entity = NULL;
	char path[300];

	if (a->kind == NULL)
		return;
	(void)snprintf(path, sizeof(path), "%s?%s", a->entity, a->t->source->sender->api->include);
	if (get(a, "one entity, include", path, &answer) &&
		answer_read_object(text_of(&answer), answer.body.len, &entity) == ANSWER_OK)
		tell_parts(a, "one entity, include", entity);
	json_decref(entity);
	buf_free(&answer.body);
}

static void ask_search(struct asking *a)
{
	struct client_answer answer;
	json_t *rows = NULL;
	char path[300];

	if (a->kind == NULL || a->kind->search == NULL)
		return;
	(void)snprintf(path, sizeof(path), "%s&page=1&per_page=100&%s", a->kind->search,
		a->t->source->sender->api->include);
	if (get(a, "search, include", path, &answer) &&
		answer_read_objects(text_of(&answer), answer.body.len, &rows) == ANSWER_OK)
		tell_parts(a, "search, include", json_array_get(rows, 0));
	json_decref(rows);
	buf_free(&answer.body);
}

static void ask_currency(struct asking *a)
{
	struct client_answer answer;
	json_t *currency = NULL;
	const char *iso;

	if (a->currency[0] == '\0')
		return;
	if (get(a, "currency", a->currency, &answer) &&
		answer_read_object(text_of(&answer), answer.body.len, &currency) == ANSWER_OK) {
		iso = json_string_value(json_object_get(currency, "iso"));
		give(a, "currency", "%s, div %" JSON_INTEGER_FORMAT, iso != NULL ? iso : "?",
			json_integer_value(json_object_get(currency, "div")));
	}
	json_decref(currency);
	buf_free(&answer.body);
}

/* ---- webhooks ---- */

static const char *flag(const json_t *row, const char *name)
{
	const json_t *value = json_object_get(row, name);

	return json_is_true(value) ? "true" : json_is_false(value) ? "false" : "not shown";
}

static void tell_webhook(struct asking *a, const json_t *row)
{
	const char *url = json_string_value(json_object_get(row, "url")), *name;
	struct buf names = {0};
	json_t *tree = (json_t *)(uintptr_t)row; /* for jansson's iterators, which change nothing */
	json_t *value;

	json_object_foreach(tree, name, value)
	{
		buf_printf(&names, "%s%s", names.len > 0 ? " " : "", name);
	}
	give(a, "webhook",
		"%" JSON_INTEGER_FORMAT
		" %s: enabled %s, ssl_verify %s, disable_on_error %s; members: %s",
		json_integer_value(json_object_get(row, "id")), url != NULL ? url : "?",
		flag(row, "enabled"), flag(row, "ssl_verify"), flag(row, "disable_on_error"),
		names.data != NULL ? names.data : "");
	buf_free(&names);
}

static void ask_webhooks(struct asking *a)
{
	struct client_answer answer;
	json_t *rows = NULL;
	char path[200];

	(void)snprintf(
		path, sizeof(path), "%s?page=1&per_page=100", a->t->source->sender->api->webhooks);
	if (get(a, "webhooks", path, &answer) &&
		answer_read_objects(text_of(&answer), answer.body.len, &rows) == ANSWER_OK) {
		give(a, "webhooks", "%zu", json_array_size(rows));
		for (size_t i = 0; i < json_array_size(rows); i++)
			tell_webhook(a, json_array_get(rows, i));
	}
	json_decref(rows);
	buf_free(&answer.body);
}

enum task_end facts_ask(struct task *t)
{
	static void (*const questions[])(struct asking * a) = {ask_list, ask_depth, ask_filter,
		ask_entity, ask_search, ask_currency, ask_webhooks};
	struct asking a = {.t = t};

	for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++) {
		if (task_stopped(t) || !task_sleep(t, 0)) {
			buf_free(&a.limits);
			return TASK_STOPPED;
		}
		questions[i](&a);
	}
	give(&a, "headers of a limit", "%s", a.limits.len > 0 ? a.limits.data : "none seen");
	buf_free(&a.limits);
	return TASK_WHOLE;
}
