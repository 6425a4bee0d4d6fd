/* hookctl/sample.h - events as FedaPay would send them, made up: for `hookctl send`, so
 * that an endpoint can be tried without a payment. Pure but for the random
 * numbers (sodium_init() must have succeeded); any thread. */
#ifndef HOOKD_SAMPLE_H
#define HOOKD_SAMPLE_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

#define SAMPLE_TYPE   "transaction.approved"
#define SAMPLE_AMOUNT 5000

struct sample {
	const char *type; /* transaction.*, payout.*, customer.*; any other has a transaction */
	int64_t amount;   /* XOF; not used for customer.* */
	int64_t now;      /* unix ms: the event's creation; nothing in it is later */
};

/* Does an event of this type have an amount? */
bool sample_has_amount(const char *type) WARN_UNUSED;

/* Writes the event's JSON as FedaPay does: on one line, / and all beyond ASCII
 * escaped. Its ids are new each time. False when memory is short. */
bool sample_event(const struct sample *s, struct buf *out) WARN_UNUSED;

#endif
