/* reporter/approved.c - the sums by currency, and which payments they include. */
#include "approved.h"

#include "base/buf.h"
#include "base/json.h"
#include "base/money.h"
#include "event/document.h"
#include "event/payment.h"

#include <stdio.h>
#include <string.h>

/* SOURCE/ENTITY's id; empty if it has none, and then it is counted each time. */
static void add_name(struct buf *out, const char *source, const json_t *id)
{
	char room[JSON_NUMBER];

	if (json_is_number(id))
		buf_printf(out, "%s/%s", source, json_number_text(id, room));
	else if (json_is_string(id) && json_string_length(id) > 0)
		buf_printf(out, "%s/%s", source, json_string_value(id));
}

/* Is it the first event about this payment? */
static bool is_new(struct approved *a, const char *source, const json_t *id)
{
	struct buf name = {0};
	bool fresh = true;

	add_name(&name, source, id);
	if (a->seen == NULL)
		a->seen = json_object();
	if (!buf_ok(&name) || a->seen == NULL) {
		a->failed = true;
	} else if (name.len > 0) {
		fresh = json_object_get(a->seen, name.data) == NULL;
		if (fresh && json_object_set_new(a->seen, name.data, json_true()) != 0)
			a->failed = true;
	}
	buf_free(&name);
	return fresh;
}

static struct approved_sum *sum_of(struct approved *a, const json_t *currency)
{
	const char *iso = json_string_value(currency);

	if (iso == NULL || strlen(iso) != 3)
		iso = "?";
	for (size_t i = 0; i < a->count; i++)
		if (strcmp(a->sums[i].currency, iso) == 0)
			return &a->sums[i];
	if (a->count == APPROVED_CURRENCIES)
		return &a->sums[APPROVED_CURRENCIES - 1];
	(void)snprintf(a->sums[a->count].currency, sizeof(a->sums[0].currency), "%s", iso);
	return &a->sums[a->count++];
}

/* As the filter `money` takes it, number or text; a whole number of what currency it may. */
static bool read_minor(const json_t *amount, const char *currency, int64_t *minor)
{
	char room[JSON_NUMBER];
	const char *text =
		json_is_number(amount) ? json_number_text(amount, room) : json_string_value(amount);
	bool known = money_exponent(currency, strlen(currency)) >= 0;

	if (!known)
		*minor = json_integer_value(amount);
	return known ? text != NULL &&
			       money_minor(minor, text, strlen(text), currency, strlen(currency))
		     : json_is_integer(amount);
}

static void add_payment(struct approved *a, const struct event_payment *names, const char *source,
	const json_t *entity)
{
	const json_t *amount = json_object_get(entity, names->amount);
	struct approved_sum *sum;
	int64_t minor;

	if (!is_new(a, source, json_object_get(entity, names->id)))
		return;
	sum = sum_of(a, payment_currency(names, entity));
	sum->count++;
	if (!read_minor(amount, sum->currency, &minor) ||
		__builtin_add_overflow(sum->amount, minor, &minor))
		sum->unsummed++;
	else
		sum->amount = minor;
}

void approved_add(struct approved *a, const struct event_shape *shape, const char *source,
	const void *payload, size_t len)
{
	json_t *root = NULL, *entity = NULL;

	if (document_parse(payload, len, &root) && document_entity(root, &entity))
		add_payment(a, &shape->payment, source, payment_entity(shape, root));
	else
		a->failed = true;
	json_decref(root);
}

void approved_free(struct approved *a)
{
	json_decref(a->seen);
	*a = (struct approved){0};
}
