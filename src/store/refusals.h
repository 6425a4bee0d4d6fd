/* store/refusals.h - the refused requests that wait to be written (store/refused.h): a queue in
 * memory of bounded size. Of the source that has the most bytes in it, the oldest gives way to a
 * newer one, so that a flood at one source pushes out no other's. The caller holds the store's
 * mutex, except for `make` and `free`. */
#ifndef HOOKD_STORE_REFUSALS_H
#define HOOKD_STORE_REFUSALS_H

#include "base/attributes.h"
#include "store/refused.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A copy, in one piece of memory. */
struct store_refusal {
	struct store_refusal *next;
	struct store_refused request; /* its pointers are into this piece */
	size_t bytes;
};

/* Of one source, the oldest first. */
struct store_refusal_list {
	int64_t source;
	struct store_refusal *head, **tail;
	size_t bytes;
	unsigned count;
};

struct store_refusals {
	struct store_refusal_list *lists; /* one for each source that ever had some */
	size_t list_count;
	size_t bytes;
	unsigned count;
	size_t turn;     /* the list to take from first */
	int64_t dropped; /* that were never written, since start */
};

/* NULL: it is too large, or memory is short. */
struct store_refusal *store_refusal_make(const struct store_refused *r) WARN_UNUSED;
void store_refusal_free(struct store_refusal *first); /* and those that follow it */

/* Takes the request. Returns what has to be freed: those that it pushed out, or itself. */
struct store_refusal *store_refusals_add(
	struct store_refusals *q, struct store_refusal *r) WARN_UNUSED;

/* Some of them for one transaction, of each source in the order in which they came. */
struct store_refusal *store_refusals_take(struct store_refusals *q) WARN_UNUSED;

void store_refusals_free(struct store_refusals *q);

#endif
