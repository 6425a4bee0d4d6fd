/* hookctl/entity_history.h - the life of an entity (a transaction, a customer, a payout) as its
 * events tell of it. One thread. */
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
	int64_t happened_at; /* as the sender says, else received_at */
	char *type, *json;   /* json: the event's members, see ctl_event_json */
	bool late;           /* came after one that tells of a later state */
	struct payment payment;
};

/* Of one source. Ordered by what happened when; with a state by its place in life. */
struct ctl_history {
	char *source;
	struct ctl_history_event *events;
	size_t count, capacity;
	const struct ctl_history_event *last;    /* tells of the latest state: never a late one */
	const struct ctl_history_event *payment; /* tells of the money; NULL: none does */
	struct buf gaps; /* lines: what is missing or does not go together */
};

struct ctl_histories {
	struct ctl_history *list; /* one for each source that knows the entity */
	size_t count;
	bool failed; /* memory is short */
};

/* Reads all that the store has of it; nothing: count is 0. False, said, when that failed.
 * ctl_histories_free either way. */
bool ctl_histories_read(struct ctl_histories *all, struct store_reader *reader, const char *kind,
	const char *id) WARN_UNUSED;
void ctl_histories_free(struct ctl_histories *all);

/* "approved"; of an event that is no state of a life the type's last word. */
const char *ctl_history_state(const struct ctl_history *h);

#endif
