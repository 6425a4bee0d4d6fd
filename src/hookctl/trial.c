#include "trial.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static void note_end(void *trial, struct action *a)
{
	(void)a;
	((struct trial *)trial)->ended = true;
}

static bool open_place(struct trial *trial)
{
	*trial = (struct trial){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	if (trial->epoll >= 0)
		trial->place = action_place_new(trial->epoll, note_end, trial);
	return trial->place != NULL;
}

static void wait_once(struct trial *trial)
{
	struct action *a = trial->action;
	int64_t left = a->deadline == INT64_MAX ? INT_MAX : a->deadline - clock_steady();
	struct epoll_event event;
	int n;

	n = epoll_wait(
		trial->epoll, &event, 1, left < 0 ? 0 : (int)(left < INT_MAX ? left : INT_MAX));
	if (n == 1)
		action_place_ready(trial->place, event.data.ptr);
	if (!trial->ended && a->deadline <= clock_steady())
		trial->ended = action_expire(a) == ACTION_FINISHED;
}

bool trial_run(struct trial *trial, struct conf *conf, const struct conf_hook *hook,
	struct delivery_job *job)
{
	enum action_step step = ACTION_FINISHED;
	int64_t start = clock_steady();

	if (open_place(trial))
		trial->action = action_start(trial->place, conf, hook, job, &step);
	if (trial->action == NULL) {
		delivery_job_free(job);
		trial_end(trial);
		return false;
	}
	trial->ended = step == ACTION_FINISHED;
	while (!trial->ended)
		wait_once(trial);
	trial->took = clock_steady() - start;
	return true;
}

const struct attempt_outcome *trial_outcome(const struct trial *trial)
{
	return &trial->action->outcome;
}

void trial_end(struct trial *trial)
{
	if (trial->action != NULL)
		action_free(trial->action);
	action_place_free(trial->place);
	if (trial->epoll >= 0)
		close(trial->epoll);
	*trial = (struct trial){.epoll = -1};
}

bool trial_add_failure(struct delivery_job *job)
{
	struct delivery_failure *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return false;
	job->failure = f;
	f->attempts = 12;
	f->hook = strdup("ship-order");
	f->reason = strdup("exited with 1");
	f->output = strdup("the end of its output\n");
	if (f->hook == NULL || f->reason == NULL || f->output == NULL)
		return false;
	f->output_len = strlen(f->output);
	return true;
}
