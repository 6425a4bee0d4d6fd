/* action/cut.h - leaves members out of a JSON text byte for byte: all other bytes stay as they
 * came, so that numbers keep their digits and texts their escapes. Any thread. */
#ifndef HOOKD_ACTION_CUT_H
#define HOOKD_ACTION_CUT_H

#include "base/attributes.h"
#include "base/buf.h"
#include "rule/path.h"

#include <stddef.h>

#define CUT_PATHS 64 /* at most */

enum cut_result {
	CUT_OK,
	CUT_INSIDE_TEXT, /* a path leads into a text of JSON, whose members cannot be left out */
	CUT_UNREADABLE,  /* it is not JSON */
};

/* Appends the text to `out` without what is at the paths; a path that is not in it changes nothing.
 * If a name occurs twice, both go. After all but CUT_OK, `out` has a part of it. */
enum cut_result cut_paths(struct buf *out, const char *text, size_t len, struct path *const *paths,
	size_t count) WARN_UNUSED;

#endif
