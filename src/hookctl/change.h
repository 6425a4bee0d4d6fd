/* hookctl/change.h - what replay and cancel share: a dry run that finds the deliveries, the
 * confirmation of a change of many, the change itself, and what is printed. One thread. */
#ifndef HOOKD_CTL_CHANGE_H
#define HOOKD_CTL_CHANGE_H

#include "ask.h"
#include "base/attributes.h"
#include "base/buf.h"
#include "command.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ctl_changed {
	int64_t delivery, event;
	int64_t made; /* the new delivery, or the cancelled one; 0: nothing was changed */
	const char *state, *hook;
};

/* What one of the commands does, and the texts that it prints. */
struct ctl_change_kind {
	const char *act;      /* "replay" */
	const char *question; /* "Run %lld deliveries again?" */
	const char *summary;  /* "%lld deliveries run again" */
	const char *nothing;  /* printed when no delivery is found */

	/* Adds what was done, at the end of "event 7  ship  DEAD delivery 12"; and as members
	 * of that line's JSON object. */
	void (*add_text)(struct buf *out, const struct ctl_changed *c);
	void (*add_json)(struct buf *out, const struct ctl_changed *c);
};

/* What the dry run of one request found, and its bounds. */
struct ctl_batch {
	int64_t found, last, as_of;
};

struct ctl_change {
	const struct ctl_change_kind *kind;
	const char *hook, *store;
	const char *state; /* replay: "done", "dead" or "skipped"; NULL: all of them */
	bool dead;         /* cancel: dead deliveries, not waiting ones */
	bool again;        /* replay: also what a hook with once: entity has done */
	int64_t since;     /* ended at or after, unix ms; 0: at any time */
	int64_t rate;      /* a second; 0: unlimited */
	bool dry_run, yes, json;

	/* change.c's */
	struct ctl_ask ask;
	int64_t found; /* by the dry runs; found_done of them are DONE */
	int64_t found_done;
	struct ctl_batch *batches; /* of the events that are named, or one of all */
	size_t batch_count;
	int64_t changed;   /* that the change has reported so far … */
	int64_t confirmed; /* … by the ends of the batches */
	int64_t passed;    /* found in the batches before the one in work */
	int64_t began;
};

/* Takes one of the options that both have: n (dry-run), y (yes), j (json), k (hook), D (store);
 * its argument in optarg. */
void ctl_change_option(struct ctl_change *c, int key);

/* Changes the deliveries of the events named by the operands; without operands all deliveries that
 * the options match. Returns the exit code. */
int ctl_change_run(struct ctl *ctl, struct ctl_change *c, int count, char **events);

#endif
