/* catchup/refresh.c - one entity as the API shows it now: the events that its state implies, and
 * that neither webhook nor sweep has brought, are stored as those of a sweep are. */
#include "answer.h"
#include "base/clock.h"
#include "base/json.h"
#include "compose.h"
#include "event/lifecycle.h"
#include "event/payment.h"
#include "parts.h"
#include "task.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 160

/* ---- what the API says ---- */

static const struct sender_api_entity *find_kind(const struct task *t, const char *kind)
{
	const struct sender_api_entity *e = t->source->sender->api->entities;

	while (e->kind != NULL && strcmp(e->kind, kind) != 0)
		e++;
	return e->kind != NULL ? e : NULL;
}

static bool is_of(const json_t *object, const char *id)
{
	const json_t *own = json_object_get(object, "id");
	char room[JSON_NUMBER];
	const char *text =
		json_is_number(own) ? json_number_text(own, room) : json_string_value(own);

	return text != NULL && strcmp(text, id) == 0;
}

/* *object is new; NULL unless the end is TASK_WHOLE. */
static enum task_end read_entity(struct task *t, const char *kind, const char *id, json_t **object)
{
	const struct sender_api_entity *e = find_kind(t, kind);
	const struct sender *sender = t->source->sender;
	struct client_answer answer;
	enum task_end end = TASK_INCOMPLETE;
	char path[PATH_BYTES];

	*object = NULL;
	if (e == NULL || !task_is_plain_id(id)) {
		task_note(t, "%s's API has no %s of the id %s", sender->title, kind, id);
		return TASK_INCOMPLETE;
	}
	(void)snprintf(path, sizeof(path), "%s%s?%s", e->path, id, sender->api->include);
	task_get(t, path, &answer);
	if (answer.result == CLIENT_MISSING)
		task_note(t, "%s does not have %s:%s, or the API key is of the other mode",
			sender->title, kind, id);
	else if (answer.result != CLIENT_OK)
		end = task_end_of(t, &answer);
	else if (answer_read_object(answer.body.data != NULL ? answer.body.data : "",
			 answer.body.len, object) != ANSWER_OK)
		task_note(t, "the API cannot be read: no object in its answer");
	else if (!is_of(*object, id))
		task_note(t, "the API cannot be read: its answer is not %s:%s", kind, id);
	else
		end = TASK_WHOLE;
	if (end != TASK_WHOLE) {
		json_decref(*object);
		*object = NULL;
	}
	buf_free(&answer.body);
	return end;
}

static const char *status_of(const struct task *t, const json_t *object)
{
	return json_string_value(json_object_get(object, t->source->sender->api->status));
}

/* To whom ordered it: "transaction:7" is "approved, 5 000 FCFA". */
static void tell(struct task *t, const char *kind, const char *id, const json_t *object)
{
	const char *status = status_of(t, object);
	struct catchup_fact fact = {.source = t->source->name};
	struct buf question = {0}, answer = {0};
	struct payment payment = {0};
	char *text = json_text(object, JSON_COMPACT);

	buf_printf(&question, "%s:%s", kind, id);
	buf_add_text(&answer, status != NULL ? status : "nothing of its state");
	if (text != NULL && payment_read(&payment, &t->source->sender->shape, text, strlen(text)) &&
		*payment.amount != '\0') {
		buf_add_text(&answer, ", ");
		payment_add_money(&answer, &payment, payment.amount);
	}
	fact.question = question.data;
	fact.answer = answer.data;
	if (buf_ok(&question) && buf_ok(&answer))
		t->order->fact(t->order->arg, &fact);
	payment_free(&payment);
	free(text);
	buf_free(&question);
	buf_free(&answer);
}

/* ---- the events that it implies ---- */

static bool is_type(const struct sender *sender, const char *type)
{
	for (size_t i = 0; sender->types[i] != NULL; i++)
		if (strcmp(sender->types[i], type) == 0)
			return true;
	return false;
}

static bool compose(const char *kind, const char *type, const json_t *object, struct buf *body)
{
	char *text = json_text(object, JSON_COMPACT);
	const struct answer_event row = {
		.type = type,
		.object = kind,
		.object_id = json_object_get(object, "id"),
		.entity = text,
		.raw = object,
	};
	bool good = text != NULL && compose_body(&row, body);

	free(text);
	return good;
}

/* When it came into the state. Without that time the event could not be told from the copy that a
 * webhook may still bring: it would be acted on twice. */
static bool has_moment(const json_t *object, const char *state, int64_t *at)
{
	char name[64];
	const json_t *moment;

	(void)snprintf(name, sizeof(name), "%s_at", state);
	moment = json_object_get(object, name);
	return json_is_string(moment) &&
	       clock_parse(json_string_value(moment), json_string_length(moment), at);
}

static void tell_no_moment(struct task *t, const char *type, const char *state)
{
	struct catchup_fact fact = {.source = t->source->name, .question = type};
	char answer[120];

	(void)snprintf(answer, sizeof(answer),
		"not stored, as the API does not say when (%.40s_at)", state);
	fact.answer = answer;
	if (t->order != NULL)
		t->order->fact(t->order->arg, &fact);
}

static enum task_end fill_type(
	struct task *t, const char *kind, const char *type, const json_t *object)
{
	struct buf body = {0};
	enum task_end end = TASK_LATER;
	bool had = false;

	if (compose(kind, type, object, &body))
		end = fill_body(t, &body, &had);
	else
		task_note(t, "out of memory");
	buf_free(&body);
	return end;
}

/* No sender has an event for every state. What happened before hookd first asked is stored by hand
 * only, as in a sweep. */
static enum task_end fill_state(
	struct task *t, const char *kind, const char *state, const json_t *object)
{
	struct buf type = {0};
	enum task_end end = TASK_WHOLE;
	int64_t at;

	buf_printf(&type, "%s.%s", kind, state);
	if (buf_ok(&type) && is_type(t->source->sender, type.data)) {
		if (!has_moment(object, state, &at))
			tell_no_moment(t, type.data, state);
		else if (t->order != NULL || at >= t->state.begun_at)
			end = fill_type(t, kind, type.data, object);
	}
	buf_free(&type);
	return end;
}

/* First the state before, if what it means still holds: transferred is approved, too. */
static enum task_end fill_states(
	struct task *t, const char *kind, const char *status, const json_t *object)
{
	const struct lifecycle_state *states = t->source->sender->states;
	struct buf type = {0};
	const struct lifecycle_state *state = NULL;
	enum task_end end = TASK_WHOLE;

	buf_printf(&type, "%s.%s", kind, status);
	if (buf_ok(&type))
		state = lifecycle_find(states, type.data);
	buf_free(&type);
	if (state == NULL)
		return TASK_WHOLE;
	if (state->keeps && state->before != NULL)
		end = fill_state(t, kind, state->before, object);
	return end == TASK_WHOLE ? fill_state(t, kind, status, object) : end;
}

enum task_end refresh_entity(struct task *t, const char *kind, const char *id)
{
	const char *status;
	json_t *object;
	enum task_end end = read_entity(t, kind, id, &object);

	if (end != TASK_WHOLE)
		return end;
	status = status_of(t, object);
	if (t->order != NULL)
		tell(t, kind, id, object);
	if (status != NULL)
		end = fill_states(t, kind, status, object);
	parts_forget(t);
	json_decref(object);
	return end;
}
