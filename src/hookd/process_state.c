#include "process_state.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define OTHERS_NO_WRITE 002
#define OWNERS_ALL      0700
#define STACK_LEAST     ((rlim_t)8 << 20)

bool process_open_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) == -1 && open("/dev/null", O_RDWR) != fd)
			return false;
	return true;
}

/* Only "ignored" survives an exec. With SIGCHLD ignored nobody could learn that a script has ended.
 * A sanitizer's handlers stay. */
static void stop_ignoring(void)
{
	struct sigaction now;

	for (int number = 1; number <= SIGRTMAX; number++)
		if (sigaction(number, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
			(void)signal(number, SIG_DFL);
}

/* The log's thread still runs: what led to the crash gets written. Then the signal ends the
 * process: it is blocked until the handler returns, and its disposition is the default one again.
 */
static void flush_and_die(int number)
{
	log_flush();
	(void)raise(number);
}

static void catch_crashes(void)
{
	static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGQUIT};
	struct sigaction flush = {.sa_handler = flush_and_die, .sa_flags = (int)SA_RESETHAND}, now;

	for (size_t i = 0; i < sizeof(crashes) / sizeof(crashes[0]); i++)
		if (sigaction(crashes[i], NULL, &now) == 0 && now.sa_handler == SIG_DFL)
			(void)sigaction(crashes[i], &flush, NULL);
}

/* All threads inherit the mask, so only the signalfd gets signals. SIGCHLD is blocked and unused: a
 * pidfd reports to the dispatcher that a script has ended. */
static int set_signals(void)
{
	sigset_t handled, blocked;

	stop_ignoring();
	catch_crashes();
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is only an error of write(2) */
	(void)sigemptyset(&handled);
	(void)sigaddset(&handled, SIGTERM);
	(void)sigaddset(&handled, SIGINT);
	(void)sigaddset(&handled, SIGHUP);
	blocked = handled;
	(void)sigaddset(&blocked, SIGCHLD);
	errno = pthread_sigmask(SIG_SETMASK, &blocked, NULL);
	return errno == 0 ? signalfd(-1, &handled, SFD_CLOEXEC | SFD_NONBLOCK) : -1;
}

int process_next_signal(int signals)
{
	struct signalfd_siginfo info;

	return read(signals, &info, sizeof(info)) == sizeof(info) ? (int)info.ssi_signo : 0;
}

/* As large as the hard limit allows, if it is below `least`. */
static void raise_limit(__rlimit_resource_t resource, rlim_t least)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0 || limit.rlim_cur >= least)
		return;
	limit.rlim_cur = limit.rlim_max < least ? limit.rlim_max : least;
	(void)setrlimit(resource, &limit);
}

/* These are made for a shell's commands; scripts have `rlimits` of their own. */
static void raise_limits(void)
{
	raise_limit(RLIMIT_CPU, RLIM_INFINITY);
	raise_limit(RLIMIT_FSIZE, RLIM_INFINITY);
	raise_limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
	raise_limit(RLIMIT_STACK, STACK_LEAST);
}

int process_set_state(void)
{
	mode_t inherited = umask(0);

	/* hookd's own files have modes of their own; these are for what scripts make. */
	(void)umask((inherited & ~(mode_t)OWNERS_ALL) | OTHERS_NO_WRITE);
	raise_limits();
	/* GnuTLS and libcurl would write the keys of each connection into that file. */
	(void)unsetenv("SSLKEYLOGFILE");
	return set_signals();
}

void process_raise_descriptor_limit(size_t need)
{
	struct rlimit limit;

	raise_limit(RLIMIT_NOFILE, need);
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < need)
		log_warn("fewer descriptors than limits.connections may need",
			log_int("allowed", (int64_t)limit.rlim_cur),
			log_int("needed", (int64_t)need),
			log_text("hint", "LimitNOFILE= in the unit"));
}

/* A symbolic link as the file's own name stays: it may lead elsewhere at the next reload. NULL:
 * there is no such directory. */
static char *absolute_path(const char *file)
{
	const char *slash = strrchr(file, '/');
	char *copy = strdup(file), *path = NULL;
	char directory[PATH_MAX];

	if (copy != NULL && realpath(dirname(copy), directory) != NULL &&
		asprintf(&path, "%s/%s", directory, slash != NULL ? slash + 1 : file) < 0)
		path = NULL;
	free(copy);
	return path;
}

char *process_leave_directory(const char *file)
{
	char *path = file[0] == '/' ? strdup(file) : absolute_path(file);

	if (path == NULL)
		return strdup(file);
	if (chdir("/") == 0)
		return path;
	free(path);
	return NULL;
}
