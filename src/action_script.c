#include "action.h"

#include "action_output.h"
#include "child.h"
#include "clock.h"
#include "log.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
	EXIT_DATA = 65, /* EX_DATAERR of sysexits.h, and qmail's code for "never": both PERMFAIL */
	EXIT_NEVER = 100,
	READ_SIZE = 16384,
	READ_AT_ONCE = 65536, /* then the others have their turn */
	DRAIN_MAX = 1 << 20,  /* the most a pipe holds, unless its writer is privileged */
	KILL_WAIT = 1000,     /* ms for a process to go after SIGKILL, when hookd is going */
	VARIABLES = 7,
};

enum phase {
	PHASE_RUNS,
	PHASE_ASKED,  /* has had SIGTERM */
	PHASE_KILLED, /* has had SIGKILL */
};

struct script {
	struct action action; /* first: the dispatcher knows only this */
	int epoll;
	struct child child;
	bool under_way; /* the child is ours to reap */
	enum phase phase;
	bool timed_out;
	bool interrupted; /* by hookd's stop */
	struct action_watch end;
	struct action_watch output;
	struct action_output printed;
};

static struct script *script_of(struct action *a)
{
	return (struct script *)a;
}

static char *variable(const char *format, ...) PRINTF(1, 2);

static char *variable(const char *format, ...)
{
	struct buf text = {0};
	va_list args;
	va_start(args, format);
	buf_vprintf(&text, format, args);
	va_end(args);
	return buf_take(&text);
}

static void free_environment(char **env, size_t borrowed)
{
	for (size_t i = borrowed; env && env[i]; i++)
		free(env[i]);
	free(env);
}

/* The hook's own variables (*borrowed of them), then HOOKD_…; NULL: no memory. */
static char **make_environment(
	const struct conf_hook *hook, const struct store_job *job, size_t *borrowed)
{
	size_t n = 0;
	while (hook->env && hook->env[n])
		n++;
	*borrowed = n;
	char **env = calloc(n + VARIABLES + 1, sizeof(*env));
	if (!env)
		return NULL;
	for (size_t i = 0; i < n; i++)
		env[i] = hook->env[i];

	char *own[VARIABLES] = {
		variable("HOOKD_EVENT_ID=%" PRId64, job->event),
		variable("HOOKD_EVENT_TYPE=%s", job->type),
		variable("HOOKD_SOURCE=%s", job->source),
		variable("HOOKD_HOOK=%s", hook->name),
		variable("HOOKD_DELIVERY_ID=%" PRId64, job->delivery),
		variable("HOOKD_ATTEMPT=%u", job->attempt),
		variable("HOOKD_IDEMPOTENCY_KEY=%s", job->idempotency_key),
	};
	bool whole = true;
	for (size_t i = 0; i < VARIABLES; i++) {
		if (own[i])
			env[n++] = own[i];
		else
			whole = false;
	}
	if (whole)
		return env;
	free_environment(env, *borrowed);
	return NULL;
}

static bool watch(struct script *s, struct action_watch *w, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};
	*w = (struct action_watch){.action = &s->action, .fd = fd};
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

static void unwatch(struct script *s, struct action_watch *w)
{
	if (w->fd >= 0)
		(void)epoll_ctl(s->epoll, EPOLL_CTL_DEL, w->fd, NULL);
	w->fd = -1;
}

/* Reads up to `max` bytes of what is there. False at the end of the output. */
static bool read_output(struct script *s, size_t max)
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

static void close_output(struct script *s)
{
	unwatch(s, &s->output);
	close(s->child.output);
	s->child.output = -1;
}

/* What is in the pipe now and no more: a process left in the background may
 * hold it open, or write to it, for ever. */
static void drain_output(struct script *s)
{
	int held = 0;
	if (s->child.output < 0)
		return;
	if (ioctl(s->child.output, FIONREAD, &held) == 0 && held > 0)
		(void)read_output(s, held < DRAIN_MAX ? (size_t)held : DRAIN_MAX);
}

