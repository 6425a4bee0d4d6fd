/* process/landlock.h - the kernel's Landlock, by its system calls: a thread gives up rights
 * to files for itself and all it starts, for good. The constants are our own, since
 * the kernel's header is older than the kernel on many a system. See landlock(7). */
#ifndef HOOKD_LANDLOCK_H
#define HOOKD_LANDLOCK_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stdint.h>

/* Rights to files. What a ruleset handles is denied but where a rule grants it. */
#define LANDLOCK_READ_FILE (UINT64_C(1) << 2) /* to open a file for reading */
#define LANDLOCK_REFER                                                                             \
	(UINT64_C(1) << 13) /* to link or move between directories: denied                         \
			     * also when it is not handled; from ABI 2 on                          \
			     * it can be granted */

/* What the running kernel has: 0 none, else the version of its interface, which says
 * which rights it knows. */
int landlock_abi(void);

/* A ruleset that handles `rights`, which the kernel must know, without a rule. Returns
 * its descriptor (close-on-exec), or -1 and errno. */
int landlock_ruleset(uint64_t rights) WARN_UNUSED;

/* One that handles all that the kernel knows: files, TCP, abstract Unix sockets. */
int landlock_ruleset_of_all(void) WARN_UNUSED;

/* Grants rights to a file, or to all below a directory; fd may be an O_PATH one. False:
 * errno says why. */
bool landlock_grant(int ruleset, int fd, uint64_t rights) WARN_UNUSED;

/* Puts the calling thread under the ruleset. It must have no_new_privs or CAP_SYS_ADMIN:
 * else EPERM. May be called between vfork and exec. */
bool landlock_enter(int ruleset) WARN_UNUSED;

#endif
