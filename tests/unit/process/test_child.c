#include "process/child.h"

#include "base/buf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { PATIENCE = 60000, NOBODY = 65534, MANY = 64 };

static char dir[] = "/tmp/hookd-child-XXXXXX";
static char path_variable[] = "PATH=/usr/bin:/bin";
static char locale_variable[] = "LC_ALL=C";
static char *plain_env[] = {path_variable, locale_variable, NULL};
static char root[] = "/";

/* Options that run `script` with /bin/sh; valid until the next call. */
static struct child_options shell(const char *script)
{
	static char program[] = "/bin/sh";
	static char option[] = "-c";
	static char text[4096];
	static char *argv[] = {program, option, text, NULL};

	assert_in_range(snprintf(text, sizeof(text), "%s", script), 1, sizeof(text) - 1);
	return (struct child_options){.argv = argv, .env = plain_env, .directory = root};
}

/* Options that run `dir`/name without arguments; valid until the next call. */
static struct child_options program(const char *name)
{
	static char path[256];
	static char *argv[] = {path, NULL};

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return (struct child_options){.argv = argv, .env = plain_env, .directory = root};
}

static void write_program(const char *name, const char *text, mode_t mode)
{
	struct child_options o = program(name);
	FILE *f = fopen(o.argv[0], "we");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(chmod(o.argv[0], mode), 0);
}

struct result {
	struct child_end end;
	struct buf printed;
};

static struct child start(const struct child_options *options)
{
	struct child c;
	char why[CHILD_WHY] = "";
	if (child_start(&c, options, why) != CHILD_OK)
		fail_msg("%s", why);
	return c;
}

/* Reads what it prints until no process has the output open, then reaps it. */
static struct result finish(struct child *c)
{
	struct result r = {0};
	char bytes[4096];

	buf_add(&r.printed, "", 0); /* never NULL */
	while (c->output >= 0) {
		struct pollfd readable = {.fd = c->output, .events = POLLIN};
		assert_true(poll(&readable, 1, PATIENCE) > 0);
		ssize_t n = read(c->output, bytes, sizeof(bytes));
		if (n > 0) {
			buf_add(&r.printed, bytes, (size_t)n);
		} else if (n == 0) {
			close(c->output);
			c->output = -1;
		}
	}
	struct pollfd ended = {.fd = c->pidfd, .events = POLLIN};
	assert_true(poll(&ended, 1, PATIENCE) > 0);
	assert_true(child_ended(c));
	r.end = child_reap(c);
	assert_true(buf_ok(&r.printed));
	return r;
}

static struct result run(const struct child_options *options)
{
	struct child c = start(options);
	return finish(&c);
}

static void assert_prints(const struct child_options *options, const char *expected)
{
	struct result r = run(options);
	assert_string_equal(r.printed.data, expected);
	assert_int_equal(r.end.exit_code, 0);
	buf_free(&r.printed);
}

static void assert_refused(
	const struct child_options *options, enum child_error error, const char *text)
{
	struct child c;
	char why[CHILD_WHY] = "";
	assert_int_equal(child_start(&c, options, why), error);
	if (!strstr(why, text))
		fail_msg("\"%s\" does not say \"%s\"", why, text);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
	assert_int_equal(errno, ECHILD);
}

static unsigned count_fds(void)
{
	unsigned n = 0;
	DIR *d = opendir("/proc/self/fd");
	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n;
}

static void its_end_is_reported(void **state)
{
	(void)state;
	static const struct {
		const char *script;
		struct child_end end;
	} ends[] = {
		{"exit 0", {0, 0}},
		{"exit 3", {3, 0}},
		{"exit 255", {255, 0}},
		{"kill -SEGV $$", {-1, SIGSEGV}},
		{"kill -KILL $$", {-1, SIGKILL}},
	};
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		struct child_options o = shell(ends[i].script);
		struct result r = run(&o);
		assert_int_equal(r.end.exit_code, ends[i].end.exit_code);
		assert_int_equal(r.end.signal, ends[i].end.signal);
		buf_free(&r.printed);
	}
}

