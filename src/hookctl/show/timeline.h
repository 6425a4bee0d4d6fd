/* hookctl/show/timeline.h - what `show KIND:ID` prints: an entity's state, and its events in the
 * order in which they happened, each with its deliveries. One thread. */
#ifndef HOOKD_CTL_TIMELINE_H
#define HOOKD_CTL_TIMELINE_H

#include "store/read.h"

#include <stdbool.h>

/* Prints the history, or reports that the store has no event of the entity. Returns the exit
 * code. */
int ctl_timeline_print(struct store_reader *reader, const char *kind, const char *id, bool json);

#endif
