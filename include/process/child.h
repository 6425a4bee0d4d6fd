/* process/child.h - one child process: started without a shell in a session of its own, with
 * a sealed memory file as its input and one pipe for its output. A pidfd reports its end.
 * It inherits nothing of hookd's: no descriptor, no signal mask, no environment but the
 * given one; in a sandbox (process/script_sandbox.h) it cannot read the files of hookd's
 * secrets. The holder waits for the descriptors with poll or epoll and calls the functions below
 * when they are ready. The child dies with hookd (its parent-death signal is SIGTERM). One child
 * belongs to one thread, and that thread must live as long as the child. */
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
	char *name; /* NULL: hookd's own user */
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
	const struct child_user *user;
	const struct child_rlimit *rlimits;
	size_t rlimit_count;
	int sandbox; /* a ruleset of script_sandbox_ready; 0: none */
	const void *input;
	size_t input_len;
};

enum child_error {
	CHILD_OK,
	CHILD_NO_RESOURCES, /* no descriptor, process or memory is free now */
	CHILD_NO_PROGRAM,   /* missing, not executable, bad interpreter */
	CHILD_NO_SETUP,     /* directory, user, limit or sandbox could not be set */
};

#define CHILD_WHY 512

/* Starts the child. On failure nothing remains of it, and why names the program or directory and
 * the system's reason. */
enum child_error child_start(
	struct child *c, const struct child_options *options, char why[CHILD_WHY]) WARN_UNUSED;

/* Signals the whole process group, also after the child has ended: its pid stays reserved
 * until child_reap. */
void child_signal(const struct child *c, int signal);

/* Finds the signals that do not have their default disposition, so that each child resets
 * those only, not all 64. Call it once this process no longer changes any. Any thread. */
void child_find_signals_to_reset(void);

struct child_end {
	int exit_code; /* -1 when a signal ended it */
	int signal;    /* 0 when it exited */
};

/* Has the child ended? Does not reap it, so that child_signal remains possible. */
bool child_ended(const struct child *c);

/* Reaps the child (call it when pidfd is readable) and closes the descriptors. Does not
 * wait for other processes that still have the output open. */
struct child_end child_reap(struct child *c);

#endif
