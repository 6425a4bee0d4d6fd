/* action.h - what a hook does for an event. Kinds of action stand in one table
 * (action.c); each answers OK, TEMPFAIL or PERMFAIL through struct
 * attempt_outcome. All runs in the dispatcher's thread and never blocks: an
 * action registers its descriptors with the dispatcher's epoll. */
#ifndef HOOKD_ACTION_H
#define HOOKD_ACTION_H

#include "attributes.h"
#include "conf.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

/* One attempt under way. The kinds of action have a struct of their own that
 * begins with it. */
struct action {
	const struct action_kind *kind;
	const struct conf_hook *hook; /* valid while `conf` is held */
	struct conf *conf;            /* a reference */
	struct store_job *job;        /* owned */
	struct attempt_outcome outcome;
	int64_t deadline; /* steady ms at which `expired` is to be called; INT64_MAX: never */
};

/* What is registered with epoll (as data.ptr) for each descriptor. */
struct action_watch {
	struct action *action;
	int fd;
};

enum action_step { ACTION_GOES_ON, ACTION_FINISHED };

struct action_kind {
	const char *name; /* "script" */
	/* Starts the attempt for `job`, whose ownership it takes (as it takes a
	 * reference to conf). Returns new: under way, or already over with its
	 * outcome set (*step says which). NULL: memory is short, job is the
	 * caller's again. */
	struct action *(*start)(int epoll, struct conf *conf, const struct conf_hook *hook,
		struct store_job *job, enum action_step *step);
	/* One of its descriptors is ready. */
	enum action_step (*ready)(struct action *a, struct action_watch *watch);
	/* The deadline has passed; sets the next. */
	enum action_step (*expired)(struct action *a);
	/* hookd stops: end now (SIGTERM), then at the new deadline for good. The
	 * outcome becomes ATTEMPT_INTERRUPTED unless it ends well first. */
	void (*interrupt)(struct action *a);
	/* Ends it at once, whatever it does (SIGKILL); then free is called. */
	void (*kill)(struct action *a);
	/* Frees it with its job and outcome and drops the conf. Not under way any more. */
	void (*free)(struct action *a);
};

/* The kind of action a hook has. */
const struct action_kind *action_of(const struct conf_hook *hook);

extern const struct action_kind action_script;

#endif
