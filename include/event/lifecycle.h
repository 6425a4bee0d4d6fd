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
	bool outcome;       /* an entity has at most one outcome, such as approved or declined */
};

/* How far along the state of an event type is; -1: the type names none
 * ("transaction.updated", or unknown). */
int lifecycle_rank(const struct lifecycle_state *states, const char *type);

/* The state itself: "approved"; NULL: the type names none. Points into type. */
const char *lifecycle_state(const struct lifecycle_state *states, const char *type);

/* The state before that of this type; NULL: none, or the type names no state. */
const char *lifecycle_before(const struct lifecycle_state *states, const char *type);

#endif
