/* hookctl/change.h - what replay and cancel share: finding the deliveries, confirming a change of
 * many, changing them batch by batch, showing progress. One thread. */
#ifndef HOOKD_CTL_CHANGE_H
#define HOOKD_CTL_CHANGE_H

#include "base/attributes.h"
#include "base/buf.h"
#include "command.h"
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

/* What one of the commands does, and the texts that it prints. */
struct ctl_change_kind {
	const char *question; /* "Run %zu deliveries again?" */
	const char *summary;  /* "%zu deliveries run again" */
	const char *nothing;  /* printed when no delivery is found */
	store_change *apply;
	bool runs; /* actions: refuse events whose payload is damaged */

	/* Adds what was done, at the end of "event 7  ship  DEAD delivery 12"; and as members
	 * of that line's JSON object. */
	void (*add_text)(struct buf *out, const struct ctl_changed *c);
	void (*add_json)(struct buf *out, const struct ctl_changed *c);
};

struct ctl_change {
	const struct ctl_change_kind *kind;
	struct store_change_filter filter;
	const char *store;
	int64_t rate; /* a second; 0: unlimited */
	bool dry_run, yes, json;
	struct ctl_changed *found;
	size_t count, capacity;
	bool failed; /* out of memory */
};

/* Takes one of the options that both have: n (dry-run), y (yes), j (json), k (hook), D (store);
 * its argument in optarg. */
void ctl_change_option(struct ctl_change *c, int key);

/* Changes the deliveries of the events named by the operands; without operands all deliveries that
 * the filter matches. Returns the exit code. */
int ctl_change_run(struct ctl *ctl, struct ctl_change *c, int count, char **events);

#endif
