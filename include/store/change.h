/* store/change.h - changes that a person makes to the store: replays deliveries, cancels those that
 * wait, pauses a hook. Each is an operation for store_submit or store_wait. */
#ifndef HOOKD_STORE_CHANGE_H
#define HOOKD_STORE_CHANGE_H

#include "audit.h"
#include "base/attributes.h"
#include "read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_change_kind {
	STORE_CHANGE_REPLAY, /* adds a new delivery for each, with its own key (…/replay/ID) and a
			      * link to the first; the old one stays as it is. Only the last of
			      * such a chain can be replayed, and only after it has ended */
	STORE_CHANGE_CANCEL, /* makes READY deliveries SKIPPED, and DEAD ones that were not
			      * replayed. Their attempts stay */
};

struct store_change {
	struct store_op op; /* STORE_OP_CHANGE */
	enum store_change_kind kind;
	const int64_t *deliveries; /* borrowed until done, like all pointers here */
	size_t count;
	bool again;  /* replay: also what a hook that acts once on each entity has done */
	int64_t now; /* unix ms */
	struct store_audit *audit;
	int64_t *made; /* out, the caller's array of `count`: the delivery that was added, or the
			* one that was cancelled; 0: its state did not allow it */
	size_t done;   /* out: so many were looked at, at least one; submit the rest again */
};

/* Pauses a hook, so that its deliveries wait and only running ones end, or resumes it. */
struct store_pause {
	struct store_op op; /* STORE_OP_PAUSE */
	const char *hook;   /* by name; borrowed until done */
	bool pause;
	int64_t now; /* unix ms */
	struct store_audit *audit;
	bool known;    /* out: there is such a hook */
	int64_t since; /* out: when it was paused before this, unix ms; 0: it was not */
};

/* What can be changed: ended deliveries that were not replayed yet … */
enum store_change_set {
	STORE_CHANGE_ENDED,
	STORE_CHANGE_DONE,
	STORE_CHANGE_DEAD,
	STORE_CHANGE_SKIPPED,
	STORE_CHANGE_WAITING, /* … or READY ones */
};

struct store_change_filter {
	enum store_change_set set;
	int64_t event;    /* 0: any */
	const char *hook; /* exact; NULL: any */
	int64_t since;    /* ended at or after, unix ms; 0: at any time */
};

struct store_changeable {
	int64_t delivery;
	int64_t event;
	const char *hook;
	enum delivery_state state;
	int64_t ended; /* when it ended, or if it waits its last attempt, unix ms; 0: none did, or
			* it is not known */
};
typedef void store_changeable_seen(void *arg, const struct store_changeable *row);

/* The deliveries that match the filter, in no order. They are read in parts: what changes meanwhile
 * is seen as it was or as it is. A row's pointers are valid during the call
 * only. False with the reason in why. */
bool store_change_find(struct store_reader *r, const struct store_change_filter *filter,
	store_changeable_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
