/* process/sandbox.h - how hookd limits itself, whatever started it. What the kernel does not
 * have is left out, and said once.
 *
 * The process: no core dump, no look at its memory or environment from outside.
 * Threads of the listener, which read what strangers send: they open no file, start no
 * program and no thread, make no socket, map no memory to run code in. What they need is
 * open before. The threads share their memory with the others, so this stops what a
 * bug lets a stranger do by such a thread, not one who has all of the process in hand.
 * What scripts are kept from is process/script_sandbox.h's. */
#ifndef HOOKD_SANDBOX_H
#define HOOKD_SANDBOX_H

#include "base/attributes.h"

#include <stdbool.h>

/* No core dump, and no /proc/PID/mem, environ or ptrace(2) for others of our user. Once,
 * in the main thread, before there is a secret or a thread. False: errno says why. */
bool sandbox_process(void) WARN_UNUSED;

/* Afterwards nothing that hookd starts can gain rights by a set-user-ID program. In the
 * main thread, before there is another. */
void sandbox_no_new_privileges(void);

/* Confines the calling thread for good. A call of the kernel's that it may not make fails
 * with EPERM, and the kernel logs it. */
void sandbox_listener_thread(void);

#endif
