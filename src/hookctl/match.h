/* hookctl/match.h - which hooks match an event, for import and quarantine release. One thread. */
#ifndef HOOKD_CTL_MATCH_H
#define HOOKD_CTL_MATCH_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>

/* The hooks, by name, that hookd would choose if the event arrived now. */
struct ctl_match {
	const char **hooks; /* the names are the conf's */
	size_t count;
	struct buf declined; /* see match_hooks */
};

/* False: out of memory, reported. Call ctl_match_free either way. */
bool ctl_match(struct ctl_match *m, struct conf *conf, const struct conf_source *source,
	struct event *ev) WARN_UNUSED;
void ctl_match_free(struct ctl_match *m);

#endif
