/* catchup/confirm.h - answers whether what an event reports is still so, by the entity as the
 * sender's API shows it now. What it showed is remembered for 10 s; after a failure the API is left
 * alone for a while. The catchup's thread answers, between its own questions and before them. */
#ifndef HOOKD_CATCHUP_CONFIRM_H
#define HOOKD_CATCHUP_CONFIRM_H

#include "catchup/confirms.h"
#include "task.h"

#include <jansson.h>
#include <stdbool.h>

/* Readable while there are questions. */
int confirms_fd(const struct confirms *cs);

/* Answers those about the task's source. */
void confirms_answer(struct confirms *cs, struct task *t);

/* The API has just shown the object at `path` (without a query) in a list: that counts as an
 * answer, too, so that what was filled in together need not be asked for one by one. */
void confirms_note(
	struct confirms *cs, const struct task *t, const char *path, const json_t *object);

/* Answers those about a source that no task works on, with LATER. */
void confirms_answer_others(struct confirms *cs,
	bool (*has_task)(const void *arg, const char *source), const void *arg);

/* Answers what is asked now and from now on with LATER. */
void confirms_close(struct confirms *cs);

#endif
