#include "known.h"

#include "base/clock.h"
#include "conf/match.h"
#include "event/delivery.h"
#include "event/document.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 2 /* edits: a name that differs by more is another */

/* A made-up event of a type. */
struct sample {
	const struct sender *sender;
	const char *type;
	json_t *event;
};

struct conf_known {
	struct sample *samples;
	size_t count;
	json_t *facts; /* "hookd" and "failure" */
};

/* ---- made-up events ---- */

/* The JSON of a body with its entity. NULL: out of memory. */
static json_t *read_body(const struct buf *body)
{
	json_t *root = NULL, *entity;

	if (document_parse(body->data, body->len, &root) && !document_entity(root, &entity)) {
		json_decref(root);
		root = NULL;
	}
	return root;
}

static bool add_sample(struct conf_known *known, const struct sender *sender, const char *type)
{
	const struct sender_sample sample = {
		.type = type, .amount = sender->sample_amount, .now = clock_wall()};
	struct sample *samples =
		reallocarray(known->samples, known->count + 1, sizeof(*known->samples));
	struct buf body = {0};
	json_t *event = NULL;

	if (samples == NULL)
		return false;
	known->samples = samples;
	if (sender->sample(&sample, &body))
		event = read_body(&body);
	buf_free(&body);
	samples[known->count] = (struct sample){sender, type, event};
	known->count += event != NULL;
	return event != NULL;
}

static json_t *make_facts(void)
{
	char none[] = "", body[] = "{}";
	struct delivery_failure failure = {.hook = none, .reason = none};
	const struct delivery_job job = {.source = none,
		.type = none,
		.idempotency_key = none,
		.origin = none,
		.payload = body,
		.payload_len = strlen(body),
		.received_at = 1,
		.occurred_at = 1,
		.failure = &failure};

	return document_of_job(&job, "");
}

/* What is known, made when it is first needed. NULL: out of memory, reported. */
static const struct conf_known *known_of(struct conf_reader *r)
{
	bool good = true;

	if (r->known != NULL)
		return r->known;
	r->known = calloc(1, sizeof(*r->known));
	if (r->known != NULL)
		r->known->facts = make_facts();
	good = r->known != NULL && r->known->facts != NULL;
	for (size_t i = 0; good && sender_at(i) != NULL; i++)
		for (size_t k = 0; good && sender_at(i)->types[k] != NULL; k++)
			good = add_sample(r->known, sender_at(i), sender_at(i)->types[k]);
	if (good)
		return r->known;
	r->errors.no_memory = true;
	return NULL;
}

void conf_known_free(struct conf_known *known)
{
	if (known == NULL)
		return;
	for (size_t i = 0; i < known->count; i++)
		json_decref(known->samples[i].event);
	free(known->samples);
	json_decref(known->facts);
	free(known);
}

/* ---- paths ---- */

static bool is_index(const char *step)
{
	return step[0] != '\0' && step[strspn(step, "0123456789")] == '\0';
}

/* Nothing is known of what is below. */
static bool is_open(const json_t *value)
{
	return json_is_null(value) || (json_is_object(value) && json_object_size(value) == 0) ||
	       (json_is_array(value) && json_array_size(value) == 0);
}

/* Follows a path from its step `from` on. Returns how many steps were found; *at is the value
 * there. All items of a list are like its first. */
static size_t follow(const struct path *path, size_t from, json_t *root, json_t **at)
{
	size_t i = from;

	for (*at = root; i < path_count(path); i++) {
		const char *step = path_step(path, i);
		json_t *next = NULL;

		if (is_open(*at))
			return path_count(path);
		if (json_is_array(*at) && is_index(step))
			next = json_array_get(*at, 0);
		else if (json_is_object(*at))
			next = json_object_get(*at, step);
		if (next == NULL)
			break;
		*at = next;
	}
	return i;
}

static bool is_in(const struct path *path, json_t *root)
{
	json_t *at;

	return follow(path, 0, root, &at) == path_count(path);
}

/* Is it one that samples lack, or below it? */
static bool is_optional(const struct sender *sender, const char *text)
{
	for (size_t i = 0; sender->optional[i] != NULL; i++) {
		size_t len = strlen(sender->optional[i]);

		if (strncmp(text, sender->optional[i], len) == 0 &&
			(text[len] == '\0' || text[len] == '.'))
			return true;
	}
	return false;
}

