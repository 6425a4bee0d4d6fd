/* conf/check/known.h - what hookd knows of the events that a hook gets: their types, members and
 * values, as the sender's row and its made-up events show them. Senders' lists are not closed, so
 * what is not known is warned of, with the nearest that is. Private to conf. One thread. */
#ifndef HOOKD_CONF_KNOWN_H
#define HOOKD_CONF_KNOWN_H

#include "base/attributes.h"
#include "check.h"

#include <stdbool.h>

/* Whose events an action or a condition is for. */
struct conf_events {
	struct conf_reader *reader;
	const struct conf_hook *hook; /* NULL: any */
	bool facts;                   /* with hookd's own, which a condition does not see */
	bool failure;                 /* with those of a failed delivery */
};

/* Warns of an event type, or a glob, that fits none of the sender's. */
void conf_know_type(const struct conf_value *v, const struct sender *sender, const char *glob);

/* Warns at a place of a path that is in no event. `optional`: events may lack it, so only what was
 * probably meant otherwise is reported. */
void conf_know_path(const struct conf_value *v, struct conf_place at,
	const struct conf_events *events, const struct path *path, bool optional);

/* Warns of a value that a member of the event never has. */
void conf_know_value(const struct conf_value *v, const struct conf_events *events, const char *path,
	const char *text);

void conf_known_free(struct conf_known *known); /* NULL is allowed */

#endif