static bool means_never(const struct conf_hook *hook, int exit_code)
{
	if (exit_code == EXIT_DATA || exit_code == EXIT_NEVER)
		return true;
	for (size_t i = 0; i < hook->give_up_count; i++)
		if (hook->give_up_on[i] == exit_code)
			return true;
	return false;
}

static void say_time(char *out, size_t size, int64_t ms)
{
	if (ms % 1000 == 0)
		(void)snprintf(out, size, "%" PRId64 "s", ms / 1000);
	else
		(void)snprintf(out, size, "%" PRId64 "ms", ms);
}

static void say_signal(struct attempt_outcome *out)
{
	const char *name = sigabbrev_np(out->signal);
	if (name)
		(void)snprintf(out->message, sizeof(out->message), "killed by SIG%s", name);
	else
		(void)snprintf(
			out->message, sizeof(out->message), "killed by signal %d", out->signal);
}

static void judge(struct script *s, struct child_end end)
{
	struct attempt_outcome *out = &s->action.outcome;
	const struct conf_hook *hook = s->action.hook;
	char time[32];

	out->exit_code = end.exit_code;
	out->signal = end.signal;
	if (s->timed_out) {
		out->result = ATTEMPT_TEMPFAIL;
		say_time(time, sizeof(time), hook->timeout);
		(void)snprintf(out->message, sizeof(out->message), "timed out after %s", time);
	} else if (end.exit_code == 0) {
		out->result = ATTEMPT_OK;
	} else if (s->interrupted) {
		out->result = ATTEMPT_INTERRUPTED;
		(void)snprintf(
			out->message, sizeof(out->message), "hookd stopped before it was done");
	} else if (end.exit_code > 0) {
		out->result =
			means_never(hook, end.exit_code) ? ATTEMPT_PERMFAIL : ATTEMPT_TEMPFAIL;
		(void)snprintf(out->message, sizeof(out->message), "exited with %d", end.exit_code);
	} else {
		out->result = ATTEMPT_TEMPFAIL;
		say_signal(out);
	}
}

static enum action_step finish(struct script *s)
{
	struct attempt_outcome *out = &s->action.outcome;

	drain_output(s);
	/* The leader is gone, those it started may not have heeded SIGTERM. Before
	 * the reap, which frees the group's number for others. */
	if (s->phase != PHASE_RUNS)
		child_signal(&s->child, SIGKILL);
	unwatch(s, &s->end);
	unwatch(s, &s->output);
	judge(s, child_reap(&s->child));
	s->under_way = false;
	s->action.deadline = INT64_MAX;
	out->output = action_output_take(&s->printed, &out->output_len);
	return ACTION_FINISHED;
}

/* The attempt is over before it began; it says why. */
static void fail_start(struct script *s, enum child_error error, const char *why)
{
	struct attempt_outcome *out = &s->action.outcome;
	const struct store_job *job = s->action.job;

	out->result = ATTEMPT_TEMPFAIL;
	(void)snprintf(out->message, sizeof(out->message), "%s", why);
	if (error != CHILD_NO_RESOURCES)
		log_error("script does not start", log_int("event", job->event),
			log_text("hook", s->action.hook->name), log_int("attempt", job->attempt),
			log_text("reason", why));
}

