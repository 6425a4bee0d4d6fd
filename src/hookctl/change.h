/* hookctl/change.h - what hookctl's replay and cancel share: which deliveries are meant, a
 * question before many, changing them by and by with its progress shown. One thread. */
#ifndef HOOKD_CTL_CHANGE_H
#define HOOKD_CTL_CHANGE_H

#include "base/attributes.h"
#include "hookctl.h"
#include "store/change.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_changed {
	int64_t delivery, event;
	int64_t made; /* 0: not changed, see store_change */
	enum delivery_state state;
	char *hook;
};

struct ctl_change_kind {
	const char *question; /* "Run %zu deliveries again?" */
	const char *summary;  /* "%zu deliveries run again" */
	const char *nothing;  /* said when there is none */
	store_change *apply;
	bool runs; /* actions: not of an event whose payload is damaged */
	void (*add_text)(struct buf *out, const struct ctl_changed *c); /* what was done … */
	void (*add_json)(struct buf *out, const struct ctl_changed *c); /* … as members */
};

struct ctl_change {
	const struct ctl_change_kind *kind;
	struct store_change_filter filter;
	const char *store;
	int64_t rate; /* a second; 0: as fast as can be */
	bool dry_run, yes, json;
	struct ctl_changed *found;
	size_t count, capacity;
	bool failed; /* memory was short */
};

/* Deals with the options that both have: n (dry-run), y (yes), j (json), k (hook) and
 * D (store). */
void ctl_change_option(struct ctl_change *c, int key);

/* Does it for the operands, which are events' ids; without any for all that the filter
 * names. Returns the exit code. */
int ctl_change_run(struct ctl *ctl, struct ctl_change *c, int count, char **events);

#endif
