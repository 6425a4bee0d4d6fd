/* event/lifecycle.h - the order of an entity's states as its event types tell them.
 * FedaPay: created -> approved | declined | canceled | expired; approved ->
 * transferred | refunded; payouts created -> started | processing -> sent |
 * failed; any -> deleted. Pure; any thread. */
#ifndef HOOKD_LIFECYCLE_H
#define HOOKD_LIFECYCLE_H

/* How far along the state that an event type ends in is ("transaction.approved"),
 * from 0; -1: it is no state of a life cycle ("transaction.updated", unknown). */
int lifecycle_rank(const char *type);

/* The state itself: "approved"; NULL: it is none. Points into type. */
const char *lifecycle_state(const char *type);

/* The state that an entity must have been in before that of this type; NULL: none, or it
 * is no state. */
const char *lifecycle_before(const char *type);

#endif
