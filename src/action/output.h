/* action/output.h - what a script prints, held in bounded memory whatever it
 * prints: the first quarter and the last three quarters of `cap` bytes are kept
 * for its attempt, and its lines go to the log as they come, up to a budget.
 * One thread. */
#ifndef HOOKD_ACTION_OUTPUT_H
#define HOOKD_ACTION_OUTPUT_H

#include "base/attributes.h"

#include <stddef.h>
#include <stdint.h>

#define ACTION_OUTPUT_LINE   1024 /* bytes; a longer line is logged in pieces */
#define ACTION_OUTPUT_LOGGED 4096 /* bytes logged of an attempt, or `cap` when that is more */

struct action_output {
	char *kept; /* grows to cap; from then on a ring behind its first quarter */
	size_t len;
	size_t room;
	size_t cap;
	size_t ring_at;   /* where the ring goes on, counted from its start */
	uint64_t dropped; /* bytes the ring has overwritten */

	char line[ACTION_OUTPUT_LINE]; /* the line that has not ended yet */
	size_t line_len;
	size_t budget; /* bytes that may still be logged */

	int64_t event; /* the log lines' tags */
	const char *hook;
	unsigned attempt;
};

/* An output of an attempt; hook is borrowed until action_output_free. */
void action_output_init(
	struct action_output *o, size_t cap, int64_t event, const char *hook, unsigned attempt);

void action_output_add(struct action_output *o, const char *bytes, size_t len);

/* Logs the last line and returns what is kept, new and *len bytes long, with a
 * line that says how many bytes are left out where some are. NULL and 0: nothing
 * was printed, or memory is short. */
char *action_output_take(struct action_output *o, size_t *len) WARN_UNUSED;

void action_output_free(struct action_output *o);

#endif
