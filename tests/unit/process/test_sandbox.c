#include "process/sandbox.h"

#include "process/landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* What a confined thread has tried: each name with its errno, 0 if it succeeded. */
#define TRIES 64

struct tries {
	struct {
		const char *name;
		int error;
	} list[TRIES];
	size_t count;
	int pair[2]; /* an open connection */
};

static void note(struct tries *t, const char *name, long result)
{
	t->list[t->count].error = result < 0 ? errno : 0;
	t->list[t->count++].name = name;
}

static int error_of(const struct tries *t, const char *name)
{
	for (size_t i = 0; i < t->count; i++)
		if (strcmp(t->list[i].name, name) == 0)
			return t->list[i].error;
	fail_msg("%s was not tried", name);
	return -1;
}

static void try_what_is_refused(struct tries *t)
{
	char program[] = "/bin/false", *argv[] = {program, NULL}, *env[] = {NULL};
	struct sockaddr_un nowhere = {.sun_family = AF_UNIX, .sun_path = "/nonexistent"};
	struct iovec part = {t, 1};
	void *page;

	note(t, "open", open("/etc/passwd", O_RDONLY));
	note(t, "open to write", open("/tmp/hookd-sandbox", O_WRONLY | O_CREAT, 0600));
	note(t, "open a path", open("/etc", O_PATH));
	note(t, "execve", execve(program, argv, env));
	note(t, "fork", syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL));
	note(t, "socket", socket(AF_INET, SOCK_STREAM, 0));
	note(t, "connect", connect(t->pair[0], (struct sockaddr *)&nowhere, sizeof(nowhere)));
	note(t, "bind", bind(t->pair[0], (struct sockaddr *)&nowhere, sizeof(nowhere)));
	note(t, "ptrace", ptrace(PTRACE_ATTACH, getppid(), NULL, NULL));
	note(t, "process_vm_readv", process_vm_readv(getpid(), &part, 1, &part, 1, 0));
	note(t, "pidfd_open", syscall(SYS_pidfd_open, getpid(), 0));
	note(t, "kill", kill(getpid(), 0));
	note(t, "tgkill of another", syscall(SYS_tgkill, getppid(), getppid(), 0));
	note(t, "mount", mount("none", "/mnt", "tmpfs", 0, NULL));
	note(t, "unlink", unlink("/tmp/hookd-sandbox"));
	note(t, "chmod", chmod("/tmp/hookd-sandbox", 0600));
	note(t, "memfd_create", memfd_create("x", 0));
	note(t, "bpf", syscall(SYS_bpf, 0, NULL, 0));
	note(t, "io_uring_setup", syscall(425 /* everywhere */, 1, NULL));
	note(t, "userfaultfd", syscall(SYS_userfaultfd, 0));
	note(t, "keyctl", syscall(SYS_keyctl, 0, 0, 0, 0, 0));
	note(t, "unshare", unshare(CLONE_FS));
	note(t, "setuid", (int)syscall(SYS_setuid, geteuid()));
	note(t, "prctl", prctl(PR_SET_DUMPABLE, 1));
	note(t, "a call of tomorrow", syscall(2000));
	note(t, "ioctl", ioctl(t->pair[0], TIOCSTI, "x"));
	page = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	note(t, "mmap to execute", page == MAP_FAILED ? -1 : 0);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	note(t, "mmap", page == MAP_FAILED ? -1 : 0);
	note(t, "mprotect to execute", mprotect(page, 4096, PROT_READ | PROT_EXEC));
	note(t, "mprotect", mprotect(page, 4096, PROT_READ));
	note(t, "munmap", munmap(page, 4096));
}

static void try_what_is_allowed(struct tries *t)
{
	struct pollfd fd = {.fd = t->pair[0], .events = POLLIN};
	struct timespec now;
	char byte = 'x';
	int zero = 0;

	note(t, "send", send(t->pair[0], &byte, 1, MSG_NOSIGNAL));
	note(t, "poll", poll(&fd, 1, 60000));
	note(t, "recv", recv(t->pair[0], &byte, 1, 0));
	note(t, "setsockopt",
		setsockopt(t->pair[0], SOL_SOCKET, SO_KEEPALIVE, &zero, sizeof(zero)));
	note(t, "fcntl", fcntl(t->pair[0], F_SETFL, O_NONBLOCK));
	note(t, "ioctl FIONBIO", ioctl(t->pair[0], FIONBIO, &zero));
	note(t, "clock", clock_gettime(CLOCK_REALTIME, &now));
	note(t, "tgkill of its own", syscall(SYS_tgkill, getpid(), gettid(), 0));
	note(t, "shutdown", shutdown(t->pair[0], SHUT_RDWR));
	note(t, "close", close(t->pair[0]));
	for (size_t size = 1; size < ((size_t)1 << 24); size *= 3) { /* small and mapped */
		char *memory = malloc(size);

		note(t, "malloc", memory == NULL ? -1 : 0);
		if (memory != NULL)
			memset(memory, 1, size);
		free(memory);
	}
}

