#include "process/sandbox.h"

#include "base/log.h"
#include "landlock.h"

#include <errno.h>
#include <malloc.h>
#include <seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

bool sandbox_process(void)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core) != 0)
		return false;
	core.rlim_cur = 0; /* scripts may raise it again: their core dumps are their own */
	return setrlimit(RLIMIT_CORE, &core) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0;
}

void sandbox_no_new_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		log_info("the kernel lacks no_new_privs", log_text("error", strerror(errno)));
}

/* ---- system calls of a listener's thread */

/* A system call that is allowed, if its argument number `argument` (from 0) has `value` in
 * the bits of `mask`; 0 in both: its arguments do not matter. */
struct allowed_call {
	int number;
	unsigned argument;
	uint64_t mask, value;
};

#define ALL_BITS UINT64_MAX

/* What libmicrohttpd, GnuTLS, the C library and our own code call while they serve
 * connections that are open, and similar calls. Those that an architecture does not have (poll on
 * arm64) have a negative number and make no rule there. */
static const struct allowed_call allowed_calls[] = {
	{.number = SCMP_SYS(openat)}, /* open_files_filter refuses it */
	/* connections, the eventfd that wakes the thread, the log */
	{.number = SCMP_SYS(recvfrom)},
	{.number = SCMP_SYS(recvmsg)},
	{.number = SCMP_SYS(read)},
	{.number = SCMP_SYS(readv)},
	{.number = SCMP_SYS(sendto)},
	{.number = SCMP_SYS(sendmsg)},
	{.number = SCMP_SYS(write)},
	{.number = SCMP_SYS(writev)},
	{.number = SCMP_SYS(sendfile)},
	{.number = SCMP_SYS(accept4)},
	{.number = SCMP_SYS(accept)},
	{.number = SCMP_SYS(shutdown)},
	{.number = SCMP_SYS(close)},
	{.number = SCMP_SYS(getsockopt)},
	{.number = SCMP_SYS(setsockopt)},
	{.number = SCMP_SYS(getsockname)},
	{.number = SCMP_SYS(getpeername)},
	{.number = SCMP_SYS(fcntl)},
	{.number = SCMP_SYS(fstat)},
	{.number = SCMP_SYS(ioctl), .argument = 1, .mask = ALL_BITS, .value = FIONBIO},
	/* waiting */
	{.number = SCMP_SYS(ppoll)},
	{.number = SCMP_SYS(poll)},
	{.number = SCMP_SYS(pselect6)},
	{.number = SCMP_SYS(select)},
	{.number = SCMP_SYS(epoll_pwait)},
	{.number = SCMP_SYS(epoll_wait)},
	{.number = SCMP_SYS(epoll_ctl)},
	{.number = SCMP_SYS(futex)},
	{.number = SCMP_SYS(sched_yield)},
	{.number = SCMP_SYS(restart_syscall)},
	{.number = SCMP_SYS(nanosleep)},
	{.number = SCMP_SYS(clock_nanosleep)},
	{.number = SCMP_SYS(clock_gettime)},
	{.number = SCMP_SYS(clock_getres)},
	{.number = SCMP_SYS(gettimeofday)},
	{.number = SCMP_SYS(time)},
	/* memory, none of it executable */
	{.number = SCMP_SYS(mmap), .argument = 2, .mask = PROT_EXEC, .value = 0},
	{.number = SCMP_SYS(mprotect), .argument = 2, .mask = PROT_EXEC, .value = 0},
	{.number = SCMP_SYS(munmap)},
	{.number = SCMP_SYS(mremap)},
	{.number = SCMP_SYS(madvise)},
	{.number = SCMP_SYS(brk)},
	{.number = SCMP_SYS(mlock)},
	{.number = SCMP_SYS(munlock)},
	/* the C library, for its thread */
	{.number = SCMP_SYS(set_robust_list)},
	{.number = SCMP_SYS(rseq)},
	{.number = SCMP_SYS(membarrier)},
	{.number = SCMP_SYS(sched_getaffinity)},
	{.number = SCMP_SYS(getcpu)},
	{.number = SCMP_SYS(getpid)},
	{.number = SCMP_SYS(gettid)},
	{.number = SCMP_SYS(getrandom)},
	{.number = SCMP_SYS(getrusage)},
	{.number = SCMP_SYS(sysinfo)},
	{.number = SCMP_SYS(rt_sigaction)},
	{.number = SCMP_SYS(rt_sigprocmask)},
	{.number = SCMP_SYS(rt_sigreturn)},
	{.number = SCMP_SYS(sigaltstack)},
	{.number = SCMP_SYS(exit)},
	{.number = SCMP_SYS(exit_group)},
};

