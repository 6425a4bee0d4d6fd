/* event/lifecycle.h - the order of an entity's states. The last word of an event type names
 * the state, "transaction.approved"; each sender's row (sender/sender.h) lists its states.
 * Pure; any thread. */
#ifndef HOOKD_LIFECYCLE_H
#define HOOKD_LIFECYCLE_H

#include <stdbool.h>

/* One state; a list of them ends with one without a name. */
struct lifecycle_state {
	const char *name;
	int rank;           /* how far along it is, from 0 */
	const char *before; /* a state that the entity was in before; NULL: none */
	bool outcome;       /* an entity has at most one outcome, such as sent or failed */
	bool keeps;         /* what `before` means still holds */
};

/* The state of an event type; NULL: it names none. */
const struct lifecycle_state *lifecycle_find(
	const struct lifecycle_state *states, const char *type);

/* Does what an event of this type reports still hold for an entity in the state? Yes if the type
 * names no state. */
bool lifecycle_means(const struct lifecycle_state *states, const char *state, const char *type);

/* Is it an outcome, or what comes after one? No state of a lower rank can follow it. */
bool lifecycle_is_settled(const struct lifecycle_state *states, const char *type);

/* How far along the state of an event type is; -1: the type names none
 * ("transaction.updated", or unknown). */
int lifecycle_rank(const struct lifecycle_state *states, const char *type);

/* The state itself: "approved"; NULL: the type names none. Points into type. */
const char *lifecycle_state(const struct lifecycle_state *states, const char *type);

/* The state before that of this type; NULL: none, or the type names no state. */
const char *lifecycle_before(const struct lifecycle_state *states, const char *type);

#endif
