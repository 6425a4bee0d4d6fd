/* reporter/approved.h - adds up approved transactions by currency, each once however many
 * events tell of it. Amounts stay whole numbers of minor units. One thread. */
#ifndef HOOKD_APPROVED_H
#define HOOKD_APPROVED_H

#include "base/attributes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define APPROVED_CURRENCIES 32

struct approved_sum {
	char currency[8]; /* "?" when the event does not say */
	int64_t count;
	int64_t amount;
	int64_t unsummed; /* of count: without a whole amount, or too large to be added */
};

/* Zero-initialised is empty. */
struct approved {
	struct approved_sum sums[APPROVED_CURRENCIES]; /* the last takes all further ones */
	size_t count;
	json_t *seen; /* SOURCE/ENTITY of those that count */
	bool failed;  /* memory was short */
};

/* Counts the transaction that an approving event tells of. */
void approved_add(struct approved *a, const char *source, const void *payload, size_t len);
void approved_free(struct approved *a);

#endif
