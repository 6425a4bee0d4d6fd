/* action/output.h - what a script prints, in bounded memory: of more than `cap` bytes, the
 * first quarter and the last three quarters of `cap` are kept for its attempt. Its lines
 * are logged as they come, up to a budget. One thread. */
#ifndef HOOKD_ACTION_OUTPUT_H
#define HOOKD_ACTION_OUTPUT_H

#include "base/attributes.h"

#include <stddef.h>
#include <stdint.h>

#define ACTION_OUTPUT_LINE   1024 /* bytes; a longer line is logged in pieces */
#define ACTION_OUTPUT_LOGGED 4096 /* bytes logged per attempt, or `cap` if that is more */

struct action_output {
	char *kept; /* grows to cap; then all after its first quarter is a ring */
	size_t len;
	size_t room;
	size_t cap;
	size_t ring_at;   /* where the ring continues, counted from its start */
	uint64_t dropped; /* bytes that the ring has overwritten */

	char line[ACTION_OUTPUT_LINE]; /* the line that has not ended yet */
	size_t line_len;
	size_t budget; /* bytes that may still be logged */

	int64_t event; /* for the log lines, as are the next two */
	const char *hook;
	unsigned attempt;
};

/* Borrows hook until action_output_free. */
void action_output_init(
	struct action_output *o, size_t cap, int64_t event, const char *hook, unsigned attempt);

void action_output_add(struct action_output *o, const char *bytes, size_t len);

/* Logs the last line and returns what is kept, new and *len bytes long; where bytes are left
 * out, a line says how many. NULL and 0: nothing was printed, or out of memory. */
char *action_output_take(struct action_output *o, size_t *len) WARN_UNUSED;

void action_output_free(struct action_output *o);

#endif
