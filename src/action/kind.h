/* action/kind.h - what a kind of action is, and what all kinds share: the start of an
 * action, its end, and outcomes that several kinds have (action/action.c). */
#ifndef HOOKD_ACTION_KIND_H
#define HOOKD_ACTION_KIND_H

#include "action/action.h"
#include "base/attributes.h"

#include <stdbool.h>

/* What epoll has as data.ptr for each descriptor of an action or of a place. */
struct action_watch {
	struct action *action; /* NULL: the place's own descriptor */
	int fd;
};

struct action_place {
	int epoll; /* the holder's */
	action_ended *ended;
	void *holder;
	struct transfers *transfers; /* the kept HTTP connections */
	struct action_watch transfers_watch;
	struct mailer *mailer; /* the threads that send mails */
	struct action_watch mailer_watch;
	struct script_sandbox *sandbox; /* NULL: scripts run without */
};

struct action_kind {
	const char *name; /* "script" */
	/* As action_start. */
	struct action *(*start)(const struct action_place *place, struct conf *conf,
		const struct conf_hook *hook, struct delivery_job *job, enum action_step *step);
	/* As action_preview. */
	bool (*preview)(const struct conf *conf, const struct conf_hook *hook,
		const struct delivery_job *job, struct buf *out);
	/* One of its descriptors is ready. NULL: it has none. */
	enum action_step (*ready)(struct action *a, struct action_watch *watch);
	/* Its transfer or its mailing has ended, and so does the attempt. NULL: it has none. */
	void (*ended)(struct action *a);
	/* As action_expire, action_interrupt, action_kill and action_free. */
	enum action_step (*expired)(struct action *a);
	void (*interrupt)(struct action *a);
	void (*kill)(struct action *a);
	void (*free)(struct action *a);
};

/* Starts a kind's struct: takes job and a reference to conf. */
void action_init(struct action *a, const struct action_kind *kind, struct conf *conf,
	const struct conf_hook *hook, struct delivery_job *job);

/* Frees the job and the output and drops the conf. */
void action_release(struct action *a);

/* Sets the result and its message. */
void action_outcome(struct action *a, enum attempt_result result, const char *format, ...)
	PRINTF(3, 4);
void action_timed_out(struct action *a);
void action_interrupted(struct action *a);

/* The kinds, for the table of action/kinds.c. */
extern const struct action_kind action_script, action_email, action_sendmail, action_forward;

#endif
