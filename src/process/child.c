#include "process/child.h"

#include "failure.h"
#include "process/reaper.h"
#include "process/script_sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

/* 32-bit ABIs carry an old call with 16-bit ids under the plain name. */
#ifdef SYS_setresuid32
#define SET_GROUPS SYS_setgroups32
#define SET_GIDS   SYS_setresgid32
#define SET_UIDS   SYS_setresuid32
#else
#define SET_GROUPS SYS_setgroups
#define SET_GIDS   SYS_setresgid
#define SET_UIDS   SYS_setresuid
#endif

enum {
	EXIT_NOT_STARTED = 127,
	FIRST_FREE = 3,
	MANY_DESCRIPTORS = 1 << 17, /* more than limits.connections allows */
};

/* Everything that the new process needs, prepared before it exists. */
struct plan {
	const struct child_options *options;
	bool switch_user;
	int input;
	int output;
	int report; /* close-on-exec: end of file means that the program runs; -1: not needed */
	pid_t parent;
	uint64_t to_reset; /* signals */
	struct trace *trace;
};

/* What the new process writes into hookd's memory, if it shares that. */
struct trace {
	bool started;
	struct child_failure failure;
};

/* Set once a child has been seen to share our memory, i.e. vfork is not emulated by fork.
 * From then on errors come back through memory and no pipe is needed. */
static atomic_bool memory_is_shared;

static _Noreturn void report_failure(const struct plan *plan, enum child_stage stage)
{
	struct child_failure failure = {.stage = stage, .error = errno};
	plan->trace->failure = failure;
	if (plan->report >= 0) {
		ssize_t written = write(plan->report, &failure, sizeof(failure));
		(void)written; /* there is no other way to report it */
	}
	_exit(EXIT_NOT_STARTED);
}

/* Dispositions are read and set by syscall: glibc reserves signals 32 and 33, and hookd
 * may have been started with them ignored. All zero is SIG_DFL in every kernel's layout. */
static const char default_action[64];

/* A bit for each signal from 1 to 64. Architectures with more always reset the others. */
static _Atomic uint64_t signals_to_reset = UINT64_MAX;

void child_find_signals_to_reset(void)
{
	uint64_t found = 0;

	for (int signal = 1; signal <= SIGRTMAX && signal <= 64; signal++) {
		char now[sizeof(default_action)] = {0};
		if (syscall(SYS_rt_sigaction, signal, NULL, now, (size_t)SIGRTMAX / 8) != 0 ||
			memcmp(now, default_action, sizeof(default_action)) != 0)
			found |= UINT64_C(1) << (signal - 1);
	}
	atomic_store(&signals_to_reset, found);
}

/* exec keeps the mask, and ignored signals ignored (hookd ignores SIGPIPE). The handlers go
 * before the mask: one that ran here would run in hookd's memory. */
static void reset_signals(uint64_t to_reset)
{
	for (int signal = 1; signal <= SIGRTMAX; signal++) /* fails for SIGKILL, SIGSTOP */
		if (signal > 64 || (to_reset & (UINT64_C(1) << (signal - 1))))
			(void)syscall(SYS_rt_sigaction, signal, default_action, NULL,
				(size_t)SIGRTMAX / 8);

	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL); /* NOLINT(concurrency-mt-unsafe): one thread here */
}

/* All of our own descriptors are close-on-exec already. This is for those that a library
 * opened without it (libcurl's socket pairs). Linux before 5.11 needs the loop. */
