/* reporter/approved.h - adds up approved payments by currency, each once even if several
 * events are about it. Sums are in minor units (base/money.h). One thread. */
#ifndef HOOKD_APPROVED_H
#define HOOKD_APPROVED_H

#include "event/shape.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APPROVED_CURRENCIES 32

struct approved_sum {
	char currency[8]; /* "?" if the event has none */
	int64_t count;
	int64_t amount;
	int64_t unsummed; /* of count: no amount of the currency, or too large to add */
};

/* Zero-initialised is empty. */
struct approved {
	struct approved_sum sums[APPROVED_CURRENCIES]; /* the last has all further ones */
	size_t count;
	json_t *seen; /* SOURCE/ENTITY of those counted */
	bool failed;  /* out of memory */
};

/* Counts the payment that an event is about, unless it is counted already. */
void approved_add(struct approved *a, const struct event_shape *shape, const char *source,
	const void *payload, size_t len);
void approved_free(struct approved *a);

#endif
