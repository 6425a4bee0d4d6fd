/* action/sendmail.c - hands a mail to a local sendmail(8). */
#include "child.h"
#include "draft.h"

#include <stdlib.h>
#include <string.h>

/* Exit codes of sysexits.h that mean that the mail itself is wrong. */
enum { NO_DATA = 65, NO_USER = 67, NO_HOST = 68 };

static bool is_permanent(const struct conf_action *does, int exit_code)
{
	(void)does;
	return exit_code == NO_DATA || exit_code == NO_USER || exit_code == NO_HOST;
}

/* COMMAND… -f FROM -- RECIPIENT…: so no recipient is taken for an option. Borrows the strings;
 * NULL: out of memory. */
static const char **make_argv(const struct conf_mail_server *server, const struct mail_draft *d)
{
	size_t n = 0, recipients = 0;
	const char **argv;

	while (server->command[n] != NULL)
		n++;
	while (mail_draft_recipient(d, recipients) != NULL)
		recipients++;
	argv = calloc(n + recipients + 4, sizeof(*argv));
	if (argv == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		argv[i] = server->command[i];
	argv[n++] = "-f";
	argv[n++] = d->mail.from.mailbox;
	argv[n++] = "--";
	for (size_t i = 0; i < recipients; i++)
		argv[n++] = mail_draft_recipient(d, i);
	return argv;
}

static enum action_step start_sendmail(struct action_child *s, const struct mail_draft *d)
{
	const struct conf_action *does = s->action.hook->action;
	static const struct child_user as_hookd;
	const char **argv = make_argv(&s->action.conf->email, d);
	enum action_step step = ACTION_FINISHED;

	if (argv != NULL) {
		struct child_options options = {
			.argv = (char *const *)(uintptr_t)argv,
			.env = does->base_env,
			.directory = "/",
			.user = &as_hookd,
			.input = d->message.data,
			.input_len = d->message.len,
		};
		step = action_child_start(s, &options, is_permanent);
	} else {
		action_outcome(&s->action, ATTEMPT_TEMPFAIL, "out of memory");
	}
	free(argv);
	return step;
}

static struct action *sendmail_start(const struct action_place *place, struct conf *conf,
	const struct conf_hook *hook, struct delivery_job *job, enum action_step *step)
{
	struct action_child *s = action_child_new(&action_sendmail, place, conf, hook, job);
	struct mail_draft draft;
	char why[MAIL_DRAFT_WHY];
	enum attempt_result result;

	if (s == NULL)
		return NULL;
	result = mail_draft_make(&draft, conf, hook, job, why);
	*step = ACTION_FINISHED;
	if (result == ATTEMPT_OK)
		*step = start_sendmail(s, &draft);
	else
		action_outcome(&s->action, result, "%s", why);
	mail_draft_free(&draft);
	return &s->action;
}

static bool sendmail_preview(const struct conf *conf, const struct conf_hook *hook,
	const struct delivery_job *job, struct buf *out)
{
	struct mail_draft draft;
	char why[MAIL_DRAFT_WHY] = "out of memory";
	bool good = mail_draft_make(&draft, conf, hook, job, why) == ATTEMPT_OK;
	const char **argv = good ? make_argv(&conf->email, &draft) : NULL;

	good = argv != NULL;
	if (good) {
		buf_add_text(out, "  by");
		for (size_t i = 0; argv[i] != NULL; i++)
			buf_printf(out, " %s", argv[i]);
		buf_add_char(out, '\n');
		mail_draft_show(&draft, out);
	} else {
		buf_add_text(out, "  cannot be sent: ");
		buf_add_escaped(out, why, strlen(why), '\0');
		buf_add_char(out, '\n');
	}
	free(argv);
	mail_draft_free(&draft);
	return good;
}

const struct action_kind action_sendmail = {
	.name = "sendmail",
	.start = sendmail_start,
	.preview = sendmail_preview,
	.ready = action_child_ready,
	.expired = action_child_expired,
	.interrupt = action_child_interrupt,
	.kill = action_child_kill,
	.free = action_child_free,
};
