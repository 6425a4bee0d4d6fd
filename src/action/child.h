/* action/child.h - an attempt that is a child process: what the kinds "script" and
 * "sendmail" share. It watches the child's end and output, ends it at its
 * timeout (SIGTERM to its group, after kill_after SIGKILL), and judges it by its
 * exit code. The dispatcher's thread. */
#ifndef HOOKD_ACTION_CHILD_H
#define HOOKD_ACTION_CHILD_H

#include "kind.h"
#include "output.h"
#include "process/child.h"

#include <stdbool.h>

enum action_child_phase {
	PHASE_RUNS,
	PHASE_ASKED,  /* has had SIGTERM */
	PHASE_KILLED, /* has had SIGKILL */
};

struct action_child {
	struct action action; /* first: the dispatcher knows only this */
	int epoll;
	struct child child;
	bool under_way; /* the child is ours to reap */
	enum action_child_phase phase;
	bool timed_out;
	bool interrupted; /* by hookd's stop */
	bool (*is_permanent)(const struct conf_action *does, int exit_code);
	struct action_watch end;
	struct action_watch output;
	struct action_output printed;
};

/* Returns new, not started; NULL: memory is short. Takes job (unless NULL comes
 * back) and a reference to conf, as action_kind.start does. */
struct action_child *action_child_new(const struct action_kind *kind,
	const struct action_place *place, struct conf *conf, const struct conf_hook *hook,
	struct delivery_job *job) WARN_UNUSED;

/* Starts the child; options are borrowed for the call. `is_permanent` tells
 * which exit codes other than 0 mean PERMFAIL. */
enum action_step action_child_begin(struct action_child *s, const struct child_options *options,
	bool (*is_permanent)(const struct conf_action *does, int exit_code)) WARN_UNUSED;

/* The attempt is over before it began: why, at fault is hookd or its surroundings. */
enum action_step action_child_refuse(
	struct action_child *s, enum child_error error, const char *why);

/* For the kinds' tables. */
enum action_step action_child_ready(struct action *a, struct action_watch *watch);
enum action_step action_child_expired(struct action *a);
void action_child_interrupt(struct action *a);
void action_child_kill(struct action *a);
void action_child_free(struct action *a);

#endif
