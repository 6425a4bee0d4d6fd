#include "event/contradiction.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/money.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { STATES = 32 /* of a life cycle; more are compared all the same */ };

struct search {
	const struct lifecycle_state *states;
	const struct contradiction_event *events;
	size_t count;
	contradiction_seen *seen;
	void *arg;
	bool told[STATES][STATES]; /* by their places in `states` */
	bool failed;               /* out of memory */
};

static void report(struct search *s, const struct contradiction_event *e, struct buf *text)
{
	const struct contradiction c = {.event = e->id, .text = text->data};

	if (!buf_ok(text))
		s->failed = true;
	else
		s->seen(s->arg, &c);
	buf_free(text);
}

/* ---- states ---- */

/* Those two are reported once. */
static bool is_new(
	struct search *s, const struct lifecycle_state *a, const struct lifecycle_state *b)
{
	size_t one = (size_t)(a - s->states), other = (size_t)(b - s->states);

	if (one >= STATES || other >= STATES)
		return true;
	bool known = s->told[one][other];
	s->told[one][other] = true;
	return !known;
}

static void add_state(struct buf *out, const struct lifecycle_state *state, int64_t event)
{
	buf_printf(out, "\"%s\" (event %" PRId64 ")", state->name, event);
}

/* Is `early` a state that cannot follow that of `late`, and did it? Every entity was created first:
 * that its time says otherwise means nothing. */
static bool is_reversed(const struct search *s, const struct contradiction_event *early,
	const struct contradiction_event *late)
{
	int rank = lifecycle_rank(s->states, early->type);

	return early->state_at != 0 && late->state_at != 0 && early->state_at > late->state_at &&
	       rank > 0 && rank < lifecycle_rank(s->states, late->type) &&
	       lifecycle_is_settled(s->states, late->type);
}

static void compare_times(struct search *s, const struct contradiction_event *early,
	const struct contradiction_event *late, const struct contradiction_event *last)
{
	const struct lifecycle_state *a = lifecycle_find(s->states, early->type);
	const struct lifecycle_state *b = lifecycle_find(s->states, late->type);
	struct buf text = {0};

	if (a == NULL || b == NULL || !is_reversed(s, early, late) || !is_new(s, a, b))
		return;
	add_state(&text, b, late->id);
	buf_add_text(&text, " was before ");
	add_state(&text, a, early->id);
	report(s, last, &text);
}

static void compare_outcomes(struct search *s, const struct contradiction_event *first,
	const struct contradiction_event *last)
{
	const struct lifecycle_state *a = lifecycle_find(s->states, first->type);
	const struct lifecycle_state *b = lifecycle_find(s->states, last->type);
	struct buf text = {0};

	if (a == NULL || b == NULL || a == b || !a->outcome || !b->outcome || !is_new(s, a, b) ||
		!is_new(s, b, a))
		return;
	add_state(&text, a, first->id);
	buf_add_text(&text, " and ");
	add_state(&text, b, last->id);
	buf_add_text(&text, " exclude each other");
	report(s, last, &text);
}

/* ---- amounts ---- */

static bool has_amount(const struct contradiction_event *e)
{
	return *e->payment->amount != '\0';
}

static bool minor_of(const struct payment *p, const char *amount, int64_t *minor)
{
	return money_minor(minor, amount, strlen(amount), p->currency, strlen(p->currency));
}

/* As far as is known: one may have no currency. */
static bool same_amount(const struct payment *a, const struct payment *b)
{
	int64_t minor_a, minor_b;

	if (*a->currency != '\0' && *b->currency != '\0' &&
		strcasecmp(a->currency, b->currency) != 0)
		return false;
	if (minor_of(a, a->amount, &minor_a) && minor_of(b, b->amount, &minor_b))
		return minor_a == minor_b;
	return strcmp(a->amount, b->amount) == 0;
}

static void add_money(struct buf *out, const struct payment *p, const char *amount)
{
	struct buf money = {0};

	payment_add_money(&money, p, amount);
	if (money.data != NULL)
		buf_add_escaped(out, money.data, money.len, '\0');
	out->failed |= money.failed;
	buf_free(&money);
}

