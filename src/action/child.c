#include "child.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	READ_SIZE = 16384,
	READ_AT_ONCE = 65536, /* bytes, then other actions have their turn */
	DRAIN_MAX = 1 << 20,  /* the most that a pipe holds, unless its writer is privileged */
	KILL_WAIT = 1000,     /* ms for a process to end after SIGKILL when hookd stops */
};

static struct action_child *child_of(struct action *a)
{
	return (struct action_child *)a;
}

static bool watch_child(struct action_child *s, struct action_watch *w, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
	*w = (struct action_watch){.action = &s->action, .fd = fd};
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void unwatch_child(struct action_child *s, struct action_watch *w)
{
	if (w->fd >= 0)
		(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
}

/* Reads up to `max` bytes of what is there. False at the end of the output. */
static bool read_output(struct action_child *s, size_t max)
{
	char bytes[READ_SIZE];

	while (max > 0) {
		ssize_t n = read(s->child.output, bytes, max < sizeof(bytes) ? max : sizeof(bytes));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN;
		if (n == 0)
			return false;
		action_output_add(&s->printed, bytes, (size_t)n);
		max -= (size_t)n;
	}
	return true;
}

static void close_output(struct action_child *s)
{
	unwatch_child(s, &s->output);
	close(s->child.output);
	s->child.output = -1;
}

/* Reads only what is in the pipe now: a process that the script has left in the background may keep
 * it open, and write to it, forever. */
static void drain_output(struct action_child *s)
{
	int size = 0;
	if (s->child.output < 0)
		return;
	if (ioctl(s->child.output, FIONREAD, &size) == 0 && size > 0)
		(void)read_output(s, size < DRAIN_MAX ? (size_t)size : DRAIN_MAX);
}

static void judge(struct action_child *s, struct child_end end)
{
	struct action *a = &s->action;
	const char *name = end.signal > 0 ? sigabbrev_np(end.signal) : NULL;

	a->outcome.exit_code = end.exit_code;
	a->outcome.signal = end.signal;
	if (s->timed_out)
		action_timed_out(a);
	else if (end.exit_code == 0)
		a->outcome.result = ATTEMPT_OK;
	else if (s->interrupted)
		action_interrupted(a);
	else if (end.exit_code > 0)
		action_outcome(a,
			s->is_permanent(a->hook->action, end.exit_code) ? ATTEMPT_PERMFAIL
									: ATTEMPT_TEMPFAIL,
			"exited with %d", end.exit_code);
	else if (name != NULL)
		action_outcome(a, ATTEMPT_TEMPFAIL, "killed by SIG%s", name);
	else
		action_outcome(a, ATTEMPT_TEMPFAIL, "killed by signal %d", end.signal);
}

static enum action_step end_attempt(struct action_child *s)
{
	struct attempt_outcome *out = &s->action.outcome;

	drain_output(s);
	/* The group's leader has ended, but its other processes may have ignored SIGTERM.
	 * Before child_reap, which frees the group's number for reuse. */
	if (s->phase != PHASE_RUNS)
		child_signal(&s->child, SIGKILL);
	unwatch_child(s, &s->end);
	unwatch_child(s, &s->output);
	judge(s, child_reap(&s->child));
	s->running = false;
	s->action.deadline = INT64_MAX;
	out->output = action_output_take(&s->printed, &out->output_len);
	return ACTION_FINISHED;
}

enum action_step action_child_not_started(
	struct action_child *s, enum child_error error, const char *why)
{
	const struct delivery_job *job = s->action.job;

	action_outcome(&s->action, ATTEMPT_TEMPFAIL, "%s", why);
	if (error != CHILD_NO_RESOURCES)
		log_error("program does not start", log_int("event", job->event),
			log_text("hook", s->action.hook->name), log_int("attempt", job->attempt),
			log_text("reason", why));
	return ACTION_FINISHED;
}

struct action_child *action_child_new(const struct action_kind *kind,
	const struct action_place *place, struct conf *conf, const struct conf_hook *hook,
	struct delivery_job *job)
{
	struct action_child *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	action_init(&s->action, kind, conf, hook, job);
	s->epoll = place->epoll;
	s->end.fd = -1;
	s->output.fd = -1;
	action_output_init(&s->printed, hook->action->output, job->event, hook->name, job->attempt);
	return s;
}

bool action_child_confine(struct child_options *options, struct script_sandbox *sandbox)
{
	const struct child_user *user = options->user;
	int ruleset = -1;

	if ((user->name != NULL ? user->uid : geteuid()) == 0)
		return true;
	if (!script_sandbox_ready(sandbox, &ruleset))
		return false;
	options->sandbox = ruleset > 0 ? ruleset : 0;
	return true;
}

enum action_step action_child_start(struct action_child *s, const struct child_options *options,
	bool (*is_permanent)(const struct conf_action *does, int exit_code))
{
	char why[CHILD_WHY];
	enum child_error error = child_start(&s->child, options, why);

	if (error != CHILD_OK)
		return action_child_not_started(s, error, why);
	s->is_permanent = is_permanent;
	s->running = true;
	s->action.deadline = clock_steady() + s->action.hook->action->timeout;
	if (watch_child(s, &s->end, s->child.pidfd) && watch_child(s, &s->output, s->child.output))
		return ACTION_GOES_ON;

	unwatch_child(s, &s->end);
	s->output.fd = -1;
	child_signal(&s->child, SIGKILL);
	(void)child_reap(&s->child);
	s->running = false;
	return action_child_not_started(s, CHILD_NO_RESOURCES, "cannot watch another process");
}

enum action_step action_child_ready(struct action *a, struct action_watch *w)
{
	struct action_child *s = child_of(a);

	if (w == &s->end)
		return child_ended(&s->child) ? end_attempt(s) : ACTION_GOES_ON;
	if (!read_output(s, READ_AT_ONCE))
		close_output(s);
	return ACTION_GOES_ON;
}

static void terminate(struct action_child *s)
{
	child_signal(&s->child, SIGTERM);
	s->phase = PHASE_TERMINATED;
	s->action.deadline = clock_steady() + s->action.hook->action->kill_after;
}

enum action_step action_child_expired(struct action *a)
{
	struct action_child *s = child_of(a);

	if (child_ended(&s->child)) /* in time; only we notice it late */
		return end_attempt(s);
	if (s->phase == PHASE_RUNS) {
		s->timed_out = true;
		terminate(s);
	} else {
		child_signal(&s->child, SIGKILL);
		s->phase = PHASE_KILLED;
		a->deadline = INT64_MAX;
	}
	return ACTION_GOES_ON;
}

void action_child_interrupt(struct action *a)
{
	struct action_child *s = child_of(a);

	s->interrupted = true;
	if (s->phase == PHASE_KILLED)
		return;
	if (s->phase == PHASE_RUNS)
		terminate(s);
	/* `grace` is for all of hookd's stop: kill_after must not add to it. */
	int64_t last = clock_steady() + a->conf->limits.grace;
	if (a->deadline > last)
		a->deadline = last;
}

void action_child_kill(struct action *a)
{
	struct action_child *s = child_of(a);
	struct pollfd end = {.fd = s->child.pidfd, .events = POLLIN};

	if (!s->running)
		return;
	child_signal(&s->child, SIGKILL);
	unwatch_child(s, &s->end);
	unwatch_child(s, &s->output);
	/* A process in uninterruptible sleep is left to init. */
	if (poll(&end, 1, KILL_WAIT) > 0) {
		(void)child_reap(&s->child);
	} else {
		close(s->child.pidfd);
		if (s->child.output >= 0)
			close(s->child.output);
	}
	s->running = false;
}

void action_child_free(struct action *a)
{
	struct action_child *s = child_of(a);

	action_output_free(&s->printed);
	action_release(a);
	free(s);
}