static void both_streams_come_through(void **state)
{
	(void)state;
	struct child_options o = shell("echo one; echo two >&2; echo three >/dev/stderr");
	assert_prints(&o, "one\ntwo\nthree\n");
}

static void arguments_are_passed_unchanged(void **state)
{
	(void)state;
	static char argv0[] = "/usr/bin/printf";
	static char argv1[] = "%s|";
	static char argv2[] = "a b; $(echo c) *";
	static char argv3[] = "";
	static char argv4[] = "caf\xc3\xa9\n";
	char *argv[] = {argv0, argv1, argv2, argv3, argv4, NULL};
	struct child_options o = {.argv = argv, .env = plain_env, .directory = root};
	assert_prints(&o, "a b; $(echo c) *||caf\xc3\xa9\n|");
}

static void input_arrives_byte_for_byte(void **state)
{
	(void)state;
	enum { LEN = 300000 };
	static unsigned char payload[LEN];
	for (size_t i = 0; i < LEN; i++)
		payload[i] = (unsigned char)(i * 7 + i / 256); /* every byte, NUL too */

	struct child_options o = shell("cat");
	o.input = payload;
	o.input_len = LEN;
	struct result r = run(&o);
	assert_int_equal(r.printed.len, LEN);
	assert_memory_equal(r.printed.data, payload, LEN);
	buf_free(&r.printed);

	o = shell("wc -c");
	assert_prints(&o, "0\n"); /* none: an empty input, not hookd's own */
}

static void input_may_be_left_unread(void **state)
{
	(void)state;
	enum { LEN = 4 << 20 };
	char *payload = calloc(1, LEN);
	assert_non_null(payload);
	struct child_options o = shell("exit 7");
	o.input = payload;
	o.input_len = LEN;
	struct result r = run(&o);
	assert_int_equal(r.end.exit_code, 7);
	buf_free(&r.printed);
	free(payload);
}

static void input_cannot_be_altered(void **state)
{
	(void)state;
	struct child_options o = shell("(echo changed >/proc/self/fd/0) 2>/dev/null; cat");
	o.input = "as it was";
	o.input_len = 9;
	assert_prints(&o, "as it was");
}

