/* catchup/health.h - is the webhook well that brings a source's events? It is found in the list
 * that the sender's API has of them, by its URL. What comes of it is in the task's state, for
 * status and the reporter. Of catchup.c's thread alone. */
#ifndef HOOKD_CATCHUP_HEALTH_H
#define HOOKD_CATCHUP_HEALTH_H

#include "store/catchup.h"
#include "task.h"

#include <jansson.h>
#include <stdbool.h>

/* Does a webhook at that URL bring the source's events: by api.public_url, or else by its path? */
bool health_is_ours(const struct conf_source *source, const char *url);

/* Reads the list and stores what it shows; enables the webhook again where the config asks for it.
 * What cannot be read leaves the state as it was. */
void health_check(struct task *t);

/* After a sweep: events were missing though the webhook is enabled. Has it brought nothing for
 * t->silence? */
void health_note_missing(struct task *t);

#endif
