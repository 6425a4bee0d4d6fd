/* reporter/digests.h - which digest is due, and its period: from the end of the last one, whatever
 * digest.at was then, to the last time of day at which one is due. One thread, the reporter's. */
#ifndef HOOKD_REPORTER_DIGESTS_H
#define HOOKD_REPORTER_DIGESTS_H

#include "reporter/reporter.h"
#include "round.h"

#include <stdint.h>

struct digests {
	struct dispatcher *dispatcher;
	int64_t ended; /* unix ms: the end of the last one, also if it was empty; 0: not known */
};

/* Stores the digest that is due, unless it was made or has nothing to report. Of those that hookd
 * missed while it was stopped, it makes one. */
void digests_check(struct digests *ds, struct round *round);

#endif
