/* catchup/compose.h - the body that a webhook would have had for an event that the API returned, so
 * that conditions, templates and scripts see no difference. The entity is the event's own snapshot:
 * its members win, as they say what was true then. Only what it lacks is added. Pure; any thread.
 */
#ifndef HOOKD_CATCHUP_COMPOSE_H
#define HOOKD_CATCHUP_COMPOSE_H

#include "answer.h"
#include "base/attributes.h"
#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>

/* Appends the body of a readable row, but an unreadable one as it is. False: out of memory. */
bool compose_body(const struct answer_event *row, struct buf *out) WARN_UNUSED;

/* Adds to the body's entity the members of `more`, an object, that are in `names` (NULL at the end)
 * and that it lacks: *body is replaced. False: out of memory. */
bool compose_add(struct buf *body, const json_t *more, const char *const *names) WARN_UNUSED;

#endif
