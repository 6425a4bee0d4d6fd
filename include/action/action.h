/* action/action.h - what a hook does for an event. Kinds of action stand in one table
 * (action/action.c); each answers OK, TEMPFAIL or PERMFAIL through struct
 * attempt_outcome. All runs in the dispatcher's thread and never blocks: an
 * action registers its descriptors with the dispatcher's epoll. */
#ifndef HOOKD_ACTION_H
#define HOOKD_ACTION_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/delivery.h"
#include "process/script_sandbox.h"
#include "transfer/mailer.h"
#include "transfer/transfer.h"

#include <stdbool.h>
#include <stdint.h>

/* One attempt under way. The kinds of action have a struct of their own that
 * begins with it. */
struct action {
	const struct action_kind *kind;
	const struct conf_hook *hook; /* valid while `conf` is held */
	struct conf *conf;            /* a reference */
	struct delivery_job *job;     /* owned */
	struct attempt_outcome outcome;
	int64_t deadline; /* steady ms at which `expired` is to be called; INT64_MAX: never */
};

/* What is registered with epoll (as data.ptr) for each descriptor. */
struct action_watch {
	struct action *action;
	int fd;
};

enum action_step { ACTION_GOES_ON, ACTION_FINISHED };

/* Where an action runs: whoever holds these calls `ready`, `ended` and `expired`. */
struct action_place {
	int epoll;
	struct transfers *transfers;
	struct mailer *mailer;
	struct script_sandbox *sandbox; /* NULL: scripts run without */
};

struct action_kind {
	const char *name; /* "script" */
	/* Starts the attempt for `job`, whose ownership it takes (as it takes a
	 * reference to conf). Returns new: under way, or already over with its
	 * outcome set (*step says which). NULL: memory is short, job is the
	 * caller's again. */
	struct action *(*start)(const struct action_place *place, struct conf *conf,
		const struct conf_hook *hook, struct delivery_job *job, enum action_step *step);
	/* Appends what `start` would do, for people: the argv and environment, the
	 * mail, the request; no secret. False: it would fail, out says how. */
	bool (*preview)(const struct conf *conf, const struct conf_hook *hook,
		const struct delivery_job *job, struct buf *out);
	/* One of its descriptors is ready. NULL: it has none. */
	enum action_step (*ready)(struct action *a, struct action_watch *watch);
	/* Its transfer or its mailing has ended. NULL: it has none. */
	enum action_step (*ended)(struct action *a);
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

/* What the kinds share: an action's beginning (takes job and a reference to conf),
 * its end (frees job and output, drops the conf), and outcomes that all know. */
void action_init(struct action *a, const struct action_kind *kind, struct conf *conf,
	const struct conf_hook *hook, struct delivery_job *job);
void action_release(struct action *a);
void action_outcome(struct action *a, enum attempt_result result, const char *format, ...)
	PRINTF(3, 4);
void action_timed_out(struct action *a);
void action_interrupted(struct action *a);

/* The kind of action a hook has: of email, which way the config sends mail. */
const struct action_kind *action_of(const struct conf *conf, const struct conf_hook *hook);

extern const struct action_kind action_script, action_email, action_sendmail, action_forward;

#endif
