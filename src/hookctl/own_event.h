/* hookctl/own_event.h - makes up the events of hookd's own hooks, hookd/digest, hookd/silence
 * and hookd/alert,
 * for `hookctl test`. One thread. */
#ifndef HOOKD_CTL_OWN_EVENT_H
#define HOOKD_CTL_OWN_EVENT_H

#include "base/attributes.h"
#include "base/buf.h"
#include "command.h"
#include "conf/conf.h"

/* Is it a hook of hookd's own events? */
bool ctl_own_event_of(const struct conf *conf, const struct conf_hook *hook);

/* Appends the body that such a hook would get: the digest of the last 24 hours, as the store has
 * them, or of nothing if there is no store yet; that the first source was silent for silence.after,
 * or that its requests are refused. CTL_OK, or the code to exit with: reported. As root, becomes
 * the store's owner. */
int ctl_own_event_make(const struct ctl *ctl, const struct conf *conf, const struct conf_hook *hook,
	struct buf *body) WARN_UNUSED;

#endif
