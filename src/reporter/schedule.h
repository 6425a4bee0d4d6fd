/* reporter/schedule.h - a time of day that comes once a day in the process's time zone.
 * Pure but for the zone; any thread. */
#ifndef HOOKD_SCHEDULE_H
#define HOOKD_SCHEDULE_H

#include <stdint.h>

/* The last time at or before now (unix ms) at which a clock on the wall showed
 * `minutes` after midnight, and the first one after it. Where the day has no such
 * time, because clocks are put forward, the time they are put to. */
int64_t schedule_last(int64_t now, unsigned minutes);
int64_t schedule_next(int64_t now, unsigned minutes);

#endif
