/* process/script_sandbox.h - keeps scripts from hookd's secrets, although they run as hookd's
 * user: a Landlock ruleset that a new process enters before it runs the program. The
 * script may do whatever its user may, except
 *   - read the files of hookd's secrets, or anything in the directory of systemd's
 *     credentials, by any path;
 *   - reach into processes that it has not started: ptrace(2), /proc/PID/mem, environ, fd;
 *   - mount.
 *
 * Landlock has no rule "everything but this". So every entry of every directory along the
 * path of a secret is granted, except those that lead to a secret. This covers the entries that
 * exist when the script starts: a script could not read a file that it creates itself in such a
 * directory. So a secret is only protected if scripts cannot write there: if only root can write to
 * each directory of its path, or, for a hookd that is not root, if hookd's user cannot. The ruleset
 * is built again when such a directory or the mounts have changed.
 *
 * One thread: the dispatcher's. */
#ifndef HOOKD_SCRIPT_SANDBOX_H
#define HOOKD_SCRIPT_SANDBOX_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

struct script_sandbox;

/* Protects the secrets at these absolute paths, which are copied. With `warns`, logs those
 * that cannot be protected. Returns new; NULL: out of memory. */
struct script_sandbox *script_sandbox_new(
	char *const *secrets, size_t count, bool warns) WARN_UNUSED;

/* Logs those of hookd's other files that scripts could replace, with a link to a secret for
 * example: their directories are judged as those of secrets are. */
void script_sandbox_judge_files(char *const *files, size_t count);

/* *ruleset is for script_sandbox_enter, and valid until the next call; -1: there is no
 * sandbox, since s is NULL or the kernel's Landlock is too old (before Linux 5.19). False:
 * no memory or descriptor is free for it now; errno says which. */
bool script_sandbox_ready(struct script_sandbox *s, int *ruleset) WARN_UNUSED;

/* Between vfork and exec, while still hookd's user. Set-user-ID programs only keep their
 * effect if the process has CAP_SYS_ADMIN; else no_new_privs is set. False: errno. */
bool script_sandbox_enter(int ruleset) WARN_UNUSED;

void script_sandbox_free(struct script_sandbox *s); /* NULL is allowed */

#endif
