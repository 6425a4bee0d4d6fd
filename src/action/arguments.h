/* action/arguments.h - a script's argv and environment, made from a hook's templates for one
 * delivery. No shell ever sees them. Any thread. */
#ifndef HOOKD_ACTION_ARGUMENTS_H
#define HOOKD_ACTION_ARGUMENTS_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "event/delivery.h"

struct script_arguments {
	char **argv; /* NULL at the end */
	char **env;  /* PATH, LANG, HOME, the hook's own, HOOKD_…; NULL at the end */
};

#define SCRIPT_ARGUMENTS_WHY 512

/* The longest argument or variable that Linux takes (MAX_ARG_STRLEN, 32 pages of
 * 4 KiB, with its NUL). */
#define SCRIPT_ARGUMENT_MAX ((size_t)131071)

/* ATTEMPT_OK; or ATTEMPT_PERMFAIL, with why, if every later attempt would fail as well:
 * a value is missing, contains a NUL or starts with a "-" from the event, or one string
 * or all of them together are too long; ATTEMPT_TEMPFAIL when out of memory. With `shown`, for
 * people, they have each ${NAME} of the config as it is written. Call script_arguments_free in any
 * case. */
enum attempt_result script_arguments_make(struct script_arguments *arguments,
	const struct conf *conf, const struct conf_hook *hook, const struct delivery_job *job,
	bool shown, char why[SCRIPT_ARGUMENTS_WHY]) WARN_UNUSED;
void script_arguments_free(struct script_arguments *arguments);

#endif
