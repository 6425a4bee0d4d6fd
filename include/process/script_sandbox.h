/* process/script_sandbox.h - keeps scripts from the secrets of hookd whose user they run as: a
 * Landlock ruleset that a new process enters before its program. It may do what its user may, but
 *   - open for reading: the files of hookd's secrets, and all in the directory of
 *     systemd's credentials, by whatever path;
 *   - reach into processes that it has not started: ptrace(2), /proc/PID/mem, environ, fd;
 *   - mount.
 *
 * Landlock knows no "all but this": what is granted is each entry beside the secrets in
 * the directories on the way to them, as they are when the script starts. So a script
 * could not read what it makes itself in such a directory: a secret is walled off only
 * where none of them can be written by others than root (or, when hookd is not root, by
 * hookd). The list is made anew when one of them, or what is mounted, has changed.
 *
 * One thread: the dispatcher's. */
#ifndef HOOKD_WALL_H
#define HOOKD_WALL_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

struct script_sandbox;

/* For the secrets at these absolute paths, which are copied. With `warns`, logs which of
 * them cannot be protected. Returns new; NULL: out of memory. */
struct script_sandbox *script_sandbox_new(
	char *const *secrets, size_t count, bool warns) WARN_UNUSED;

/* *ruleset is what to hand to script_sandbox_enter, valid until the next call: -1 when the kernel
 * has no Landlock that would do (before Linux 5.19). False: there is no memory or
 * descriptor for it now, errno says which. w may be NULL: then it is -1. */
bool script_sandbox_ready(struct script_sandbox *w, int *ruleset) WARN_UNUSED;

/* Between vfork and exec, still as hookd's user. With CAP_SYS_ADMIN set-user-ID programs
 * keep their right; without it they must lose it (no_new_privs). False: errno. */
bool script_sandbox_enter(int ruleset) WARN_UNUSED;

void script_sandbox_free(struct script_sandbox *w); /* NULL is allowed */

#endif
