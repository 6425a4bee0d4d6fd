/* hookd/notify.h - the protocols of sd_notify(3) and sd_listen_fds(3), as far as hookd
 * needs them. Without NOTIFY_SOCKET nothing is sent. Main thread. */
#ifndef HOOKD_NOTIFY_H
#define HOOKD_NOTIFY_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads and removes NOTIFY_SOCKET, WATCHDOG_USEC/PID and LISTEN_FDS/PID/FDNAMES
 * from the environment. */
void notify_init(void);

/* Sends one message, e.g. "READY=1\nSTATUS=…". Never waits. Errors are ignored: hookd also works
 * without a service manager. But a message that begins with READY=1, RELOADING=1 or STOPPING=1 is
 * sent again before the next one. */
void notify_send(const char *format, ...) PRINTF(1, 2);

/* RELOADING=1 with the monotonic time that Type=notify-reload requires. */
void notify_reloading(void);

/* Milliseconds between WATCHDOG=1 messages, half of what the manager allows; 0: it expects none. */
int64_t notify_watchdog(void);

/* Is there a manager that reads STATUS? */
bool notify_wanted(void);

#define NOTIFY_SOCKETS_MAX 16

/* Sockets passed by the manager (made close-on-exec), at most
 * NOTIFY_SOCKETS_MAX. False: it says to have passed more, or something else; logged. */
bool notify_sockets(int sockets[NOTIFY_SOCKETS_MAX], size_t *count) WARN_UNUSED;

#endif
