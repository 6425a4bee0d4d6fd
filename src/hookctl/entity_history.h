/* hookctl/entity_history.h - the life of an entity (a transaction, a customer, a payout), read
 * from its events. One thread. */
#ifndef HOOKD_CTL_HISTORY_H
#define HOOKD_CTL_HISTORY_H

#include "base/attributes.h"
#include "base/buf.h"
#include "event/payment.h"
#include "store/read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_history_event {
	int64_t id, received_at;
	int64_t happened_at; /* the sender's time of the event, otherwise received_at */
	int64_t state_at;    /* as in struct event */
	char *type, *json;   /* json: see ctl_event_json */
	bool late;           /* arrived after an event of a later state */
	struct payment payment;
};

/* From one source. Ordered by happened_at, but states by their order in the life cycle. */
struct ctl_history {
	char *source;
	struct ctl_history_event *events;
	size_t count, capacity;
	const struct ctl_history_event *last;    /* has the latest state: never a late one */
	const struct ctl_history_event *payment; /* has the amount; NULL: none does */
	struct buf gaps; /* a line for each state that is missing, late or contradictory */
};

struct ctl_histories {
	struct ctl_history *list; /* one for each source that has events of it */
	size_t count;
	bool failed; /* out of memory */
};

/* Reads all events of the entity; count is 0 if there are none. False: reported. Call
 * ctl_histories_free either way. */
bool ctl_histories_read(struct ctl_histories *all, struct store_reader *reader, const char *kind,
	const char *id) WARN_UNUSED;
void ctl_histories_free(struct ctl_histories *all);

/* "approved"; for a type outside the life cycle its last word. */
const char *ctl_history_state(const struct ctl_history *h);

#endif
