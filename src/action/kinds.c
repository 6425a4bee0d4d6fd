/* action/kinds.c - the table of the kinds of action, and the place where their attempts
 * run. A new kind is a file that defines a struct action_kind (declared in kind.h), and a row in
 * `kinds`. If its attempts share something, such as kept connections, the place owns that.
 *
 * Its config is a section of an action, which the row's predicate looks at:
 *   include/conf/conf.h    struct conf_action: the section's struct
 *   src/conf/keys.c        the section's keys, each with its reader
 *   src/conf/check/        what must hold between them; check.c: the section is an action
 *   src/conf/explain.c     how `hookd --check --explain` describes it
 *   src/man/hookd.yaml.5   what its keys mean */
#include "action/action.h"
#include "base/log.h"
#include "kind.h"
#include "process/script_sandbox.h"
#include "transfer/mailer.h"
#include "transfer/transfer.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>

static bool runs_script(const struct conf *conf, const struct conf_action *does)
{
	(void)conf;
	return does->program != NULL;
}

static bool forwards(const struct conf *conf, const struct conf_action *does)
{
	(void)conf;
	return does->forward.url != NULL;
}

static bool sends_by_command(const struct conf *conf, const struct conf_action *does)
{
	return does->email.to.count > 0 && conf->email.command != NULL;
}

static bool sends_by_server(const struct conf *conf, const struct conf_action *does)
{
	return does->email.to.count > 0 && conf->email.command == NULL;
}

static const struct {
	const struct action_kind *kind;
	bool (*is_wanted)(const struct conf *conf, const struct conf_action *does);
} kinds[] = {
	{&action_script, runs_script},
	{&action_forward, forwards},
	{&action_sendmail, sends_by_command},
	{&action_email, sends_by_server},
};

static const struct action_kind *kind_of(const struct conf *conf, const struct conf_hook *hook)
{
	const size_t count = sizeof(kinds) / sizeof(kinds[0]);
	size_t i = 0;

	while (i < count && !kinds[i].is_wanted(conf, hook->action))
		i++;
	assert(i < count); /* conf/check/check.c accepts no hook without an action */
	return kinds[i].kind;
}

/* ---- the place ---- */

static bool watch_fd(const struct action_place *place, struct action_watch *w, int fd)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = w};

	*w = (struct action_watch){.fd = fd};
	return epoll_ctl(place->epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

struct action_place *action_place_new(int epoll, action_ended *ended, void *holder)
{
	struct action_place *place = calloc(1, sizeof(*place));

	if (place == NULL) {
		log_error("out of memory: cannot set up actions");
		return NULL;
	}
	*place = (struct action_place){.epoll = epoll, .ended = ended, .holder = holder};
	place->transfers = transfers_new();
	place->mailer = mailer_new();
	if (place->transfers != NULL && place->mailer != NULL) {
		if (watch_fd(place, &place->transfers_watch, transfers_fd(place->transfers)) &&
			watch_fd(place, &place->mailer_watch, mailer_fd(place->mailer)))
			return place;
		log_error("cannot watch transfers and mails", log_int("errno", errno));
	}
	action_place_free(place);
	return NULL;
}

void action_place_free(struct action_place *place)
{
	if (place == NULL)
		return;
	transfers_free(place->transfers);
	mailer_free(place->mailer);
	script_sandbox_free(place->sandbox);
	free(place);
}

bool action_place_protect(struct action_place *place, const struct conf *conf)
{
	bool has_scripts = false;
	struct script_sandbox *sandbox;

	for (size_t i = 0; i < conf->all_count; i++)
		has_scripts = has_scripts || kind_of(conf, conf->all[i]) == &action_script;
	sandbox = script_sandbox_new(conf->secret_files, conf->secret_file_count, has_scripts);
	if (sandbox == NULL) {
		log_error("out of memory: script sandbox not updated for the new secrets");
		return false;
	}
	if (has_scripts)
		script_sandbox_judge_files(conf->files, conf->file_count);
	script_sandbox_free(place->sandbox);
	place->sandbox = sandbox;
	return true;
}

static void end_attempt(const struct action_place *place, struct action *a)
{
	a->kind->ended(a);
	place->ended(place->holder, a);
}

void action_place_ready(struct action_place *place, void *ready)
{
	struct action_watch *w = ready;
	const struct transfer *transfer;
	const struct mailing *mailing;

	if (w == &place->transfers_watch) {
		transfers_step(place->transfers);
		while ((transfer = transfers_ended(place->transfers)) != NULL)
			end_attempt(place, transfer->owner);
	} else if (w == &place->mailer_watch) {
		while ((mailing = mailer_ended(place->mailer)) != NULL)
			end_attempt(place, mailing->owner);
	} else if (w->action->kind->ready(w->action, w) == ACTION_FINISHED) {
		place->ended(place->holder, w->action);
	}
}

/* ---- one attempt ---- */

struct action *action_start(struct action_place *place, struct conf *conf,
	const struct conf_hook *hook, struct delivery_job *job, enum action_step *step)
{
	return kind_of(conf, hook)->start(place, conf, hook, job, step);
}

enum action_step action_expire(struct action *a)
{
	return a->kind->expired(a);
}

void action_interrupt(struct action *a)
{
	a->kind->interrupt(a);
}

void action_kill(struct action *a)
{
	a->kind->kill(a);
	action_interrupted(a);
}

void action_free(struct action *a)
{
	a->kind->free(a);
}

/* ---- for people ---- */

const char *action_name(const struct conf *conf, const struct conf_hook *hook)
{
	return kind_of(conf, hook)->name;
}

bool action_preview(const struct conf *conf, const struct conf_hook *hook,
	const struct delivery_job *job, struct buf *out)
{
	return kind_of(conf, hook)->preview(conf, hook, job, out);
}
