/* hookd/privilege.h - the user that scripts run as, and whether they may gain privileges through
 * programs such as sudo(8). Checked here, not with the config: hookctl and `hookd --check`, when
 * root runs them, read the config of a daemon that is not root. */
#ifndef HOOKD_PRIVILEGE_H
#define HOOKD_PRIVILEGE_H

#include "base/attributes.h"
#include "conf/conf.h"

#include <stdbool.h>

/* As root, hookd runs a script only as the user that its hook names (which may be root). False:
 * each hook without one was logged. */
bool privilege_check(const struct conf *conf) WARN_UNUSED;

/* Keeps hookd and its children from gaining privileges through set-user-ID and set-group-ID
 * programs, permanently, unless the config needs it: mail goes through a local sendmail, or hookd
 * is root and runs scripts. Call before any thread starts. */
void privilege_drop(const struct conf *conf);

/* After a reload: logs it if conf would need what was dropped. */
void privilege_report_dropped(const struct conf *conf);

#endif
