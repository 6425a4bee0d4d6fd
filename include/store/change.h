/* store/change.h - changes that a person makes to the store: replays deliveries, cancels those that
 * wait, pauses a hook. A running daemon is notified by store_notify_send. One thread. */
#ifndef HOOKD_STORE_CHANGE_H
#define HOOKD_STORE_CHANGE_H

#include "base/attributes.h"
#include "store/read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A connection that changes a store beside the daemon, or without one, in short transactions. */
struct store_editor;

/* NULL with the reason in why: no such file, not a hookd store of this version, not writable by
 * this user. */
struct store_editor *store_editor_open(const char *path, char why[STORE_READ_WHY]) WARN_UNUSED;
void store_editor_close(struct store_editor *e); /* NULL is allowed */

/* The store's absolute path. */
const char *store_editor_path(const struct store_editor *e);

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
};
typedef void store_changeable_seen(void *arg, const struct store_changeable *row);

/* The deliveries that match the filter, in no order. A row's pointers are valid during the call
 * only. False with the reason in why. */
bool store_change_find(struct store_reader *r, const struct store_change_filter *filter,
	store_changeable_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#define STORE_CHANGE_MAX 500 /* in one transaction: the daemon waits for its end */

/* Changes up to STORE_CHANGE_MAX deliveries, all or none. made[i] is the result of deliveries[i];
 * 0: its state does not allow it, because someone else changed it meanwhile. `now` in unix ms. */
typedef bool store_change(struct store_editor *e, const int64_t *deliveries, size_t count,
	int64_t now, int64_t *made, char why[STORE_READ_WHY]);

/* Adds a new delivery for each, with its own key (…/replay/ID) and a link to the first; the old
 * one stays as it is. Only the last of such a chain can be replayed, and only after it has
 * ended. made[i] is the new one. */
store_change store_replay;

/* Makes READY deliveries SKIPPED, and DEAD ones that were not replayed. Their attempts stay.
 * made[i] is the delivery itself. */
store_change store_cancel;

/* Pauses a hook, so that its deliveries wait and only running ones end, or resumes it. *since is
 * when it was paused before this call, unix ms; 0: it was not paused. *known: is there such a
 * hook? */
bool store_pause(struct store_editor *e, const char *hook, bool pause, int64_t now, bool *known,
	int64_t *since, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
