/* control/acts/pause.c - pause and resume: a row for each hook, with the time since which it was
 * paused before; 0: it was not.
 *   {"row":{"hook":"ship","since":0,"known":true}} */
#include "act.h"
#include "base/clock.h"

#define HOOK_BYTES 4096

static json_t *set_paused(struct act *a, bool pause)
{
	const json_t *hooks = json_object_get(a->request, "hooks"), *hook;
	size_t i;

	json_array_foreach(hooks, i, hook)
	{
		struct store_pause op = {
			.op.kind = STORE_OP_PAUSE,
			.hook = json_string_value(hook),
			.pause = pause,
			.now = clock_wall(),
			.audit = &a->audit,
		};

		if (act_stopped(a, 0))
			break;
		if (!act_write(a, &op.op))
			return NULL;
		act_send_row(a, json_pack("{s:s, s:I, s:b}", "hook", op.hook, "since",
					(json_int_t)op.since, "known", op.known));
	}
	return json_object();
}

static json_t *pause_hooks(struct act *a)
{
	return set_paused(a, true);
}

static json_t *resume_hooks(struct act *a)
{
	return set_paused(a, false);
}

static const struct act_member members[] = {
	{"hooks", ACT_TEXTS, 1, HOOK_BYTES, true},
	{0},
};

const struct act_kind act_pause = {.name = "pause", .members = members, .run = pause_hooks};
const struct act_kind act_resume = {.name = "resume", .members = members, .run = resume_hooks};