static bool is_sender_of(const struct conf_events *events, const struct sender *sender)
{
	return events->hook == NULL || events->hook->source->sender == sender;
}

/* Is there a type that the hook gets? If not, each of its sender's is looked at. */
static bool gets_some(const struct conf_known *known, const struct conf_events *events)
{
	for (size_t i = 0; i < known->count; i++)
		if (is_sender_of(events, known->samples[i].sender) &&
			match_on(events->hook, known->samples[i].type))
			return true;
	return false;
}

/* by_type: in an event that the hook gets; else in any of its sender. */
static bool is_known(const struct conf_known *known, const struct conf_events *events,
	const struct path *path, bool by_type)
{
	for (size_t i = 0; sender_at(i) != NULL; i++)
		if (is_sender_of(events, sender_at(i)) &&
			is_optional(sender_at(i), path_text(path)))
			return true;
	for (size_t i = 0; i < known->count; i++) {
		const struct sample *s = &known->samples[i];

		if (is_sender_of(events, s->sender) &&
			(!by_type || match_on(events->hook, s->type)) && is_in(path, s->event))
			return true;
	}
	return false;
}

/* ---- what was probably meant ---- */

static void add_steps(struct buf *out, const struct path *path, size_t from, size_t to)
{
	for (size_t i = from; i < to; i++)
		buf_printf(out, "%s%s", out->len > 0 ? "." : "", path_step(path, i));
}

/* One step is misspelt: the rest of the path is there with the right one. */
static bool guess_step(const struct path *path, json_t *root, struct buf *out)
{
	json_t *at, *end;
	size_t good = follow(path, 0, root, &at), all = path_count(path);
	struct conf_guess guess = {.word = path_step(path, good)};
	const char *key;
	json_t *value;

	if (!json_is_object(at))
		return false;
	json_object_foreach(at, key, value)
	{
		if (follow(path, good + 1, value, &end) == all)
			conf_guess_try(&guess, key);
	}
	if (guess.best == NULL || guess.distance > NEAR)
		return false;
	add_steps(out, path, 0, good);
	buf_printf(out, "%s%s", out->len > 0 ? "." : "", guess.best);
	add_steps(out, path, good + 1, all);
	return buf_ok(out);
}

/* It is right, but begins somewhere inside: "amount", "entity.email". */
static bool guess_inner(
	const struct path *path, size_t from, json_t *outer, const char *name, struct buf *out)
{
	json_t *end, *inside = name[0] != '\0' ? json_object_get(outer, name) : outer;
	const char *key;
	json_t *value;

	json_object_foreach(inside, key, value)
	{
		if (!json_is_object(value) || is_open(value) ||
			follow(path, from, value, &end) != path_count(path) || end == value)
			continue;
		buf_printf(out, "%s%s%s.", name, name[0] != '\0' ? "." : "", key);
		for (size_t i = from; i < path_count(path); i++)
			buf_printf(out, "%s%s", i > from ? "." : "", path_step(path, i));
		return buf_ok(out);
	}
	return false;
}

static bool guess_path(const struct path *path, json_t *event, const char *entity, struct buf *out)
{
	bool inside = strcmp(path_step(path, 0), entity) == 0;
	json_t *end, *value = json_object_get(event, entity);

	if (!inside && follow(path, 0, value, &end) == path_count(path)) {
		buf_printf(out, "%s.%s", entity, path_text(path));
		return buf_ok(out);
	}
	return guess_step(path, event, out) ||
	       guess_inner(path, inside ? 1 : 0, event, entity, out);
}

/* Appends ` (did you mean "…"?)` if there is one. */
static void suggest(const struct conf_known *known, const struct conf_events *events,
	const struct path *path, bool by_type, struct buf *out)
{
	struct buf meant = {0};
	char quoted[CONF_QUOTED];
	bool found = false;

	for (size_t i = 0; i < known->count && !found; i++) {
		const struct sample *s = &known->samples[i];

		if (!is_sender_of(events, s->sender) ||
			(by_type && !match_on(events->hook, s->type)))
			continue;
		buf_clear(&meant);
		found = guess_path(path, s->event, s->sender->shape.entity, &meant);
	}
	if (found)
		buf_printf(out, " (did you mean %s?)", conf_quote(meant.data, quoted));
	buf_free(&meant);
}

/* ---- warnings ---- */