/* With those that arrived before. The amount may have been changed: an update reports it. */
static void compare_amount(struct search *s, size_t at)
{
	const struct contradiction_event *e = &s->events[at], *other = NULL;
	struct buf text = {0};

	if (lifecycle_state(s->states, e->type) == NULL || !has_amount(e))
		return;
	for (size_t i = 0; i < at; i++) {
		if (!has_amount(&s->events[i]))
			continue;
		if (same_amount(s->events[i].payment, e->payment))
			return;
		other = &s->events[i];
	}
	if (other == NULL)
		return;
	buf_printf(&text, "event %" PRId64 " has another amount, ", e->id);
	add_money(&text, e->payment, e->payment->amount);
	buf_printf(&text, ", than event %" PRId64 ", ", other->id);
	add_money(&text, other->payment, other->payment->amount);
	report(s, e, &text);
}

/* ---- refunds ---- */

/* The id of a refund; without one, its place in the list. */
static bool add_refund(
	json_t *all, const struct event_payment *names, const json_t *refund, size_t at)
{
	const json_t *id = json_object_get(refund, names->id);
	json_t *amount = json_object_get(refund, names->amount);
	char room[JSON_NUMBER], place[32];
	const char *key = place;

	if (amount == NULL)
		return true;
	(void)snprintf(place, sizeof(place), "#%zu", at);
	if (json_is_string(id))
		key = json_string_value(id);
	else if (json_is_number(id))
		key = json_number_text(id, room);
	return json_object_set(all, key, amount) == 0;
}

static bool sum_refunds(json_t *all, const struct payment *p, int64_t *sum)
{
	char room[JSON_NUMBER];
	json_t *amount;
	const char *key;
	int64_t minor;

	*sum = 0;
	json_object_foreach(all, key, amount)
	{
		const char *text = json_is_number(amount) ? json_number_text(amount, room)
							  : json_string_value(amount);

		if (text == NULL || !minor_of(p, text, &minor) ||
			__builtin_add_overflow(*sum, minor, sum))
			return false;
	}
	return true;
}

static void report_refunds(struct search *s, const struct contradiction_event *e, int64_t sum)
{
	struct buf text = {0};
	char digits[24];

	(void)snprintf(digits, sizeof(digits), "%" PRId64, sum);
	buf_add_text(&text, "the refunds, ");
	add_money(&text, e->payment, digits);
	buf_add_text(&text, ", are more than the payment, ");
	add_money(&text, e->payment, e->payment->amount);
	buf_printf(&text, " (event %" PRId64 ")", e->id);
	report(s, e, &text);
}

/* Adds those that an event lists to `all`. Are they more than the payment now? */
static bool exceeds(struct search *s, const struct event_payment *names, json_t *all,
	const struct contradiction_event *e, int64_t *sum)
{
	size_t count = json_array_size(e->payment->refunds);
	int64_t paid;

	for (size_t i = 0; i < count; i++)
		if (!add_refund(all, names, json_array_get(e->payment->refunds, i), i))
			s->failed = true;
	return count > 0 && minor_of(e->payment, e->payment->amount, &paid) &&
	       sum_refunds(all, e->payment, sum) && *sum > paid;
}

/* Each refund counts once, however many events list it. */
static void check_refunds(struct search *s, const struct event_payment *names)
{
	json_t *all = json_object();
	int64_t sum;

	s->failed |= all == NULL;
	for (size_t i = 0; i < s->count && !s->failed; i++) {
		if (!exceeds(s, names, all, &s->events[i], &sum))
			continue;
		report_refunds(s, &s->events[i], sum);
		break;
	}
	json_decref(all);
}

bool contradictions_find(const struct lifecycle_state *states, const struct event_payment *names,
	const struct contradiction_event *events, size_t count, contradiction_seen *seen, void *arg)
{
	struct search s = {
		.states = states, .events = events, .count = count, .seen = seen, .arg = arg};

	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < i; k++) {
			compare_times(&s, &events[k], &events[i], &events[i]);
			compare_times(&s, &events[i], &events[k], &events[i]);
			compare_outcomes(&s, &events[k], &events[i]);
		}
		compare_amount(&s, i);
	}
	check_refunds(&s, names);
	return !s.failed;
}
