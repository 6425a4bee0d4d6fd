/* process/reaper.h - processes that others have left to us: as PID 1 of a container, hookd is the
 * parent of whatever a script has started in the background, and must reap it. Any thread. */
#ifndef HOOKD_REAPER_H
#define HOOKD_REAPER_H

#include "base/attributes.h"

#include <stdbool.h>
#include <sys/types.h>

/* Around the start of a child of our own, so that it is never taken for an orphan. Between the two
 * nothing is reaped. `begin` is false if memory is short. */
bool reaper_begin_start(void) WARN_UNUSED;
void reaper_end_start(pid_t pid); /* -1: none was started */

/* A child of our own has been reaped. */
void reaper_forget(pid_t pid);

/* Reaps those that have ended, up to one of our own that its holder has not reaped yet. */
void reaper_run(void);

#endif
