/* store_replay.h - running deliveries again by a person's wish. Each replay is a new
 * delivery with a key of its own (…/replay/ID) and a link to the first; what was stays
 * as it is. Only the last of such a chain can be replayed, and only once it has ended.
 * One thread. */
#ifndef HOOKD_STORE_REPLAY_H
#define HOOKD_STORE_REPLAY_H

#include "attributes.h"
#include "store_editor.h"
#include "store_read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_replay_filter {
	int64_t event;             /* 0: any */
	const char *hook;          /* exact; NULL: any */
	bool any_state;            /* else only those in `state` */
	enum delivery_state state; /* DONE, DEAD or SKIPPED */
	int64_t since;             /* ended at or after, unix ms; 0: whenever */
};

struct store_replayable {
	int64_t delivery;
	int64_t event;
	const char *hook;
	enum delivery_state state;
};
typedef void store_replayable_seen(void *arg, const struct store_replayable *row);

/* What the filter names that can be replayed, in no order. Rows' pointers are valid
 * during the call only. False with the reason in why. */
bool store_replay_find(struct store_reader *r, const struct store_replay_filter *filter,
	store_replayable_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Has the store ever had a hook of that name? */
bool store_replay_knows_hook(struct store_reader *r, const char *hook, bool *known,
	char why[STORE_READ_WHY]) WARN_UNUSED;

#define STORE_REPLAY_MAX 500 /* in one transaction: the daemon waits for its end */

/* Replays up to STORE_REPLAY_MAX deliveries, all or none. made[i] is the new one for
 * deliveries[i], or 0: somebody else replayed it meanwhile. `now` in unix ms. */
bool store_replay(struct store_editor *e, const int64_t *deliveries, size_t count, int64_t now,
	int64_t *made, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
