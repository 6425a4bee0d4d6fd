/* reporter/fills.h - the first events that came from a source's API after a day in which none did,
 * for the alert. One thread, the reporter's. */
#ifndef HOOKD_REPORTER_FILLS_H
#define HOOKD_REPORTER_FILLS_H

#include "round.h"
#include "store/catchup.h"

/* Stores the alert once the sweep is whole. None if the alert about the webhook tells it. */
void fills_check(struct round *round, const char *source, const struct store_catchup_state *state);

#endif
