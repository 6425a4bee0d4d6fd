#include "trial.h"

#include "base/clock.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

static bool watch(struct trial *trial, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};

	return epoll_ctl(trial->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static bool open_place(struct trial *trial)
{
	*trial = (struct trial){.epoll = epoll_create1(EPOLL_CLOEXEC)};
	trial->transfers = transfers_new();
	trial->mailer = mailer_new();
	return trial->epoll >= 0 && trial->transfers != NULL && trial->mailer != NULL &&
	       watch(trial, transfers_fd(trial->transfers)) &&
	       watch(trial, mailer_fd(trial->mailer));
}

static enum action_step go_on(struct trial *trial)
{
	struct action *a = trial->action;
	int64_t left = a->deadline == INT64_MAX ? INT_MAX : a->deadline - clock_steady();
	struct epoll_event event;
	int n;

	n = epoll_wait(
		trial->epoll, &event, 1, left < 0 ? 0 : (int)(left < INT_MAX ? left : INT_MAX));
	if (n == 1 && event.data.ptr != NULL)
		return a->kind->ready(a, event.data.ptr);
	if (n == 1) {
		transfers_step(trial->transfers);
		if (transfers_ended(trial->transfers) != NULL ||
			mailer_ended(trial->mailer) != NULL)
			return a->kind->ended(a);
	}
	return a->deadline <= clock_steady() ? a->kind->expired(a) : ACTION_GOES_ON;
}

bool trial_run(struct trial *trial, struct conf *conf, const struct conf_hook *hook,
	struct delivery_job *job)
{
	enum action_step step = ACTION_FINISHED;
	int64_t began = clock_steady();

	if (open_place(trial)) {
		const struct action_place place = {
			trial->epoll, trial->transfers, trial->mailer, NULL};

		trial->action = action_of(conf, hook)->start(&place, conf, hook, job, &step);
	}
	if (trial->action == NULL) {
		delivery_job_free(job);
		trial_end(trial);
		return false;
	}
	while (step == ACTION_GOES_ON)
		step = go_on(trial);
	trial->took = clock_steady() - began;
	return true;
}

const struct attempt_outcome *trial_outcome(const struct trial *trial)
{
	return &trial->action->outcome;
}

void trial_end(struct trial *trial)
{
	if (trial->action != NULL)
		trial->action->kind->free(trial->action);
	transfers_free(trial->transfers);
	mailer_free(trial->mailer);
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
	f->output = strdup("what it printed last\n");
	if (f->hook == NULL || f->reason == NULL || f->output == NULL)
		return false;
	f->output_len = strlen(f->output);
	return true;
}
