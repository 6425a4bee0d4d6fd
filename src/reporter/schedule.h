/* reporter/schedule.h - a time of day, once a day in the process's time zone. Pure except for
 * the zone; any thread. */
#ifndef HOOKD_SCHEDULE_H
#define HOOKD_SCHEDULE_H

#include <stdint.h>

/* The last time at or before now (unix ms) at which a wall clock showed `minutes` after
 * midnight, and the first one after now. On a day without such a time, because clocks are set
 * forward, the time they are set to. */
int64_t schedule_last(int64_t now, unsigned minutes);
int64_t schedule_next(int64_t now, unsigned minutes);

#endif
