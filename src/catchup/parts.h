/* catchup/parts.h - what a webhook's body has of an entity and the API's list of events has not:
 * its customer, its currency, its payment method. Asked for many entities at once where the API can
 * search; else one by one. Of catchup.c's thread alone. */
#ifndef HOOKD_CATCHUP_PARTS_H
#define HOOKD_CATCHUP_PARTS_H

#include "base/buf.h"
#include "event/event.h"
#include "task.h"

/* Notes that the entity of this event will be needed. */
void parts_want(struct task *t, const struct event *ev, const struct buf *body);

/* Reads pages of the API's search for the entities that are wanted, if they are more than a few.
 * What it does not find, or fails to read, is left to parts_complete. */
void parts_search(struct task *t);

/* Adds to the body what its entity lacks. What the API does not show is left out. */
enum task_end parts_complete(struct task *t, const struct event *ev, struct buf *body);

/* Forgets what was read and wanted. */
void parts_forget(struct task *t);

#endif
