/* store/change.h - what a person changes in the store by hand: runs deliveries again,
 * takes back those that wait, stops a hook for a while. A running daemon learns of it
 * by poke_send. One thread. */
#ifndef HOOKD_STORE_CHANGE_H
#define HOOKD_STORE_CHANGE_H

#include "base/attributes.h"
#include "editor.h"
#include "read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What can be changed: of the ended ones those that were not replayed yet, … */
enum store_change_set {
	STORE_CHANGE_ENDED,
	STORE_CHANGE_DONE,
	STORE_CHANGE_DEAD,
	STORE_CHANGE_SKIPPED,
	STORE_CHANGE_WAITING, /* … or the READY ones */
};

struct store_change_filter {
	enum store_change_set set;
	int64_t event;    /* 0: any */
	const char *hook; /* exact; NULL: any */
	int64_t since;    /* ended at or after, unix ms; 0: whenever */
};

struct store_changeable {
	int64_t delivery;
	int64_t event;
	const char *hook;
	enum delivery_state state;
};
typedef void store_changeable_seen(void *arg, const struct store_changeable *row);

/* What the filter names, in no order. Rows' pointers are valid during the call only.
 * False with the reason in why. */
bool store_change_find(struct store_reader *r, const struct store_change_filter *filter,
	store_changeable_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#define STORE_CHANGE_MAX 500 /* in one transaction: the daemon waits for its end */

/* Changes up to STORE_CHANGE_MAX deliveries, all or none. made[i] tells of
 * deliveries[i]; 0: it was not as it should be, by somebody else's doing meanwhile. `now`
 * in unix ms. */
typedef bool store_change(struct store_editor *e, const int64_t *deliveries, size_t count,
	int64_t now, int64_t *made, char why[STORE_READ_WHY]);

/* Makes a new delivery for each, with a key of its own (…/replay/ID) and a link to the
 * first; what was stays as it is. Only the last of such a chain can be replayed, and
 * only once it has ended. made[i] is the new one. */
store_change store_replay;

/* Makes READY deliveries SKIPPED, and DEAD ones that were not replayed: their attempts
 * still tell what was. made[i] is the delivery itself. */
store_change store_cancel;

/* Pauses a hook, or lets it go on: its deliveries wait, those that run end. *since is
 * when it was paused before this, unix ms; 0: it was not. *known: is there such a hook? */
bool store_pause(struct store_editor *e, const char *hook, bool pause, int64_t now, bool *known,
	int64_t *since, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
