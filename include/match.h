/* match.h - which hooks want an event. Pure; any thread. */
#ifndef HOOKD_MATCH_H
#define HOOKD_MATCH_H

#include "conf.h"
#include "event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does the glob (fnmatch(3), no flags: * crosses dots) take this type? */
bool match_type(const char *glob, const char *type);

/* Puts the store ids of the source's hooks that want ev into ids (room for
 * conf->hook_count), in config order, and returns how many. A quarantined
 * event is wanted by none. */
size_t match_hooks(const struct conf *conf, const struct conf_source *source,
	const struct event *ev, int64_t *ids);

#endif
