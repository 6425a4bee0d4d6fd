/* hookd/process_state.h - what a process inherits: hookd sets all of it that it depends on,
 * whatever its parent has left. Main thread, before any other is started. */
#ifndef HOOKD_PROCESS_STATE_H
#define HOOKD_PROCESS_STATE_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

/* If 0, 1 or 2 are closed, opens them on /dev/null: the next file opened would get that number, and
 * a stray write would end up in the store. False: errno. */
bool process_open_standard_descriptors(void) WARN_UNUSED;

/* Signals, umask, limits, environment. A crash waits for the log. Returns a signalfd, which alone
 * gets SIGTERM, SIGINT and SIGHUP; -1: errno. */
int process_set_state(void) WARN_UNUSED;

/* Of that signalfd: the next signal, 0 when there is none. */
int process_next_signal(int signals) WARN_UNUSED;

/* Raises the limit to `need` descriptors if it can; otherwise logs a warning. Also later. */
void process_raise_descriptor_limit(size_t need);

/* Leaves the working directory, which may be removed or unmounted then. Returns `file` as a path
 * that does not depend on it, new; NULL: errno. A file whose directory does not exist is returned
 * as it is. */
char *process_leave_directory(const char *file) WARN_UNUSED;

#endif
