#include "process/sandbox.h"

#include "base/log.h"
#include "landlock.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

bool sandbox_process(void)
{
	struct rlimit core;

	if (getrlimit(RLIMIT_CORE, &core) != 0)
		return false;
	core.rlim_cur = 0; /* scripts may raise it again: their cores are their own */
	return setrlimit(RLIMIT_CORE, &core) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0;
}

void sandbox_no_new_privileges(void)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		log_info("the kernel has no no_new_privs", log_text("error", strerror(errno)));
}

/* ---- system calls of a listener's thread */

#if defined(__x86_64__) || (defined(__aarch64__) && !defined(__AARCH64EB__))

#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#else
#define ARCH AUDIT_ARCH_AARCH64
#endif

#define LOAD(offset) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(offset))
#define ANSWER(what) BPF_STMT(BPF_RET | BPF_K, (what))
#define REFUSE       ANSWER(SECCOMP_RET_ERRNO | EPERM)

/* The lower half of the n-th argument (from 0): both architectures are little-endian. */
#define ARGUMENT(n) offsetof(struct seccomp_data, args[n])

/* Each of these looks at the call's number and leaves it as it was, or answers. */
#define ALLOW(name) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), ANSWER(SECCOMP_RET_ALLOW)
#define ALLOW_WITH(name, n, value)                                                                 \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), LOAD(ARGUMENT(n)),                  \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, 1),                      \
		ANSWER(SECCOMP_RET_ALLOW), REFUSE
#define ALLOW_WITHOUT(name, n, bits)                                                               \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 4), LOAD(ARGUMENT(n)),                  \
		BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), 1, 0),                      \
		ANSWER(SECCOMP_RET_ALLOW), REFUSE

#define LOAD_NUMBER                                                                                \
	LOAD(offsetof(struct seccomp_data, arch)),                                                 \
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0), REFUSE,                           \
		LOAD(offsetof(struct seccomp_data, nr))

static bool install(const struct sock_filter *filter, size_t count, unsigned flags)
{
	const struct sock_fprog program = {
		.len = (unsigned short)count,
		.filter = (struct sock_filter *)(uintptr_t)filter, /* only read */
	};

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program) == 0;
}

/* By itself, since the kernel is not to log it: glibc's malloc looks into
 * /proc/sys/vm/overcommit_memory once, and does without. */
static bool refuse_files(void)
{
	static const struct sock_filter filter[] = {
		LOAD_NUMBER,
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
		REFUSE,
		ANSWER(SECCOMP_RET_ALLOW),
	};

	return install(filter, sizeof(filter) / sizeof(filter[0]), 0);
}

/* What is not in the list fails with EPERM. Not the end of the process: should a newer
 * library want to make another call, it is refused it as it would be for other reasons
 * and mostly goes on, and the kernel logs which it was; hookd would die again and again.
 * The list has what libmicrohttpd, GnuTLS, the C library and our own code do on
 * connections that are there, and what is of that kind. */
static bool allow_listed(void)
{
	const struct sock_filter filter[] = {
		LOAD_NUMBER,
		ALLOW(openat), /* see above */
		/* connections, the eventfd that wakes the thread, the log */
		ALLOW(recvfrom),
		ALLOW(recvmsg),
		ALLOW(read),
		ALLOW(readv),
		ALLOW(sendto),
		ALLOW(sendmsg),
		ALLOW(write),
		ALLOW(writev),
		ALLOW(sendfile),
		ALLOW(accept4),
		ALLOW(accept),
		ALLOW(shutdown),
		ALLOW(close),
		ALLOW(getsockopt),
		ALLOW(setsockopt),
		ALLOW(getsockname),
		ALLOW(getpeername),
		ALLOW(fcntl),
		ALLOW(fstat),
		ALLOW_WITH(ioctl, 1, FIONBIO),
		/* waiting */
		ALLOW(ppoll),
		ALLOW(pselect6),
		ALLOW(epoll_pwait),
		ALLOW(epoll_ctl),
#ifdef __x86_64__
		ALLOW(poll),
		ALLOW(select),
		ALLOW(epoll_wait),
		ALLOW(time),
#endif
		ALLOW(futex),
		ALLOW(sched_yield),
		ALLOW(restart_syscall),
		ALLOW(nanosleep),
		ALLOW(clock_nanosleep),
		ALLOW(clock_gettime),
		ALLOW(clock_getres),
		ALLOW(gettimeofday),
		/* memory, none of it to run code in */
		ALLOW_WITHOUT(mmap, 2, PROT_EXEC),
		ALLOW_WITHOUT(mprotect, 2, PROT_EXEC),
		ALLOW(munmap),
		ALLOW(mremap),
		ALLOW(madvise),
		ALLOW(brk),
		ALLOW(mlock),
		ALLOW(munlock),
		/* the C library about its thread */
		ALLOW(set_robust_list),
#ifdef SYS_rseq
		ALLOW(rseq),
#endif
		ALLOW(membarrier),
		ALLOW(sched_getaffinity),
		ALLOW(getcpu),
		ALLOW(getpid),
		ALLOW(gettid),
		ALLOW(getrandom),
		ALLOW(getrusage),
		ALLOW(sysinfo),
		ALLOW(rt_sigaction),
		ALLOW(rt_sigprocmask),
		ALLOW(rt_sigreturn),
		ALLOW(sigaltstack),
		ALLOW_WITH(tgkill, 0, getpid()), /* abort(3) */
		ALLOW(exit),
		ALLOW(exit_group),
		REFUSE,
	};
	const size_t count = sizeof(filter) / sizeof(filter[0]);

	return install(filter, count, SECCOMP_FILTER_FLAG_LOG) ||
	       (errno == EINVAL && install(filter, count, 0)); /* before Linux 4.14 */
}

static bool filter_calls(void)
{
	return refuse_files() && allow_listed();
}

#else

static bool filter_calls(void)
{
	errno = ENOSYS; /* no list for this architecture */
	return false;
}

#endif

/* ---- its files */

static bool give_up_files(void)
{
	int ruleset = landlock_ruleset_of_all();
	bool good = ruleset >= 0 && landlock_enter(ruleset);
	int error = errno;

	if (ruleset >= 0)
		close(ruleset);
	errno = error;
	return good;
}

static void say_lacking(const char *what)
{
	log_info("listener threads are not confined by all means", log_text("lacking", what),
		log_text("error", strerror(errno)));
}

void sandbox_listener_thread(void)
{
	static atomic_flag said_files = ATOMIC_FLAG_INIT, said_calls = ATOMIC_FLAG_INIT;

	/* Both are refused to a thread that could regain what it gives up. */
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (!give_up_files() && !atomic_flag_test_and_set(&said_files))
		say_lacking("landlock");
	if (!filter_calls() && !atomic_flag_test_and_set(&said_calls))
		say_lacking("seccomp");
}
