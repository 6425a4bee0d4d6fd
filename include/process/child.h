/* process/child.h - one child process: started without a shell in a session of its own,
 * its input a sealed memory file, its output read through one pipe, its end
 * seen through a pidfd. Nothing of hookd's leaks into it: no descriptor, no
 * signal mask, no environment but the given one, and in a sandbox (process/script_sandbox.h) no
 * secret of a file. The holder waits on the descriptors with poll or epoll and calls in when they
 * are ready. It dies with hookd (parent-death signal SIGTERM). One child belongs to one thread, and
 * that thread must live as long as it. */
#ifndef HOOKD_CHILD_H
#define HOOKD_CHILD_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

struct child {
	pid_t pid;
	int pidfd;  /* readable when the child has ended */
	int output; /* stdout and stderr, non-blocking; -1 once at its end */
};

struct child_user {
	char *name; /* NULL: as hookd itself */
	uid_t uid;
	gid_t gid;
	gid_t *groups;
	size_t group_count;
};

struct child_rlimit {
	int resource; /* RLIMIT_… */
	rlim_t value;
};

struct child_options {
	char *const *argv; /* argv[0] is an absolute path; NULL at the end */
	char *const *env;  /* NULL at the end */
	const char *directory;
	const struct child_user *user; /* user->name NULL: stay who we are */
	const struct child_rlimit *rlimits;
	size_t rlimit_count;
	int sandbox; /* what script_sandbox_ready gave; 0: none */
	const void *input;
	size_t input_len;
};

enum child_error {
	CHILD_OK,
	CHILD_NO_RESOURCES, /* no descriptor, process or memory to be had now */
	CHILD_NO_PROGRAM,   /* missing, not executable, bad interpreter */
	CHILD_NO_SETUP,     /* directory, user, limit or sandbox could not be set */
};

#define CHILD_WHY 512

/* Starts it. On failure nothing is left behind and why names the program or
 * directory and the system's reason. */
enum child_error child_start(
	struct child *c, const struct child_options *options, char why[CHILD_WHY]) WARN_UNUSED;

/* Signals the whole process group. Also right after the child has ended, as
 * long as child_reap was not called: its pid is held until then. */
void child_signal(const struct child *c, int signal);

/* Looks which signals are not at their default, for each child to reset those and not
 * all 64: of a process that changes none any more. Any thread. */
void child_note_signals(void);

struct child_end {
	int exit_code; /* -1 when a signal ended it */
	int signal;    /* 0 when it exited */
};

/* True when the child has ended (without reaping it): for child_signal's sake. */
bool child_ended(const struct child *c);

/* Takes its end (call when pidfd is readable) and closes the descriptors.
 * Whoever still holds the output open is not waited for. */
struct child_end child_reap(struct child *c);

#endif
