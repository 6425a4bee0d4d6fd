/* conf/match.h - which hooks want an event. Pure; any thread. */
#ifndef HOOKD_MATCH_H
#define HOOKD_MATCH_H

#include "base/buf.h"
#include "conf.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Does the glob (fnmatch(3), no flags: * crosses dots) match this type? */
bool match_type(const char *glob, const char *type);

/* Do the hook's `on` and its `when` match the type and the document (the body's JSON)?
 * If the document does not, appends the reason to *why (NULL: not needed). */
bool match_on(const struct conf_hook *hook, const char *type);
bool match_when(const struct conf_hook *hook, const json_t *document, struct buf *why);

#define MATCH_REASON   200  /* bytes of a reason that are kept */
#define MATCH_DECLINED 4096 /* bytes of all reasons of an event together */

/* Puts the store ids of the source's hooks that want ev into ids (room for
 * source->hook_count), in config order, and returns how many. No hook wants a quarantined
 * event. Hooks whose `on` matches but whose `when` does not are added to *declined, a
 * line "HOOK\tREASON\n" each, as in struct store_put. Out of memory: buf_ok(declined) is
 * false. */
size_t match_hooks(
	const struct conf_source *source, struct event *ev, int64_t *ids, struct buf *declined);

#endif
