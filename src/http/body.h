/* http/body.h - the body of a request while it arrives, and the budget that all bodies of a server
 * share. Strangers decide how many bodies there are, how large they are and how slowly they
 * come, so what they hold together is limited.
 *
 * A body may always hold BODY_ALWAYS bytes. It may hold more as long as that is no more than what
 * the budget has left once it holds them. So many large bodies leave room for smaller ones (of
 * N bodies that all take as much as they can, each gets an Nth of the budget at most, and as much
 * is left for the next), and one body alone may have half of the budget. Counted are the bytes
 * that are allocated, until body_free.
 *
 * A body is for its loop's thread, a budget for any. */
#ifndef HOOKD_HTTP_BODY_H
#define HOOKD_HTTP_BODY_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

#define BODY_ALWAYS ((size_t)8 * 1024)

struct body_budget {
	_Atomic size_t held; /* bytes */
};

struct body {
	struct buf bytes; /* not ok once memory was short */
	size_t most;      /* bytes that it may have at all; set before the first body_add */
	size_t held;      /* bytes of the budget */
};

/* Would there be room now for a body of that length, in a budget of `limit` bytes? */
bool body_fits(const struct body_budget *budget, size_t limit, size_t len) WARN_UNUSED;

/* Appends bytes, no more than b->most in all. False: the budget has no room for them, and they are
 * not added. */
bool body_add(struct body *b, struct body_budget *budget, size_t limit, const void *bytes,
	size_t len) WARN_UNUSED;

void body_free(struct body *b, struct body_budget *budget);

#endif
