/* control/acts/match.h - which hooks match an event by the config in force, for import and release.
 * One thread. */
#ifndef HOOKD_CONTROL_ACTS_MATCH_H
#define HOOKD_CONTROL_ACTS_MATCH_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The hooks that would be chosen if the event arrived now. */
struct hook_match {
	int64_t *hooks; /* store ids */
	size_t count;
	struct buf declined; /* see match_hooks */
};

/* False: out of memory. Free it in any case. */
bool hook_match_find(
	struct hook_match *m, const struct conf_source *source, struct event *ev) WARN_UNUSED;
void hook_match_free(struct hook_match *m);

#endif
