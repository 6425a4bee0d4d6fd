/* hookctl/match.h - which hooks want an event, for commands that bring events in. One thread. */
#ifndef HOOKD_CTL_MATCH_H
#define HOOKD_CTL_MATCH_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>

/* By name, as hookd would find out if the event came now. */
struct ctl_match {
	const char **hooks; /* the names are the conf's */
	size_t count;
	struct buf declined; /* see match_hooks */
};

/* False, said, when memory is short. ctl_match_free either way. */
bool ctl_match(struct ctl_match *m, struct conf *conf, const struct conf_source *source,
	struct event *ev) WARN_UNUSED;
void ctl_match_free(struct ctl_match *m);

#endif
