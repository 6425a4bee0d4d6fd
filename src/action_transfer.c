#include "action_transfer.h"

#include "clock.h"

enum action_step action_transfer_no_memory(struct action_transfer *t)
{
	action_outcome(&t->action, ATTEMPT_TEMPFAIL, "out of memory");
	return ACTION_FINISHED;
}

enum action_step action_transfer_begin(struct action_transfer *t)
{
	if (!transfer_start(&t->transfer))
		return action_transfer_no_memory(t);
	t->action.deadline = clock_steady() + t->action.hook->action->timeout;
	return ACTION_GOES_ON;
}

const char *action_transfer_error(const struct action_transfer *t)
{
	return t->transfer.error[0] != '\0' ? t->transfer.error
					    : curl_easy_strerror(t->transfer.result);
}

void action_transfer_expire(struct action_transfer *t)
{
	t->action.deadline = INT64_MAX;
	if (t->interrupted)
		action_interrupted(&t->action);
	else
		action_timed_out(&t->action);
}

/* What the other side was told so far it may have acted on: that is what the
 * idempotency key is for. hookd's grace is over when this is called. */
void action_transfer_interrupt(struct action *a)
{
	((struct action_transfer *)a)->interrupted = true;
	a->deadline = clock_steady();
}

void action_transfer_kill(struct action *a)
{
	transfer_close(&((struct action_transfer *)a)->transfer);
}