static const char *title_of(const struct conf_events *events)
{
	return events->hook != NULL ? events->hook->source->sender->title : sender_default()->title;
}

/* ` (did you mean "…"?)`, or "". */
static const char *suggest_fact(
	const struct conf_known *known, const struct path *path, struct buf *out)
{
	struct buf meant = {0};
	char quoted[CONF_QUOTED];

	if (guess_step(path, known->facts, &meant))
		buf_printf(out, " (did you mean %s?)", conf_quote(meant.data, quoted));
	buf_free(&meant);
	return out->data != NULL ? out->data : "";
}

/* Of hookd's own facts: all are known. */
static void check_fact(const struct conf_value *v, struct conf_place at,
	const struct conf_known *known, const struct conf_events *events, const struct path *path)
{
	bool failure = strcmp(path_step(path, 0), "failure") == 0;
	struct buf meant = {0};
	char shown[CONF_QUOTED];

	conf_quote(path_text(path), shown);
	if (!events->facts)
		conf_warn_at(v, at, "%s is never there: a condition sees the event alone", shown);
	else if (failure && !events->failure)
		conf_warn_at(v, at, "%s is never there: only \"on_failure\" has it", shown);
	else if (!is_in(path, known->facts))
		conf_warn_at(v, at, "%s is not among hookd's own%s", shown,
			suggest_fact(known, path, &meant));
	buf_free(&meant);
}

void conf_know_path(const struct conf_value *v, struct conf_place at,
	const struct conf_events *events, const struct path *path, bool optional)
{
	const struct conf_known *known = known_of(events->reader);
	struct buf meant = {0};
	char quoted[CONF_QUOTED];
	bool by_type;

	if (known == NULL || conf_value_has_environment(v))
		return;
	if (json_object_get(known->facts, path_step(path, 0)) != NULL) {
		check_fact(v, at, known, events, path);
		return;
	}
	by_type = events->hook != NULL && gets_some(known, events);
	if (is_known(known, events, path, by_type))
		return;
	suggest(known, events, path, by_type, &meant);
	if (!optional || meant.len > 0)
		conf_warn_at(v, at, "%s is in no event of %s that %s%s",
			conf_quote(path_text(path), quoted), title_of(events),
			is_known(known, events, path, false) ? "this hook gets" : "hookd knows",
			meant.data != NULL ? meant.data : "");
	buf_free(&meant);
}

/* The kind before the first dot, with .* behind it. */
static void guess_kind(struct conf_guess *guess, const char *type, char room[64])
{
	const char *dot = strchr(type, '.');

	if (dot != NULL && guess->best == NULL)
		snprintf(room, 64, "%.*s.*", (int)(dot - type), type);
	if (dot != NULL && guess->best == NULL)
		conf_guess_try(guess, room);
}

void conf_know_type(const struct conf_value *v, const struct sender *sender, const char *glob)
{
	struct conf_guess guess = {.word = glob};
	char quoted[CONF_QUOTED], meant[CONF_GUESS], room[64];

	for (size_t i = 0; sender->types[i] != NULL; i++) {
		if (match_type(glob, sender->types[i]))
			return;
		if (strpbrk(glob, "*?[\\") == NULL)
			conf_guess_try(&guess, sender->types[i]);
		else
			guess_kind(&guess, sender->types[i], room);
	}
	if (conf_value_has_environment(v))
		guess.best = NULL;
	conf_warn(v, "%s fits no event type of %s that hookd knows%s", conf_value_quote(v, quoted),
		sender->title, conf_guess_text(&guess, meant));
}

void conf_know_value(const struct conf_value *v, const struct conf_events *events, const char *path,
	const char *text)
{
	const struct sender *sender = events->hook->source->sender;
	const struct sender_values *values = sender->values;
	struct conf_guess guess = {.word = text};
	char quoted[CONF_QUOTED], meant[CONF_GUESS];

	while (values->path != NULL && strcmp(values->path, path) != 0)
		values++;
	if (values->path == NULL)
		return;
	for (size_t i = 0; values->words[i] != NULL; i++) {
		if (strcmp(values->words[i], text) == 0)
			return;
		conf_guess_try(&guess, values->words[i]);
	}
	if (conf_value_has_environment(v))
		guess.best = NULL;
	conf_warn(v, "%s: hookd knows no %s %s of %s%s", path, values->what,
		conf_value_quote(v, quoted), sender->title, conf_guess_text(&guess, meant));
}
