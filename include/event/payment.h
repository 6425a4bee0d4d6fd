/* event/payment.h - what an event says of a payment, for lists, timelines and accountants.
 * Read from the body's `entity` (the body itself where it has none) by FedaPay's names;
 * what is not there, or of another kind than expected, is "". Any thread. */
#ifndef HOOKD_PAYMENT_H
#define HOOKD_PAYMENT_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct payment {
	char *reference;
	char *amount, *fees; /* as sent: see base/money.h */
	char *currency;      /* ISO 4217, as sent */
	char *customer;      /* "Awa Dossou <awa@example.com>", or as much as is known */
	char *mode;          /* "mtn_open" */
};

/* Reads a body, which may be anything. False only when memory is short. payment_free
 * either way. */
bool payment_read(struct payment *p, const void *body, size_t len) WARN_UNUSED;
void payment_free(struct payment *p);

/* Appends an amount of the payment for people (money_format); one that cannot be read so
 * as it was sent, with the currency behind it. Not escaped then. */
void payment_add_money(struct buf *out, const struct payment *p, const char *amount);

#endif
