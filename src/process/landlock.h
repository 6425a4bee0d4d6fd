/* process/landlock.h - the kernel's Landlock, by its system calls: a thread gives up rights
 * to files, for itself and all that it starts, and cannot regain them. The constants are
 * our own, since on many systems the kernel's header is older than the kernel. See
 * landlock(7). */
#ifndef HOOKD_LANDLOCK_H
#define HOOKD_LANDLOCK_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stdint.h>

/* Rights to files. A right that a ruleset handles is denied wherever no rule grants it. */
#define LANDLOCK_READ_FILE (UINT64_C(1) << 2) /* to open a file for reading */
#define LANDLOCK_REFER                                                                             \
	(UINT64_C(1) << 13) /* to link or move between directories: also denied                    \
			     * if it is not handled; can be granted from ABI 2 on */

/* The version of the running kernel's interface, which decides the rights it knows; 0: it
 * has no Landlock. */
int landlock_abi(void);

/* A ruleset that handles `rights`, all of which the kernel must know, and has no rules.
 * Returns its descriptor (close-on-exec), or -1 and errno. */
int landlock_ruleset(uint64_t rights) WARN_UNUSED;

/* The same with every right that the kernel knows: files, TCP, abstract Unix sockets. */
int landlock_ruleset_of_all(void) WARN_UNUSED;

/* Grants rights to a file, or to everything below a directory; fd may be of O_PATH. False:
 * errno says why. */
bool landlock_grant(int ruleset, int fd, uint64_t rights) WARN_UNUSED;

/* Restricts the calling thread to the ruleset. It needs no_new_privs or CAP_SYS_ADMIN, else
 * EPERM. May be called between vfork and exec. */
bool landlock_enter(int ruleset) WARN_UNUSED;

#endif