static void close_on_exec(void)
{
	struct rlimit limit;

	if (syscall(SYS_close_range, (unsigned)FIRST_FREE, ~0U, CLOSE_RANGE_CLOEXEC) == 0 ||
		getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	for (int fd = FIRST_FREE; fd < MANY_DESCRIPTORS && (rlim_t)fd < limit.rlim_cur; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static bool become_user(const struct child_user *user)
{
	/* By syscall: glibc's functions make every thread of the process do the same, and the
	 * threads that it knows here are hookd's. */
	return syscall(SET_GROUPS, user->group_count, user->groups) == 0 &&
	       syscall(SET_GIDS, user->gid, user->gid, user->gid) == 0 &&
	       syscall(SET_UIDS, user->uid, user->uid, user->uid) == 0 &&
	       /* The memory is hookd's, and the change has made it as dumpable as that of
		* set-user-ID programs is (fs.suid_dumpable). */
	       prctl(PR_SET_DUMPABLE, 0) == 0;
}

/* The new process up to its exec. It runs in hookd's memory: the kernel suspends the
 * thread that started it, and the other threads continue. So nothing here may allocate,
 * lock, log, or write to anything but its own stack and plan->trace. */
static _Noreturn void become_program(const struct plan *plan)
{
	const struct child_options *o = plan->options;

	plan->trace->started = true;
	(void)setsid(); /* cannot fail: a new process is not a group leader */
	reset_signals(plan->to_reset);

	if (dup2(plan->input, STDIN_FILENO) < 0 || dup2(plan->output, STDOUT_FILENO) < 0 ||
		dup2(plan->output, STDERR_FILENO) < 0)
		report_failure(plan, CHILD_STAGE_STREAMS);
	close_on_exec();

	for (size_t i = 0; i < o->rlimit_count; i++) {
		struct rlimit limit = {o->rlimits[i].value, o->rlimits[i].value};
		if (setrlimit((__rlimit_resource_t)o->rlimits[i].resource, &limit) != 0)
			report_failure(plan, CHILD_STAGE_LIMIT);
	}
	if (o->sandbox > 0 && !script_sandbox_enter(o->sandbox))
		report_failure(plan, CHILD_STAGE_SANDBOX);
	if (plan->switch_user && !become_user(o->user))
		report_failure(plan, CHILD_STAGE_USER);
	if (chdir(o->directory) != 0) /* with that user's rights */
		report_failure(plan, CHILD_STAGE_DIRECTORY);

	/* After the change of user, which clears it. hookd may have died before. */
	if (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != plan->parent)
		report_failure(plan, CHILD_STAGE_PARENT);

	execve(o->argv[0], o->argv, o->env);
	report_failure(plan, CHILD_STAGE_PROGRAM);
}

/* vfork, because fork copies the page tables (ten times slower in a process of 500 MB) and
 * posix_spawn can set neither user nor limits. What must stay true: the child changes no
 * local of this function and never returns from it, and the parent uses only the pid.
 * Sanitizers and valgrind turn it into fork, which works as well: errors then come back
 * through plan->report, which the first child always has. */
static __attribute__((noinline)) pid_t start_process(const struct plan *plan)
{
	/* NOLINTNEXTLINE(clang-analyzer-security.insecureAPI.vfork): see above */
	pid_t pid = vfork();
	if (pid == 0) /* NOLINTNEXTLINE(clang-analyzer-unix.Vfork): see become_program */
		become_program(plan);
	return pid;
}

/* Signals are blocked during the call: no handler of ours may run in the child. */
static pid_t start_with_signals_blocked(const struct plan *plan)
{
	sigset_t all;
	sigset_t before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = start_process(plan);
	int error = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = error;
	return pid;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Keeps our descriptors off 0, 1 and 2, which the child's dup2 replaces; hookd may have been
 * started with those closed. */
static bool move_up(int *fd)
{
	if (*fd < 0 || *fd >= FIRST_FREE)
		return *fd >= 0;
	int moved = fcntl(*fd, F_DUPFD_CLOEXEC, FIRST_FREE);
	int error = errno;
	close(*fd);
	errno = error;
	*fd = moved;
	return moved >= 0;
}

static bool make_pipe(int *read_end, int *write_end)
{
	int fds[2];
	if (pipe2(fds, O_CLOEXEC) != 0)
		return false;
	*read_end = fds[0];
	*write_end = fds[1];
	return move_up(read_end) && move_up(write_end);
}

static bool write_all(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;
	while (len > 0) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

/* A file in memory rather than a pipe: hookd need not feed it, a program that does not read
 * it blocks nothing, and a program may seek or map it. Sealed, so that no process can
 * change what others read. */
static int make_input(const void *bytes, size_t len)
{
	int fd = memfd_create("hookd-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);
	if (fd < 0 && errno == EINVAL) /* before Linux 6.3 */
		fd = memfd_create("hookd-payload", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (!move_up(&fd))
		return -1;
	if (!write_all(fd, bytes, len) || lseek(fd, 0, SEEK_SET) != 0 ||
		fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL)) {
		int error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	return fd;
}

/* Without privileges, setgroups fails even if it would change nothing. */
static bool must_switch(const struct child_user *user)
{
	if (!user || !user->name)
		return false;
	return geteuid() == 0 || user->uid != geteuid() || user->gid != getegid();
}

/* Waits until the program runs (false) or the child has reported a failure (true). */
static bool read_failure(int report, const struct trace *trace, struct child_failure *failure)
{
	ssize_t n;

	if (report < 0) {
		*failure = trace->failure;
		return failure->error != 0;
	}
	do
		n = read(report, failure, sizeof(*failure));
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)sizeof(*failure);
}

static void reap(pid_t pid, siginfo_t *info)
{
	int result;
	do {
		memset(info, 0, sizeof(*info));
		result = waitid(P_PID, (id_t)pid, info, WEXITED);
	} while (result != 0 && errno == EINTR);
	reaper_forget(pid);
}

enum child_error child_start(
	struct child *c, const struct child_options *options, char why[CHILD_WHY])
{
	enum child_error result = CHILD_NO_RESOURCES;
	struct child_failure failure = {.stage = CHILD_STAGE_STREAMS};
	struct trace trace = {0};
	struct plan plan = {
		.options = options,
		.switch_user = must_switch(options->user),
		.input = -1,
		.output = -1,
		.report = -1,
		.parent = getpid(),
		.to_reset = atomic_load(&signals_to_reset),
		.trace = &trace,
	};
	int report = -1;
	siginfo_t info;

	*c = (struct child){.pid = -1, .pidfd = -1, .output = -1};
	plan.input = make_input(options->input, options->input_len);
	if (plan.input < 0 || !make_pipe(&c->output, &plan.output) ||
		(!atomic_load(&memory_is_shared) && !make_pipe(&report, &plan.report)) ||
		fcntl(c->output, F_SETFL, O_NONBLOCK) != 0)
		goto failed;
	/* Otherwise a child under another user could not open its own /dev/stderr. */
	(void)fchmod(plan.output, 0666);

	if (!reaper_begin_start())
		goto failed;
	c->pid = start_with_signals_blocked(&plan);
	reaper_end_start(c->pid);
	if (c->pid < 0)
		goto failed;
	if (trace.started)
		atomic_store(&memory_is_shared, true);
	/* Closes two or three descriptors before pidfd_open needs one: if descriptors run
	 * out, they do so before the program runs. */
	close_fd(&plan.input);
	close_fd(&plan.output);
	close_fd(&plan.report);
	if (read_failure(report, &trace, &failure)) {
		reap(c->pid, &info);
		result = child_failure_explain(options, &failure, why);
		goto out;
	}
	c->pidfd = (int)syscall(SYS_pidfd_open, c->pid, 0);
	if (c->pidfd < 0) {
		failure.error = errno;
		child_signal(c, SIGKILL);
		reap(c->pid, &info);
		result = child_failure_explain(options, &failure, why);
		goto out;
	}
	result = CHILD_OK;
	goto out;

failed:
	failure.error = errno;
	result = child_failure_explain(options, &failure, why);
out:
	close_fd(&report);
	close_fd(&plan.report);
	close_fd(&plan.output);
	close_fd(&plan.input);
	if (result != CHILD_OK) {
		close_fd(&c->output);
		c->pid = -1;
	}
	return result;
}

void child_signal(const struct child *c, int signal)
{
	(void)kill(-c->pid, signal); /* fails only when all of the group are gone */
}

bool child_ended(const struct child *c)
{
	siginfo_t info = {0};

	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0)
		return errno == ECHILD; /* somebody has reaped it */
	return info.si_pid != 0;
}

struct child_end child_reap(struct child *c)
{
	siginfo_t info;
	struct child_end end = {.exit_code = -1};

	reap(c->pid, &info);
	if (info.si_code == CLD_EXITED)
		end.exit_code = info.si_status;
	else
		end.signal = info.si_status;
	close_fd(&c->pidfd);
	close_fd(&c->output);
	c->pid = -1;
	return end;
}
