/* action/sendmail.c - hands a mail to a local sendmail(8). */
#include "child.h"
#include "draft.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

/* The environment of scripts, but for HOME: they can write there, and many a sendmail reads a
 * config of its user that names programs to run. Borrows the strings; NULL: out of memory. */
static const char **make_env(char *const *base)
{
	size_t n = 0, count = 0;
	const char **env;

	while (base[n] != NULL)
		n++;
	env = calloc(n + 2, sizeof(*env));
	if (env == NULL)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (strncmp(base[i], "HOME=", 5) != 0)
			env[count++] = base[i];
	env[count] = "HOME=/";
	return env;
}

/* A set-user-ID program is its owner's, and would lose that in the sandbox. */
static bool is_set_id(const char *program)
{
	struct stat status;

	return stat(program, &status) == 0 && (status.st_mode & (S_ISUID | S_ISGID)) != 0;
}

static enum action_step start_program(struct action_child *s, struct script_sandbox *sandbox,
	const struct mail_draft *d, const char *const *argv, const char *const *env)
{
	static const struct child_user as_hookd;
	struct child_options options = {
		.argv = (char *const *)(uintptr_t)argv,
		.env = (char *const *)(uintptr_t)env,
		.directory = "/",
		.user = &as_hookd,
		.input = d->message.data,
		.input_len = d->message.len,
	};

	if (!is_set_id(argv[0]) && !action_child_confine(&options, sandbox))
		return action_child_not_started(s, CHILD_NO_RESOURCES, ACTION_CHILD_NO_SANDBOX);
	return action_child_start(s, &options, is_permanent);
}

static enum action_step start_sendmail(
	struct action_child *s, struct script_sandbox *sandbox, const struct mail_draft *d)
{
	const char **argv = make_argv(&s->action.conf->email, d);
	const char **env = make_env(s->action.hook->action->base_env);
	enum action_step step = ACTION_FINISHED;

	if (argv != NULL && env != NULL)
		step = start_program(s, sandbox, d, argv, env);
	else
		action_outcome(&s->action, ATTEMPT_TEMPFAIL, "out of memory");
	free(env);
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
	result = mail_draft_make(&draft, conf, hook, job, false, why);
	*step = ACTION_FINISHED;
	if (result == ATTEMPT_OK)
		*step = start_sendmail(s, place->sandbox, &draft);
	else
		action_outcome(&s->action, result, "%s", why);
	mail_draft_free(&draft);
	return &s->action;
}

/* The words of the config come first. */
static const char *shown_word(const struct conf *conf, const char **argv, size_t i)
{
	char **command = conf->email.command;

	for (size_t k = 0; k <= i; k++)
		if (command[k] == NULL)
			return argv[i];
	return conf_shown(conf, &command[i], command[i]);
}

static bool sendmail_preview(const struct conf *conf, const struct conf_hook *hook,
	const struct delivery_job *job, struct buf *out)
{
	struct mail_draft draft;
	struct buf text = {0};
	char why[MAIL_DRAFT_WHY] = "out of memory";
	bool good = mail_draft_preview(&draft, conf, hook, job, why);
	const char **argv = good ? make_argv(&conf->email, &draft) : NULL;

	good = argv != NULL;
	if (good) {
		buf_add_text(&text, "  by");
		for (size_t i = 0; argv[i] != NULL; i++) {
			const char *word = shown_word(conf, argv, i);

			buf_add_char(&text, ' ');
			buf_add_escaped(&text, word, strlen(word), '\0');
		}
		buf_add_char(&text, '\n');
		mail_draft_show(&draft, &text);
		mail_draft_add(&draft, &text, out);
	} else {
		buf_add_text(out, "  cannot be sent: ");
		buf_add_escaped(out, why, strlen(why), '\0');
		buf_add_char(out, '\n');
	}
	free(argv);
	buf_free(&text);
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
