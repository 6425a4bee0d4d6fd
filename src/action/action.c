#include "action/action.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static bool runs_script(const struct conf *conf, const struct conf_action *does)
{
	(void)conf;
	return does->program != NULL;
}

static bool forwards(const struct conf *conf, const struct conf_action *does)
{
	(void)conf;
	return does->forward.url != NULL;
}

static bool sends_by_command(const struct conf *conf, const struct conf_action *does)
{
	return does->email.to.count > 0 && conf->email.command != NULL;
}

static bool sends_by_server(const struct conf *conf, const struct conf_action *does)
{
	return does->email.to.count > 0 && conf->email.command == NULL;
}

static const struct {
	const struct action_kind *kind;
	bool (*wanted)(const struct conf *conf, const struct conf_action *does);
} kinds[] = {
	{&action_script, runs_script},
	{&action_forward, forwards},
	{&action_sendmail, sends_by_command},
	{&action_email, sends_by_server},
};

const struct action_kind *action_of(const struct conf *conf, const struct conf_hook *hook)
{
	const size_t count = sizeof(kinds) / sizeof(kinds[0]);
	size_t i = 0;

	while (i < count && !kinds[i].wanted(conf, hook->action))
		i++;
	assert(i < count); /* conf/check/check.c lets no hook without an action pass */
	return kinds[i].kind;
}

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