/* As a kernel before 5.9 answers. */
static void forget_close_range(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_close_range, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};

	assert_int_equal(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	assert_int_equal(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
	assert_int_equal(syscall(SYS_close_range, 1000U, 1000U, 0U), -1);
	assert_int_equal(errno, ENOSYS);
}

static void only_its_three_descriptors_are_open(void **state)
{
	(void)state;
	/* As a library may leave one open, without close-on-exec. */
	int leak = open("/dev/null", O_RDONLY);
	int high = fcntl(leak, F_DUPFD, 200);
	assert_true(leak >= 0 && high >= 200);
	static char ls[] = "/bin/ls";
	static char fds[] = "/proc/self/fd";
	char *argv[] = {ls, fds, NULL};
	struct child_options o = {.argv = argv, .env = plain_env, .directory = root};
	assert_prints(&o, "0\n1\n2\n3\n"); /* 3: the directory itself */
	close(leak);
	close(high);
}

static void an_old_kernel_leaks_no_descriptor_either(void **state)
{
	static char ls[] = "/bin/ls";
	static char fds[] = "/proc/self/fd";
	char *argv[] = {ls, fds, NULL};
	struct child_options o = {.argv = argv, .env = plain_env, .directory = root};
	int status;

	(void)state;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		forget_close_range();
		(void)dup2(STDERR_FILENO, 40);
		struct child c = start(&o);
		struct result r = finish(&c);
		_exit(strcmp(r.printed.data, "0\n1\n2\n3\n") == 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void environment_is_the_given_one(void **state)
{
	(void)state;
	static char env_program[] = "/usr/bin/env";
	static char a[] = "A=1";
	static char home[] = "HOME=/home/awa";
	static char spaced[] = "B=two words\tand a tab";
	char *argv[] = {env_program, NULL};
	char *env[] = {a, home, spaced, NULL};
	assert_int_equal(setenv("HOOKD_TEST_LEAK", "1", 1), 0);
	struct child_options o = {.argv = argv, .env = env, .directory = root};
	assert_prints(&o, "A=1\nHOME=/home/awa\nB=two words\tand a tab\n");
}

static void signals_have_their_defaults(void **state)
{
	(void)state;
	sigset_t some;
	sigset_t before;
	sigemptyset(&some);
	sigaddset(&some, SIGUSR1);
	sigaddset(&some, SIGTERM);
	sigprocmask(SIG_BLOCK, &some, &before);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGRTMIN + 3, SIG_IGN);

	/* Not with sh, which installs handlers. */
	static char grep[] = "/bin/grep";
	static char pattern[] = "^Sig[BI]";
	static char status[] = "/proc/self/status";
	char *argv[] = {grep, pattern, status, NULL};
	struct child_options o = {.argv = argv, .env = plain_env, .directory = root};
	assert_prints(&o, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
	child_find_signals_to_reset();
	assert_prints(&o, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");

	sigset_t now;
	sigprocmask(SIG_SETMASK, &before, &now);
	assert_int_equal(sigismember(&now, SIGUSR1), 1); /* ours is unchanged */
	assert_int_equal(sigismember(&now, SIGUSR2), 0);
	assert_true(signal(SIGPIPE, SIG_DFL) == SIG_IGN);
	signal(SIGHUP, SIG_DFL);
	signal(SIGRTMIN + 3, SIG_DFL);
}

static void it_leads_its_own_session(void **state)
{
	(void)state;
	struct child_options o = shell("exec cat /proc/self/stat");
	struct child c = start(&o);
	int pid = c.pid;
	struct result r = finish(&c);
	char expected[64];
	(void)snprintf(expected, sizeof(expected), "%d (cat) R %d %d %d 0 -1 ", pid, getpid(), pid,
		pid); /* pid, name, state, parent, group, session, no terminal */
	assert_memory_equal(r.printed.data, expected, strlen(expected));
	buf_free(&r.printed);
}

static void it_starts_in_its_directory(void **state)
{
	(void)state;
	struct child_options o = shell("pwd -P");
	char expected[64];
	o.directory = dir;
	(void)snprintf(expected, sizeof(expected), "%s\n", dir);
	assert_prints(&o, expected);
	o.directory = "/nonexistent/place";
	assert_refused(&o, CHILD_NO_SETUP,
		"cannot enter directory /nonexistent/place: No such file or directory");
}

static void limits_are_set(void **state)
{
	(void)state;
	const struct child_rlimit limits[] = {
		{RLIMIT_NOFILE, 37}, {RLIMIT_CORE, 0}, {RLIMIT_CPU, 1234}};
	struct child_options o = shell("ulimit -n; ulimit -H -n; ulimit -c; ulimit -t");
	o.rlimits = limits;
	o.rlimit_count = 3;
	assert_prints(&o, "37\n37\n0\n1234\n");

	const struct child_rlimit impossible = {RLIMIT_NOFILE, RLIM_INFINITY};
	o.rlimits = &impossible;
	o.rlimit_count = 1;
	assert_refused(&o, CHILD_NO_SETUP, "cannot set the resource limits of /bin/sh: ");
}

static void a_program_that_cannot_run_is_explained(void **state)
{
	(void)state;
	struct child_options o = program("missing");
	assert_refused(&o, CHILD_NO_PROGRAM, "/missing: No such file or directory");

	write_program("plain", "#!/bin/sh\n", 0644);
	o = program("plain");
	assert_refused(&o, CHILD_NO_PROGRAM, "/plain: it is not executable (chmod +x)");

	write_program("orphan", "#! /opt/node99/bin/node -x\n", 0755);
	o = program("orphan");
	assert_refused(
		&o, CHILD_NO_PROGRAM, "/orphan: its interpreter /opt/node99/bin/node is missing");

	write_program("windows", "#!/bin/sh\r\necho hi\r\n", 0755);
	o = program("windows");
	assert_refused(&o, CHILD_NO_PROGRAM,
		"/windows: its interpreter /bin/sh is missing: the #! line ends with a carriage "
		"return");

	write_program("headless", "echo hi\n", 0755);
	o = program("headless");
	assert_refused(&o, CHILD_NO_PROGRAM, "/headless: it has no #! line");

	o = program("."); /* the directory itself */
	assert_refused(&o, CHILD_NO_PROGRAM, "/.: it is a directory");

	o = program("plain/below");
	assert_refused(&o, CHILD_NO_PROGRAM, "/plain/below: Not a directory");
}

static void it_runs_as_its_user(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip();
	gid_t groups[] = {NOBODY, 12, 34};
	static char name[] = "nobody";
	const struct child_user user = {name, NOBODY, NOBODY, groups, 3};
	struct child_options o = shell(
		"grep -E '^([UG]id|Groups)' /proc/self/status; echo reopened >/dev/stderr; cat "
		"/dev/stdin");
	o.user = &user;
	o.input = "payload\n";
	o.input_len = 8;
	assert_prints(&o, "Uid:\t65534\t65534\t65534\t65534\nGid:\t65534\t65534\t65534\t65534\n"
			  "Groups:\t12 34 65534 \nreopened\npayload\n");
	assert_int_equal(geteuid(), 0);

	write_program("private", "#!/bin/sh\n", 0700);
	o = program("private");
	o.user = &user;
	assert_int_equal(chmod(dir, 0711), 0);
	assert_refused(&o, CHILD_NO_PROGRAM, "user nobody may not execute it");
	assert_int_equal(chmod(dir, 0700), 0);
	o = shell("true");
	o.user = &user;
	o.directory = dir;
	assert_refused(&o, CHILD_NO_SETUP, "as user nobody: Permission denied");
}

static void a_signal_reaches_the_whole_group(void **state)
{
	(void)state;
	struct child_options o = shell("sleep 1000 & echo ready; wait");
	struct child c = start(&o);
	struct pollfd readable = {.fd = c.output, .events = POLLIN};
	assert_true(poll(&readable, 1, PATIENCE) > 0);
	assert_false(child_ended(&c));
	child_signal(&c, SIGTERM);
	struct result r = finish(&c); /* ends only when sleep has closed the output */
	assert_int_equal(r.end.signal, SIGTERM);
	buf_free(&r.printed);
}

static void it_dies_with_hookd(void **state)
{
	(void)state;
	int ready[2];
	pid_t pid = -1;
	int status;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid_t hookd = fork();
	if (hookd == 0) {
		struct child_options o = shell("exec sleep 1000");
		struct child c = start(&o);
		if (write(ready[1], &c.pid, sizeof(c.pid)) > 0)
			pause();
		_exit(1);
	}
	assert_int_equal(read(ready[0], &pid, sizeof(pid)), sizeof(pid));
	kill(hookd, SIGKILL);
	assert_int_equal(waitpid(hookd, &status, 0), hookd);
	assert_int_equal(waitpid(pid, &status, 0), pid); /* we are the subreaper of the orphan */
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(ready[0]);
	close(ready[1]);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
}

static void closed_standard_streams_do_no_harm(void **state)
{
	(void)state;
	int status;
	pid_t hookd = fork();
	if (hookd == 0) {
		close(0);
		close(1);
		close(2);
		struct child_options o = shell("cat; echo out; echo err >&2");
		struct child c;
		char why[CHILD_WHY];
		char bytes[64] = "";
		size_t len = 0;
		o.input = "in\n";
		o.input_len = 3;
		if (child_start(&c, &o, why) != CHILD_OK)
			_exit(1);
		struct pollfd readable = {.fd = c.output, .events = POLLIN};
		while (len < 11 && poll(&readable, 1, PATIENCE) > 0) {
			ssize_t n = read(c.output, bytes + len, sizeof(bytes) - 1 - len);
			if (n <= 0)
				break;
			len += (size_t)n;
		}
		if (child_reap(&c).exit_code != 0)
			_exit(2);
		_exit(strcmp(bytes, "in\nout\nerr\n") == 0 ? 0 : 3);
	}
	assert_int_equal(waitpid(hookd, &status, 0), hookd);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* All or nothing. */
static void assert_starts_or_is_refused(const struct child_options *options, enum child_error error)
{
	struct child c;
	char why[CHILD_WHY];
	enum child_error result = child_start(&c, options, why);

	if (result != CHILD_OK) {
		assert_int_equal(result, error);
		return;
	}
	struct result r = finish(&c);
	assert_int_equal(r.end.exit_code, 0);
	buf_free(&r.printed);
}

static void a_full_descriptor_table_is_survived(void **state)
{
	(void)state;
	struct rlimit before;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	unsigned fds = count_fds();
	int lowest = dup(0);
	assert_true(lowest >= 0);
	close(lowest);
	for (unsigned spare = 0; spare < 5; spare++) {
		struct rlimit tight = {(rlim_t)lowest + spare, before.rlim_max};
		struct child_options o = shell("true");
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &tight), 0);
		if (spare < 3) /* input and output; the very first child needs two more */
			assert_refused(&o, CHILD_NO_RESOURCES, "Too many open files");
		else
			assert_starts_or_is_refused(&o, CHILD_NO_RESOURCES);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(count_fds(), fds);
	}
	struct child_options o = shell("echo well");
	assert_prints(&o, "well\n");
}

static void many_leave_nothing_behind(void **state)
{
	(void)state;
	unsigned fds = count_fds();
	struct child children[MANY];
	for (unsigned i = 0; i < MANY; i++) {
		char script[64];
		(void)snprintf(script, sizeof(script), "echo %u; exit %u", i, i);
		struct child_options o = shell(script);
		children[i] = start(&o);
	}
	for (unsigned i = 0; i < MANY; i++) {
		struct result r = finish(&children[i]);
		assert_int_equal(r.end.exit_code, i);
		assert_int_equal(strtoul(r.printed.data, NULL, 10), i);
		buf_free(&r.printed);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(count_fds(), fds);
}

static int make_directory(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_directory(void **state)
{
	static const char *const names[] = {"plain", "orphan", "windows", "headless", "private"};
	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct child_options o = program(names[i]);
		unlink(o.argv[0]);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(its_end_is_reported),
		cmocka_unit_test(both_streams_come_through),
		cmocka_unit_test(arguments_are_passed_unchanged),
		cmocka_unit_test(input_arrives_byte_for_byte),
		cmocka_unit_test(input_may_be_left_unread),
		cmocka_unit_test(input_cannot_be_altered),
		cmocka_unit_test(only_its_three_descriptors_are_open),
		cmocka_unit_test(an_old_kernel_leaks_no_descriptor_either),
		cmocka_unit_test(environment_is_the_given_one),
		cmocka_unit_test(signals_have_their_defaults),
		cmocka_unit_test(it_leads_its_own_session),
		cmocka_unit_test(it_starts_in_its_directory),
		cmocka_unit_test(limits_are_set),
		cmocka_unit_test(a_program_that_cannot_run_is_explained),
		cmocka_unit_test(it_runs_as_its_user),
		cmocka_unit_test(a_signal_reaches_the_whole_group),
		cmocka_unit_test(it_dies_with_hookd),
		cmocka_unit_test(closed_standard_streams_do_no_harm),
		cmocka_unit_test(a_full_descriptor_table_is_survived),
		cmocka_unit_test(many_leave_nothing_behind),
	};
	return cmocka_run_group_tests(tests, make_directory, remove_directory);
}
