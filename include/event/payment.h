/* event/payment.h - what an event says about a payment, for lists, timelines and accountants. Read
 * from the entity by the sender's names; a value that is missing, or of another kind than expected,
 * is "". Any thread. */
#ifndef HOOKD_PAYMENT_H
#define HOOKD_PAYMENT_H

#include "base/attributes.h"
#include "base/buf.h"
#include "event/shape.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct payment {
	char *reference;
	char *amount, *fees; /* as sent: see base/money.h */
	char *currency;      /* ISO 4217, as sent */
	char *customer;      /* "Awa Dossou <awa@example.com>", or as much as is known */
	char *mode;          /* "mtn_open" */
	json_t *refunds;     /* what was given back, a list of objects; NULL: none is named */
};

/* Reads a body, which may be anything. False: out of memory. payment_free either way. */
bool payment_read(struct payment *p, const struct event_shape *shape, const void *body,
	size_t len) WARN_UNUSED;
void payment_free(struct payment *p);

/* Appends an amount of the payment for people (money_format). If that cannot read it: as it
 * was sent, followed by the currency, not escaped. */
void payment_add_money(struct buf *out, const struct payment *p, const char *amount);

/* The entity of a body that document_entity has unfolded; NULL: it has none. Borrowed from
 * root, which may be any JSON value or NULL. */
const json_t *payment_entity(const struct event_shape *shape, const json_t *root);

/* The currency's code in an entity: borrowed, any JSON value; NULL: there is none. */
const json_t *payment_currency(const struct event_payment *names, const json_t *entity);

#endif
