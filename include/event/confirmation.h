/* event/confirmation.h - a question to a sender's API before a hook acts: is what the event reports
 * still so? The dispatcher asks, the catchup answers. */
#ifndef HOOKD_CONFIRMATION_H
#define HOOKD_CONFIRMATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum confirmation_result {
	CONFIRMATION_YES,
	CONFIRMATION_OVER,     /* the entity is in a state in which the hook is not to act */
	CONFIRMATION_MISMATCH, /* its amount or currency is another */
	CONFIRMATION_MISSING,  /* the API does not have it */
	CONFIRMATION_LATER,    /* the API cannot be asked now: again after `wait` */
};

#define CONFIRMATION_NOT_RUN "not run: " /* how `why` begins at a MISMATCH */

/* The asker owns it and what it points to, and leaves it alone until `done` is called: once, by any
 * thread; it must not block. */
struct confirmation {
	struct confirmation *next; /* for who answers, until `done` */
	const char *source, *type; /* of the event */
	const void *payload;
	size_t payload_len;
	const char *const *states; /* in which the hook may act; NULL and 0: in the event's own, and
				    * those that mean it still */
	size_t state_count;
	void (*done)(struct confirmation *c);

	enum confirmation_result result; /* out */
	int64_t wait;                    /* out, LATER: ms */
	char why[320];                   /* out, unless YES: for people, plain text */
};

/* Who answers. Any thread, never blocks. */
struct confirmer {
	void (*ask)(void *arg, struct confirmation *c);
	void *arg;
};

#endif