static bool begin(struct script *s)
{
	const struct conf_hook *hook = s->action.hook;
	const struct store_job *job = s->action.job;
	size_t borrowed;
	char **env = make_environment(hook, job, &borrowed);
	if (!env) {
		fail_start(s, CHILD_NO_RESOURCES, "out of memory");
		return false;
	}

	struct child_options options = {
		.argv = hook->run,
		.env = env,
		.directory = hook->directory,
		.user = &hook->user,
		.rlimits = hook->rlimits,
		.rlimit_count = hook->rlimit_count,
		.input = job->payload,
		.input_len = job->payload_len,
	};
	char why[CHILD_WHY];
	enum child_error error = child_start(&s->child, &options, why);
	free_environment(env, borrowed);
	if (error != CHILD_OK) {
		fail_start(s, error, why);
		return false;
	}
	s->under_way = true;
	s->action.deadline = clock_steady() + hook->timeout;
	if (watch(s, &s->end, s->child.pidfd) && watch(s, &s->output, s->child.output))
		return true;

	unwatch(s, &s->end);
	s->output.fd = -1;
	child_signal(&s->child, SIGKILL);
	(void)child_reap(&s->child);
	s->under_way = false;
	fail_start(s, CHILD_NO_RESOURCES, "no room to watch another process");
	return false;
}

static struct action *script_start(int epoll, struct conf *conf, const struct conf_hook *hook,
	struct store_job *job, enum action_step *step)
{
	struct script *s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->action = (struct action){
		.kind = &action_script,
		.hook = hook,
		.conf = conf_ref(conf),
		.job = job,
		.outcome = {.exit_code = -1},
		.deadline = INT64_MAX,
	};
	s->epoll = epoll;
	s->end.fd = -1;
	s->output.fd = -1;
	action_output_init(&s->printed, hook->output, job->event, hook->name, job->attempt);
	*step = begin(s) ? ACTION_GOES_ON : ACTION_FINISHED;
	return &s->action;
}

static enum action_step script_ready(struct action *a, struct action_watch *w)
{
	struct script *s = script_of(a);

	if (w == &s->end)
		return child_ended(&s->child) ? finish(s) : ACTION_GOES_ON;
	if (!read_output(s, READ_AT_ONCE))
		close_output(s);
	return ACTION_GOES_ON;
}

static void ask_to_end(struct script *s)
{
	child_signal(&s->child, SIGTERM);
	s->phase = PHASE_ASKED;
	s->action.deadline = clock_steady() + s->action.hook->kill_after;
}

static enum action_step script_expired(struct action *a)
{
	struct script *s = script_of(a);

	if (child_ended(&s->child)) /* in time; only we are late to see it */
		return finish(s);
	if (s->phase == PHASE_RUNS) {
		s->timed_out = true;
		ask_to_end(s);
	} else {
		child_signal(&s->child, SIGKILL);
		s->phase = PHASE_KILLED;
		a->deadline = INT64_MAX;
	}
	return ACTION_GOES_ON;
}

static void script_interrupt(struct action *a)
{
	struct script *s = script_of(a);

	s->interrupted = true;
	if (s->phase == PHASE_KILLED)
		return;
	if (s->phase == PHASE_RUNS)
		ask_to_end(s);
	/* Who runs hookd gave `grace` for the whole stop: no script gets that again
	 * and more. */
	int64_t last = clock_steady() + a->conf->limits.grace;
	if (a->deadline > last)
		a->deadline = last;
}

static void script_kill(struct action *a)
{
	struct script *s = script_of(a);
	struct pollfd end = {.fd = s->child.pidfd, .events = POLLIN};

	if (!s->under_way)
		return;
	child_signal(&s->child, SIGKILL);
	unwatch(s, &s->end);
	unwatch(s, &s->output);
	/* A process in uninterruptible sleep is left to init. */
	if (poll(&end, 1, KILL_WAIT) > 0) {
		(void)child_reap(&s->child);
	} else {
		close(s->child.pidfd);
		if (s->child.output >= 0)
			close(s->child.output);
	}
	s->under_way = false;
}

static void script_free(struct action *a)
{
	struct script *s = script_of(a);

	action_output_free(&s->printed);
	free(a->outcome.output);
	store_job_free(a->job);
	conf_unref(a->conf);
	free(s);
}

const struct action_kind action_script = {
	.name = "script",
	.start = script_start,
	.ready = script_ready,
	.expired = script_expired,
	.interrupt = script_interrupt,
	.kill = script_kill,
	.free = script_free,
};
