/* event/payment.c - reads the payment in an entity, by the sender's names of its members. */
#include "event/payment.h"

#include "base/json.h"
#include "base/money.h"
#include "event/document.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* A text, up to its first NUL, or a number as it was written. */
static void add_value(struct buf *out, const json_t *value)
{
	char room[JSON_NUMBER];

	if (json_is_string(value))
		buf_add_text(out, json_string_value(value));
	else if (json_is_number(value))
		buf_add_text(out, json_number_text(value, room));
}

static char *text_of(const json_t *object, const char *first, const char *second)
{
	struct buf out = {0};

	add_value(&out, json_object_get(object, first));
	if (out.len == 0)
		add_value(&out, json_object_get(object, second));
	return buf_take(&out);
}

static void add_name(struct buf *out, const struct event_payment *names, const json_t *person)
{
	const json_t *last = json_object_get(person, names->last_name);

	add_value(out, json_object_get(person, names->full_name));
	if (out->len > 0)
		return;
	add_value(out, json_object_get(person, names->first_name));
	if (out->len > 0 && json_string_length(last) > 0)
		buf_add_char(out, ' ');
	add_value(out, last);
}

/* `person` is the customer of a payment, or an entity that is a customer itself. */
static char *customer_of(const struct event_payment *names, const json_t *person)
{
	const json_t *email = json_object_get(person, names->email);
	struct buf out = {0};

	add_name(&out, names, person);
	if (json_string_length(email) > 0) {
		bool named = out.len > 0;

		buf_add_text(&out, named ? " <" : "");
		add_value(&out, email);
		buf_add_text(&out, named ? ">" : "");
	}
	return buf_take(&out);
}

static void fill(struct payment *p, const struct event_payment *names, const json_t *entity)
{
	const json_t *customer = json_object_get(entity, names->customer);
	struct buf code = {0};

	p->reference = text_of(entity, names->reference, names->reference_else);
	p->amount = text_of(entity, names->amount, NULL);
	p->fees = text_of(entity, names->fees, NULL);
	p->mode = text_of(entity, names->mode, NULL);
	add_value(&code, payment_currency(names, entity));
	p->currency = buf_take(&code);
	p->customer = customer_of(names, json_is_object(customer) ? customer : entity);
	if (names->refunds != NULL)
		p->refunds = json_incref(json_object_get(entity, names->refunds));
}

const json_t *payment_entity(const struct event_shape *shape, const json_t *root)
{
	const json_t *entity = json_object_get(root, shape->entity);

	return json_is_object(entity) ? entity : NULL;
}

const json_t *payment_currency(const struct event_payment *names, const json_t *entity)
{
	const json_t *currency = json_object_get(entity, names->currency);

	return json_is_object(currency) ? json_object_get(currency, names->currency_code)
					: currency;
}

bool payment_read(struct payment *p, const struct event_shape *shape, const void *body, size_t len)
{
	json_t *root = NULL, *ignored = NULL;
	const json_t *entity;
	bool read;

	*p = (struct payment){0};
	read = document_parse(body, len, &root) && document_entity(root, &ignored);
	entity = payment_entity(shape, root);
	if (read)
		fill(p, &shape->payment, entity != NULL ? entity : root);
	json_decref(root);
	return read && p->reference != NULL && p->amount != NULL && p->fees != NULL &&
	       p->currency != NULL && p->customer != NULL && p->mode != NULL;
}

void payment_free(struct payment *p)
{
	free(p->reference);
	free(p->amount);
	free(p->fees);
	free(p->currency);
	free(p->customer);
	free(p->mode);
	json_decref(p->refunds);
	*p = (struct payment){0};
}

void payment_add_money(struct buf *out, const struct payment *p, const char *amount)
{
	if (money_format(out, amount, strlen(amount), p->currency, strlen(p->currency)))
		return;
	buf_add_text(out, amount);
	if (*amount != '\0' && *p->currency != '\0')
		buf_printf(out, " %s", p->currency);
}
