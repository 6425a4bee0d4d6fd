/* reporter/mismatches.h - the deliveries that were refused because the sender's API has another
 * amount or currency than the event, for the alert. One thread, the reporter's. */
#ifndef HOOKD_REPORTER_MISMATCHES_H
#define HOOKD_REPORTER_MISMATCHES_H

#include "round.h"

#include <stdint.h>

/* Stores an alert for each that died at or after `from` (unix ms) and has none yet. */
void mismatches_check(struct round *round, int64_t from);

#endif
