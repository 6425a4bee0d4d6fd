/* base/clock.h - the two clocks. Stored times are UTC in unix milliseconds;
 * deadlines are monotonic milliseconds. The two are never mixed. */
#ifndef HOOKD_CLOCK_H
#define HOOKD_CLOCK_H

#include "attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Unix milliseconds of CLOCK_REALTIME: may jump. Any thread. */
int64_t clock_wall(void);

/* Milliseconds of CLOCK_BOOTTIME: never jumps, continues while the machine sleeps. Any thread. */
int64_t clock_steady(void);

#define CLOCK_STEP 1000 /* ms: a wall clock that is off by more was set */

/* Reads an RFC 3339 time ("2026-06-30T22:50:29.001Z", offsets too, fractions
 * cut to milliseconds, no leap second) of len bytes into *ms, unix
 * milliseconds. False: not such a time, or in UTC not in the years 1970 to
 * 9999. Any thread. */
bool clock_parse(const char *text, size_t len, int64_t *ms) WARN_UNUSED;

/* The same as people write it: time of day, seconds and offset may be left out ("2026-06-30",
 * "2026-06-30 22:50"); a date alone is its midnight, and without an offset the time is one of the
 * process's zone. */
bool clock_parse_short(const char *text, size_t len, int64_t *ms) WARN_UNUSED;

#define CLOCK_TEXT 32 /* room for a time as clock_format writes it */

/* Writes "2026-06-30T22:50:29.001Z". Any thread. */
void clock_format(int64_t ms, char out[CLOCK_TEXT]);

/* The same in the process's time zone, to the minute: "2026-06-30 23:50". Any thread. */
void clock_local(int64_t ms, char out[CLOCK_TEXT]);

#endif
