/* action/action.h - what a hook does for an event: runs a program, sends a mail, forwards
 * the event. Each attempt ends as OK, TEMPFAIL or PERMFAIL, in struct attempt_outcome.
 * Nothing here blocks: an attempt registers what it waits for with its holder's epoll.
 * All actions of one place belong to one thread: the dispatcher's, or that of
 * hookctl test. The kinds of action and the table of them: src/action/kinds.c. */
#ifndef HOOKD_ACTION_H
#define HOOKD_ACTION_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/delivery.h"

#include <stdbool.h>
#include <stdint.h>

struct action_kind;

/* One attempt. Each kind has its own struct that begins with this one. */
struct action {
	const struct action_kind *kind;
	const struct conf_hook *hook; /* valid while `conf` is held */
	struct conf *conf;            /* a reference */
	struct delivery_job *job;     /* owned */
	struct attempt_outcome outcome;
	int64_t deadline; /* steady ms at which to call action_expire; INT64_MAX: never */
};

enum action_step { ACTION_GOES_ON, ACTION_FINISHED };

/* What the attempts share: the holder's epoll, kept connections, mail threads, the
 * script sandbox. */
struct action_place;

/* The attempt has ended and its outcome is set; the action is the holder's to free. */
typedef void action_ended(void *holder, struct action *a);

/* Registers its descriptors with `epoll`, which the holder closes after action_place_free.
 * `ended` is only called from action_place_ready. NULL: logged. */
struct action_place *action_place_new(int epoll, action_ended *ended, void *holder) WARN_UNUSED;

/* Keeps scripts that start from now on from the secrets of conf. Before the first call they
 * run without a sandbox. False: logged, and the sandbox stays as it was. */
bool action_place_protect(struct action_place *place, const struct conf *conf);

/* Handles an epoll event of this place: any event whose data.ptr is not the holder's own. `ready`
 * is that data.ptr. May call `ended`, also several times. After that, a pointer from the same
 * epoll_wait may be invalid: take one event at a time. */
void action_place_ready(struct action_place *place, void *ready);

/* No action may be left. NULL is allowed. */
void action_place_free(struct action_place *place);

/* Starts the attempt that the hook's action in conf describes for `job`. Takes job and a reference
 * to conf. Returns new: running, or already finished with its outcome set (*step says which). NULL:
 * out of memory, and the caller still owns job. */
struct action *action_start(struct action_place *place, struct conf *conf,
	const struct conf_hook *hook, struct delivery_job *job, enum action_step *step) WARN_UNUSED;

/* The deadline has passed; sets the next. */
enum action_step action_expire(struct action *a) WARN_UNUSED;

/* hookd is stopping: the attempt must end now (SIGTERM), and at its new deadline it is killed. Its
 * outcome is ATTEMPT_INTERRUPTED unless it still succeeds. */
void action_interrupt(struct action *a);

/* Ends it at once, whatever it is doing (SIGKILL). Its outcome is ATTEMPT_INTERRUPTED, and only
 * action_free may follow. */
void action_kill(struct action *a);

/* Frees it with its job and outcome and drops the conf. It must not be running. */
void action_free(struct action *a);

/* "script", "email": the kind of the hook's action in conf. */
const char *action_name(const struct conf *conf, const struct conf_hook *hook);

/* Appends what action_start would do, for people: the argv and environment, the mail, the
 * request; no secret. False: it would fail, and out says why. */
bool action_preview(const struct conf *conf, const struct conf_hook *hook,
	const struct delivery_job *job, struct buf *out) WARN_UNUSED;

#endif
