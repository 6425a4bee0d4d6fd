/* hookd/privilege.h - as whom scripts run, and whether they may gain rights by programs such as
 * sudo(8). Not a matter of the config alone: hookctl and `hookd --check`, run by root,
 * read it for a daemon that is not root. */
#ifndef HOOKD_PRIVILEGE_H
#define HOOKD_PRIVILEGE_H

#include "base/attributes.h"
#include "conf/conf.h"

#include <stdbool.h>

/* A hookd that runs as root runs a script only as the user that its hook names, be it
 * root. False: not all do, and each that does not has been logged. */
bool privilege_check(const struct conf *conf) WARN_UNUSED;

/* Gives up what the config does not need, for hookd and all it starts, for good: to gain
 * rights by set-user-ID and set-group-ID programs, unless mail leaves by a local sendmail
 * or hookd is root and runs scripts. Before there is a thread. */
void privilege_give_up(const struct conf *conf);

/* After a reload: says so if conf would need what was given up. */
void privilege_compare(const struct conf *conf);

#endif
