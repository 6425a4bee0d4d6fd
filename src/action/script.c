/* action/script.c - runs a hook's program, with arguments and environment made from their
 * templates and the event on its standard input. */
#include "arguments.h"
#include "child.h"

#include <string.h>

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

	if (!action_child_confine(&options, sandbox))
		return action_child_not_started(s, CHILD_NO_RESOURCES, ACTION_CHILD_NO_SANDBOX);
	return action_child_start(s, &options, conf_action_gives_up);
}

static enum action_step start_child(struct action_child *s, struct script_sandbox *sandbox)
{
	const struct conf_hook *hook = s->action.hook;
	const struct delivery_job *job = s->action.job;
	struct script_arguments arguments;
	enum attempt_result result;
	enum action_step step = ACTION_FINISHED;
	char why[SCRIPT_ARGUMENTS_WHY];

	result = script_arguments_make(&arguments, s->action.conf, hook, job, false, why);
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
	const char *user = conf_written(conf, &does->user);
	struct script_arguments arguments;
	char why[SCRIPT_ARGUMENTS_WHY];
	bool good = script_arguments_make(&arguments, conf, hook, job, false, why) == ATTEMPT_OK;

	script_arguments_free(&arguments);
	good = good && script_arguments_make(&arguments, conf, hook, job, true, why) == ATTEMPT_OK;
	if (user == NULL)
		user = does->user.name;
	if (good) {
		buf_add_text(out, "  run\n");
		for (size_t i = 0; arguments.argv[i] != NULL; i++)
			add_quoted(out, arguments.argv[i]);
		buf_add_text(out, "  environment\n");
		for (size_t i = 0; arguments.env[i] != NULL; i++)
			add_quoted(out, arguments.env[i]);
		buf_printf(out, "  in %s%s%s, the event's %zu bytes on standard input\n",
			conf_shown(conf, &does->directory, does->directory),
			user != NULL ? " as user " : "", user != NULL ? user : "",
			job->payload_len);
	} else {
		buf_add_text(out, "  cannot run: ");
		buf_add_escaped(out, why, strlen(why), '\0');
		buf_add_char(out, '\n');
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