static void *run_confined(void *arg)
{
	struct tries *t = arg;

	sandbox_listener_thread();
	note(t, "no_new_privs", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) < 0 ? 0 : -1);
	try_what_is_refused(t);
	try_what_is_allowed(t);
	return NULL;
}

static void a_confined_thread_can_use_its_connections_only(void **state)
{
	static const char *const refused[] = {"open", "open to write", "open a path", "execve",
		"fork", "socket", "connect", "bind", "ptrace", "process_vm_readv", "pidfd_open",
		"kill", "tgkill of another", "mount", "unlink", "chmod", "memfd_create", "bpf",
		"io_uring_setup", "userfaultfd", "keyctl", "unshare", "setuid", "prctl",
		"a call of tomorrow", "ioctl", "mmap to execute", "mprotect to execute"};
	static const char *const done[] = {"mmap", "mprotect", "munmap", "send", "poll", "recv",
		"setsockopt", "fcntl", "ioctl FIONBIO", "clock", "tgkill of its own", "shutdown",
		"close", "malloc"};
	struct tries t = {.count = 0};
	pthread_t thread;
	int fd;

	(void)state;
#if !defined(__x86_64__) && !defined(__aarch64__)
	skip(); /* no list of calls for this architecture */
#endif
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, t.pair), 0);
	assert_int_equal(write(t.pair[1], "y", 1), 1);
	assert_int_equal(pthread_create(&thread, NULL, run_confined, &t), 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (error_of(&t, refused[i]) != EPERM)
			fail_msg("%s: %s", refused[i], strerror(error_of(&t, refused[i])));
	for (size_t i = 0; i < sizeof(done) / sizeof(done[0]); i++)
		if (error_of(&t, done[i]) != 0)
			fail_msg("%s: %s", done[i], strerror(error_of(&t, done[i])));
	/* and this thread is not confined */
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	close(t.pair[1]);
}

/* The errno of opening the file in a child; 0: it is open. */
static int in_child(void (*first)(void), const char *path)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		first();
		_exit(open(path, O_RDONLY | O_CLOEXEC) >= 0 ? 0 : errno);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void deny_all_files(void)
{
	int ruleset = landlock_ruleset_of_all();

	if (ruleset < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !landlock_enter(ruleset))
		_exit(99);
}

static void deny_all_but_etc(void)
{
	int ruleset = landlock_ruleset(LANDLOCK_READ_FILE);
	int etc = open("/etc", O_PATH | O_CLOEXEC);

	if (ruleset < 0 || !landlock_grant(ruleset, etc, LANDLOCK_READ_FILE) ||
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !landlock_enter(ruleset))
		_exit(99);
}

static void landlock_denies_files(void **state)
{
	(void)state;
	if (landlock_abi() == 0)
		skip();
	assert_int_equal(in_child(deny_all_files, "/etc/passwd"), EACCES);
	assert_int_equal(in_child(deny_all_files, "/etc"), EACCES);
	assert_int_equal(in_child(deny_all_but_etc, "/etc/passwd"), 0);
	assert_int_equal(in_child(deny_all_but_etc, "/bin/sh"), EACCES);
}

static void the_process_cannot_be_inspected(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		struct rlimit core = {1 << 20, RLIM_INFINITY};
		bool good = setrlimit(RLIMIT_CORE, &core) == 0 || errno == EPERM;

		good = good && sandbox_process() && getrlimit(RLIMIT_CORE, &core) == 0;
		_exit(good && core.rlim_cur == 0 && prctl(PR_GET_DUMPABLE) == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_confined_thread_can_use_its_connections_only),
		cmocka_unit_test(landlock_denies_files),
		cmocka_unit_test(the_process_cannot_be_inspected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
