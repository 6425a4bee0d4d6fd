/* reporter/alerts.h - which alerts are due. A state gets one alert, and one message when it is
 * over, however often hookd is started meanwhile: the store's last event about the source or hook
 * shows whether its alert is open. One thread, the reporter's. */
#ifndef HOOKD_REPORTER_ALERTS_H
#define HOOKD_REPORTER_ALERTS_H

#include "base/attributes.h"
#include "reporter/reporter.h"
#include "round.h"

#include <stdbool.h>
#include <stdint.h>

struct alerts {
	struct reporter_watched watched;
	int64_t started; /* steady ms */
	bool looked;     /* the store was read since the start … */
	bool open;       /* … or has an alert that is not over */
	int64_t stored;  /* events since the start when contradictions were last searched for … */
	int64_t searched; /* … and until when (unix ms); 0: not yet */
};

/* Is there anything that needs the store, so that it has to be opened? */
bool alerts_find(struct alerts *al, const struct round *round) WARN_UNUSED;

/* Stores the alerts that are due. */
void alerts_check(struct alerts *al, struct round *round);

#endif
