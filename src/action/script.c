/* action/script.c - runs a hook's program, with arguments and environment made from their
 * templates and the event on its standard input. */
#include "arguments.h"
#include "child.h"
#include "process/script_sandbox.h"

#include <string.h>
#include <unistd.h>

enum {
	EXIT_DATA = 65,   /* EX_DATAERR of sysexits.h: PERMFAIL, … */
	EXIT_NEVER = 100, /* … as is qmail's code for a permanent failure */
};

static bool is_permanent(const struct conf_action *does, int exit_code)
{
	if (exit_code == EXIT_DATA || exit_code == EXIT_NEVER)
		return true;
	for (size_t i = 0; i < does->give_up_count; i++)
		if (does->give_up_on[i] == exit_code)
			return true;
	return false;
}

/* Root can read everything anyway: a sandbox would only hinder it. */
static bool needs_sandbox(const struct child_user *user)
{
	return (user->name != NULL ? user->uid : geteuid()) != 0;
}

static enum action_step start_program(struct action_child *s,
	const struct script_arguments *arguments, struct script_sandbox *sandbox)
{
	const struct conf_action *does = s->action.hook->action;
	const struct delivery_job *job = s->action.job;
	struct child_options options = {
		.argv = arguments->argv,
		.env = arguments->env,
		.directory = does->directory,
		.user = &does->user,
		.rlimits = does->rlimits,
		.rlimit_count = does->rlimit_count,
		.input = job->payload,
		.input_len = job->payload_len,
	};
	int ruleset = -1;

	if (needs_sandbox(&does->user) && !script_sandbox_ready(sandbox, &ruleset))
		return action_child_not_started(s, CHILD_NO_RESOURCES,
			"out of memory or descriptors for the script sandbox");
	options.sandbox = ruleset > 0 ? ruleset : 0;
	return action_child_start(s, &options, is_permanent);
}

static enum action_step start_child(struct action_child *s, struct script_sandbox *sandbox)
{
	const struct conf_hook *hook = s->action.hook;
	const struct delivery_job *job = s->action.job;
	struct script_arguments arguments;
	enum attempt_result result;
	enum action_step step = ACTION_FINISHED;
	char why[SCRIPT_ARGUMENTS_WHY];

	result = script_arguments_make(&arguments, hook, job, why);
	if (result == ATTEMPT_OK)
		step = start_program(s, &arguments, sandbox);
	else
		action_outcome(&s->action, result, "%s", why);
	script_arguments_free(&arguments);
	return step;
}

static struct action *script_start(const struct action_place *place, struct conf *conf,
	const struct conf_hook *hook, struct delivery_job *job, enum action_step *step)
{
	struct action_child *s = action_child_new(&action_script, place, conf, hook, job);

	if (s == NULL)
		return NULL;
	*step = start_child(s, place->sandbox);
	return &s->action;
}

static void add_quoted(struct buf *out, const char *text)
{
	buf_add_text(out, "    \"");
	buf_add_escaped(out, text, strlen(text), '"');
	buf_add_text(out, "\"\n");
}

static bool script_preview(const struct conf *conf, const struct conf_hook *hook,
	const struct delivery_job *job, struct buf *out)
{
	const struct conf_action *does = hook->action;
	struct script_arguments arguments;
	char why[SCRIPT_ARGUMENTS_WHY];
	bool good;

	(void)conf;
	good = script_arguments_make(&arguments, hook, job, why) == ATTEMPT_OK;
	if (good) {
		buf_add_text(out, "  run\n");
		for (size_t i = 0; arguments.argv[i] != NULL; i++)
			add_quoted(out, arguments.argv[i]);
		buf_add_text(out, "  environment\n");
		for (size_t i = 0; arguments.env[i] != NULL; i++)
			add_quoted(out, arguments.env[i]);
		buf_printf(out, "  in %s%s%s, the event's %zu bytes on standard input\n",
			does->directory, does->user.name != NULL ? " as user " : "",
			does->user.name != NULL ? does->user.name : "", job->payload_len);
	} else {
		buf_printf(out, "  cannot run: %s\n", why);
	}
	script_arguments_free(&arguments);
	return good;
}

const struct action_kind action_script = {
	.name = "script",
	.start = script_start,
	.preview = script_preview,
	.ready = action_child_ready,
	.expired = action_child_expired,
	.interrupt = action_child_interrupt,
	.kill = action_child_kill,
	.free = action_child_free,
};
