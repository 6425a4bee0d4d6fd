/* event/contradiction.h - what events report of one entity and cannot all be true: a payment that
 * was transferred before it was approved, or approved after it was refunded; another amount;
 * refunds of more than was paid. By the sender's life cycle and its names. Any thread. */
#ifndef HOOKD_CONTRADICTION_H
#define HOOKD_CONTRADICTION_H

#include "base/attributes.h"
#include "event/lifecycle.h"
#include "event/payment.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* An event of the entity. Borrows all. */
struct contradiction_event {
	int64_t id;
	const char *type;
	int64_t state_at; /* as in struct event */
	const struct payment *payment;
};

struct contradiction {
	int64_t event; /* the later one to arrive of those that contradict each other */
	/* A sentence without its full stop, plain text: "transferred" (event 5) was before
	 * "approved" (event 7). Valid during the call only. */
	const char *text;
};
typedef void contradiction_seen(void *arg, const struct contradiction *c);

/* Shows each contradiction between the events, which are in the order of their arrival; of the same
 * two states only the first. A payer whose payment was declined, canceled or expired may try again:
 * an approval after that contradicts nothing. False: out of memory. */
bool contradictions_find(const struct lifecycle_state *states, const struct event_payment *names,
	const struct contradiction_event *events, size_t count, contradiction_seen *seen,
	void *arg) WARN_UNUSED;

#endif
