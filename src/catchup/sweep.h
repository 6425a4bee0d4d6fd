/* catchup/sweep.h - one pass over the API's list of events, from the newest back to what is known.
 * It asks for a page, takes the answer, says how to go on, and collects what is missing. Nothing is
 * believed that an answer can show: whether the list is newest first, how many rows a page has,
 * whether there is another. Pages are counted from the newest event on, so what is new meanwhile
 * pushes rows to later pages: some are seen twice, none is missed.
 *   Bounded: 10,000 rows deep, the usual window of a search index; beyond that it reads type by
 * type, if it knows all types that are wanted. 5,000 rows are kept; if more are missing, the newest
 * of them are left to the next sweep. Pure, but for the judge; one thread. */
#ifndef HOOKD_CATCHUP_SWEEP_H
#define HOOKD_CATCHUP_SWEEP_H

#include "answer.h"
#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	SWEEP_PAGE = 100,     /* rows that are asked for, and after failures fewer: */
	SWEEP_PAGE_LESS = 25, /* one bad row must not stop all */
	SWEEP_PAGE_LEAST = 5,
	SWEEP_WINDOW = 10000, /* rows deep */
	SWEEP_KEPT = 5000,
};

enum sweep_verdict {
	SWEEP_IGNORE, /* not wanted, or stored already */
	SWEEP_KEEP,
	SWEEP_UNKNOWN, /* cannot tell: the sweep fails */
};

/* Decides on a row, which may be unreadable; for KEEP it appends the body of the event. */
typedef enum sweep_verdict sweep_judge(void *arg, const struct answer_event *row, struct buf *body);

struct sweep_plan {
	int64_t upper;            /* unix ms: newer events are the webhook's business still */
	int64_t floor;            /* older ones are known */
	const char *const *types; /* to read one by one beyond the window; borrowed */
	size_t type_count;        /* 0: not all are known */
	sweep_judge *judge;
	void *arg;
};

struct sweep_row {
	int64_t created_at; /* 0: of an unreadable row */
	uint64_t identity;
	char *id; /* the API's; NULL: of an unreadable row */
	char *body;
	size_t len;
};

enum sweep_step {
	SWEEP_ASK,        /* for the next page */
	SWEEP_READ,       /* to the end: all from floor to upper is kept, or known */
	SWEEP_INCOMPLETE, /* the window ended before floor was reached */
	SWEEP_FAILED,     /* out of memory, or the judge's UNKNOWN */
};

struct sweep {
	struct sweep_plan plan;
	unsigned page, per_page;
	size_t type;    /* which of the types is read, from 1; 0: all together */
	size_t depth;   /* rows before the next page */
	int64_t last;   /* created_at of the row before; 0: none */
	bool rose;      /* the list is not newest first */
	bool fell;      /* an older row came after a newer one */
	bool more;      /* rows were left to the next sweep: upper was lowered */
	int64_t oldest; /* created_at of the oldest row seen; INT64_MAX: none */
	uint64_t *seen; /* of the page before */
	size_t seen_count;
	struct sweep_row *rows;
	size_t row_count, room;
};

void sweep_begin(struct sweep *s, const struct sweep_plan *plan);
void sweep_free(struct sweep *s);

/* Appends the path of the page that is to be asked for, below the list's own ("?page=1…"). */
void sweep_query(const struct sweep *s, struct buf *out);

/* Takes the answer to it. */
enum sweep_step sweep_take(struct sweep *s, const struct answer_list *list) WARN_UNUSED;

/* The page was refused as a question (400, 422): beyond the first it is taken for the end of the
 * window. ASK, INCOMPLETE, or FAILED for the first. */
enum sweep_step sweep_refused(struct sweep *s) WARN_UNUSED;

/* Asks for smaller pages from now on. False: they are the smallest. */
bool sweep_shrink(struct sweep *s);

/* Sorts what was kept: oldest first. */
void sweep_sort(struct sweep *s);

#endif
