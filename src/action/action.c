/* action/action.c - what the kinds of action share: see kind.h. */
#include "kind.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void action_init(struct action *a, const struct action_kind *kind, struct conf *conf,
	const struct conf_hook *hook, struct delivery_job *job)
{
	*a = (struct action){
		.kind = kind,
		.hook = hook,
		.conf = conf_ref(conf),
		.job = job,
		.outcome = {.exit_code = -1},
		.deadline = INT64_MAX,
	};
}

void action_release(struct action *a)
{
	free(a->outcome.output);
	delivery_job_free(a->job);
	conf_unref(a->conf);
}

void action_outcome(struct action *a, enum attempt_result result, const char *format, ...)
{
	va_list args;

	a->outcome.result = result;
	va_start(args, format);
	(void)vsnprintf(a->outcome.message, sizeof(a->outcome.message), format, args);
	va_end(args);
}

void action_timed_out(struct action *a)
{
	int64_t ms = a->hook->action->timeout;
	bool seconds = ms % 1000 == 0;

	action_outcome(a, ATTEMPT_TEMPFAIL, "timed out after %" PRId64 "%s",
		seconds ? ms / 1000 : ms, seconds ? "s" : "ms");
}

void action_interrupted(struct action *a)
{
	action_outcome(a, ATTEMPT_INTERRUPTED, "hookd stopped before it was done");
}
