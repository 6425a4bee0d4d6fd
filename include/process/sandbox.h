/* process/sandbox.h - how hookd restricts itself, however it was started. Restrictions that the
 * kernel lacks are left out, and logged once.
 *
 * The process: no core dump, and no other process may read its memory or environment.
 * The listener's threads, which read what strangers send: they cannot open a file, start a
 * program or a thread, create a socket, or map memory to run code in. What they need is opened
 * before. All threads share their memory, so this stops a stranger who uses a bug to make such a
 * thread do something, not one who controls the whole process. Scripts have a sandbox of their own:
 * process/script_sandbox.h. */
#ifndef HOOKD_SANDBOX_H
#define HOOKD_SANDBOX_H

#include "base/attributes.h"

#include <stdbool.h>

/* No core dump; no ptrace(2), /proc/PID/mem or environ for other processes of our user.
 * Once, in the main thread, before any secret is read or any thread is started. False: errno says
 * why. */
bool sandbox_process(void) WARN_UNUSED;

/* After this call, nothing that hookd starts gains rights from a set-user-ID program. In the main
 * thread, before any other is started. */
void sandbox_no_new_privileges(void);

/* Confines the calling thread for the rest of its life. A system call that it may not make
 * fails with EPERM, and the kernel logs it. */
void sandbox_listener_thread(void);

#endif