/* Calls of another architecture (i386, x32 on x86_64) are refused as well, and do not kill the
 * process. */
static scmp_filter_ctx new_filter(uint32_t otherwise)
{
	scmp_filter_ctx filter = seccomp_init(otherwise);

	if (filter == NULL)
		return NULL;
	if (seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(EPERM)) == 0)
		return filter;
	seccomp_release(filter);
	return NULL;
}

/* Refuses to open files. A filter of its own, since this is not to be logged: glibc's
 * malloc tries once to read /proc/sys/vm/overcommit_memory, and can do without it. */
static scmp_filter_ctx open_files_filter(void)
{
	scmp_filter_ctx filter = new_filter(SCMP_ACT_ALLOW);

	if (filter == NULL ||
		seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 0) == 0)
		return filter;
	seccomp_release(filter);
	return NULL;
}

static bool allow(scmp_filter_ctx filter, const struct allowed_call *call)
{
	const struct scmp_arg_cmp value =
		SCMP_CMP64(call->argument, SCMP_CMP_MASKED_EQ, call->mask, call->value);

	return seccomp_rule_add_array(
		       filter, SCMP_ACT_ALLOW, call->number, call->mask != 0 ? 1 : 0, &value) == 0;
}

/* What is not listed fails with EPERM. It does not end the process: a newer library that
 * makes another call mostly continues without it, and the kernel logs which call it was;
 * hookd would die again and again. */
static scmp_filter_ctx allowed_calls_filter(void)
{
	/* for abort(3) */
	const struct allowed_call own_signal = {.number = SCMP_SYS(tgkill),
		.argument = 0,
		.mask = ALL_BITS,
		.value = (uint64_t)getpid()};
	scmp_filter_ctx filter = new_filter(SCMP_ACT_ERRNO(EPERM));
	bool good = filter != NULL && allow(filter, &own_signal);

	for (size_t i = 0; good && i < sizeof(allowed_calls) / sizeof(allowed_calls[0]); i++)
		good = allow(filter, &allowed_calls[i]);
	if (good) {
		/* Linux before 4.14 logs nothing */
		(void)seccomp_attr_set(filter, SCMP_FLTATR_CTL_LOG, 1);
		return filter;
	}
	if (filter != NULL)
		seccomp_release(filter);
	return NULL;
}

/* The list was made for these two architectures: elsewhere the same call may have another name. */
static bool knows_calls(void)
{
	uint32_t native = seccomp_arch_native();

	return native == SCMP_ARCH_X86_64 || native == SCMP_ARCH_AARCH64;
}

/* Makes both filters before the first takes effect. False: errno. */
static bool filter_calls(void)
{
	scmp_filter_ctx files, calls;
	int error = ENOSYS;

	if (knows_calls()) {
		files = open_files_filter();
		calls = allowed_calls_filter();
		error = files == NULL || calls == NULL ? ENOMEM : -seccomp_load(files);
		if (error == 0)
			error = -seccomp_load(calls);
		seccomp_release(files);
		seccomp_release(calls);
		(void)malloc_trim(0); /* each thread would keep what its filters took to build */
	}
	errno = error;
	return error == 0;
}

/* ---- files of a listener's thread */

static bool deny_files(void)
{
	int ruleset = landlock_ruleset_of_all();
	bool good = ruleset >= 0 && landlock_enter(ruleset);
	int error = errno;

	if (ruleset >= 0)
		close(ruleset);
	errno = error;
	return good;
}

static void log_lacking(const char *what)
{
	log_info("listener threads are not fully confined", log_text("lacking", what),
		log_text("error", strerror(errno)));
}

void sandbox_listener_thread(void)
{
	static atomic_flag logged_files = ATOMIC_FLAG_INIT, logged_calls = ATOMIC_FLAG_INIT;

	/* Landlock and seccomp both require it. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!deny_files() && !atomic_flag_test_and_set(&logged_files))
		log_lacking("landlock");
	if (!filter_calls() && !atomic_flag_test_and_set(&logged_calls))
		log_lacking("seccomp");
}
