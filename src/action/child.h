/* action/child.h - an attempt that is a child process: what the kinds "script" and "sendmail"
 * share. Watches the child's end and output, ends it at its timeout (SIGTERM to its
 * group, SIGKILL after kill_after), and judges it by its exit code. In the thread of the
 * place. */
#ifndef HOOKD_ACTION_CHILD_H
#define HOOKD_ACTION_CHILD_H

#include "kind.h"
#include "output.h"
#include "process/child.h"
#include "process/script_sandbox.h"

#include <stdbool.h>

enum action_child_phase {
	PHASE_RUNS,
	PHASE_TERMINATED, /* was sent SIGTERM */
	PHASE_KILLED,     /* was sent SIGKILL */
};

struct action_child {
	struct action action; /* first: the holder knows only this */
	int epoll;
	struct child child;
	bool running; /* the child must be reaped */
	enum action_child_phase phase;
	bool timed_out;
	bool interrupted; /* by hookd's stop */
	bool (*is_permanent)(const struct conf_action *does, int exit_code);
	struct action_watch end;
	struct action_watch output;
	struct action_output printed;
};

/* Returns new, not started; NULL: out of memory. Takes job (unless it returns NULL) and a
 * reference to conf, as action_start does. */
struct action_child *action_child_new(const struct action_kind *kind,
	const struct action_place *place, struct conf *conf, const struct conf_hook *hook,
	struct delivery_job *job) WARN_UNUSED;

/* Has the program of the options run in the script sandbox, unless it runs as root, who can read
 * everything anyway. False: no memory or descriptor is free for it now. */
bool action_child_confine(
	struct child_options *options, struct script_sandbox *sandbox) WARN_UNUSED;

#define ACTION_CHILD_NO_SANDBOX "out of memory or descriptors for the script sandbox"

/* Starts the child; borrows options for the call. `is_permanent` decides which exit codes
 * other than 0 mean PERMFAIL. */
enum action_step action_child_start(struct action_child *s, const struct child_options *options,
	bool (*is_permanent)(const struct conf_action *does, int exit_code)) WARN_UNUSED;

/* Ends the attempt as TEMPFAIL before it has started, with why. Logs it, unless resources
 * were short. */
enum action_step action_child_not_started(
	struct action_child *s, enum child_error error, const char *why);

/* For the struct action_kind of each. */
enum action_step action_child_ready(struct action *a, struct action_watch *watch);
enum action_step action_child_expired(struct action *a);
void action_child_interrupt(struct action *a);
void action_child_kill(struct action *a);
void action_child_free(struct action *a);

#endif
