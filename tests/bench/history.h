/* history.h - 90 days of a shop's events, in the order in which they come:
 * transactions that are created, then approved, declined, canceled or expired,
 * most approved ones transferred a day later, some refunded; new customers;
 * payouts. Some events overtake others. The same seed gives the same history. */
#ifndef BENCH_HISTORY_H
#define BENCH_HISTORY_H

#include "base/attributes.h"
#include "fedapay.h"

#include <stdbool.h>
#include <stdint.h>

#define HISTORY_SPAN                                                                               \
	INT64_C(7732800000) /* ms: 89.5 days, so that 90 days of retention keep all                \
			     */

struct history;

/* Random bits for thing `number` of a history; `what` tells apart what they are for. */
uint64_t history_bits(uint64_t seed, uint64_t number, uint64_t what);

/* A history of `events` events, the last of which comes at `end` (unix ms). New;
 * NULL when memory is short. */
struct history *history_new(uint64_t seed, uint64_t events, int64_t end) WARN_UNUSED;

/* The next event, and when it came. False when memory is short. */
bool history_next(struct history *h, struct fedapay_event *ev, int64_t *received_at) WARN_UNUSED;

void history_free(struct history *h);

#endif
