/* hookctl completion: scripts for shells, made from the same tables that the commands read
 * their words by, so that they cannot fall behind. */
#include "commands.h"

#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "sender/sender.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ctl_option options[] = {
	{'D', "store", "FILE", "hooks: of this store (the config's)"},
	{0},
};

#define TYPES                                                                                      \
	"transaction.created transaction.approved transaction.declined transaction.canceled "      \
	"transaction.transferred transaction.refunded transaction.expired transaction.updated "    \
	"transaction.deleted customer.created customer.updated customer.deleted payout.created "   \
	"payout.sent payout.failed"

/* What an option's argument can be. "FILE" and "HOOK" are found when they are asked for. */
static const struct {
	const char *option, *words;
} arguments[] = {
	{"state", "ready running done dead skipped"},
	{"type", TYPES},
	{"secret-from", "credential: file: env:"},
	{"by", "day hour type hook"},
	{"format", "csv ndjson"},
	{"entity", "transaction: customer: payout:"},
};

/* What a command's operands can be. */
static const struct {
	const char *command, *words;
} operands[] = {
	{"quarantine", "list show release drop"},
	{"completion", "bash zsh fish hooks"},
	{"show", "transaction: customer: payout:"},
	{"test", "HOOK"},
	{"pause", "HOOK"},
	{"resume", "HOOK"},
	{"sign", "FILE"},
	{"verify", "FILE"},
	{"backup", "FILE"},
	{"import", "FILE"},
};

static const char *words_of_option(const struct ctl_option *o)
{
	if (strcmp(o->name, "scheme") == 0)
		return sender_default()->name;
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++)
		if (strcmp(o->name, arguments[i].option) == 0)
			return arguments[i].words;
	return o->argument != NULL ? o->argument : "";
}

static const char *words_of_command(const struct ctl_command *c)
{
	for (size_t i = 0; i < sizeof(operands) / sizeof(operands[0]); i++)
		if (strcmp(c->name, operands[i].command) == 0)
			return operands[i].words;
	return "";
}

static bool is_file(const char *words)
{
	return strcmp(words, "FILE") == 0;
}

static bool is_hook(const char *words)
{
	return strcmp(words, "HOOK") == 0;
}

/* Words in capitals stand for what cannot be known: a number, a time. */
static bool is_known(const char *words)
{
	return *words >= 'a' && *words <= 'z';
}

static const struct ctl_command *const *ctl_commands;

static void add_names(struct buf *out)
{
	for (size_t i = 0; ctl_commands[i] != NULL; i++)
		buf_printf(out, "%s%s", i > 0 ? " " : "", ctl_commands[i]->name);
}

static const char *common = "--config --help";

/* ---- bash */

static void add_bash_reply(struct buf *out, const char *words)
{
	if (is_file(words))
		buf_add_text(out, "mapfile -t COMPREPLY < <(compgen -f -- \"$cur\")");
	else if (is_hook(words))
		buf_add_text(out, "mapfile -t COMPREPLY < <(compgen -W"
				  " \"$(hookctl completion hooks 2>/dev/null)\" -- \"$cur\")");
	else if (is_known(words))
		buf_printf(out, "mapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")", words);
	else
		buf_add_char(out, ':');
	if (strstr(words, ": ") != NULL)
		buf_add_text(out, "; compopt -o nospace");
}

static void add_bash_command(struct buf *out, const struct ctl_command *c)
{
	const char *words = words_of_command(c);

	buf_printf(out, "\t%s)\n\t\tcase $prev in\n", c->name);
	for (const struct ctl_option *o = c->options; o->name != NULL; o++) {
		if (o->argument == NULL)
			continue;
		buf_printf(out, "\t\t--%s) ", o->name);
		add_bash_reply(out, words_of_option(o));
		buf_add_text(out, "; return ;;\n");
	}
	buf_add_text(out, "\t\tesac\n");
	if (*words != '\0') {
		buf_add_text(out, "\t\tif [[ $cur != -* ]]; then ");
		add_bash_reply(out, words);
		buf_add_text(out, "; return; fi\n");
	}
	buf_add_text(out, "\t\tmapfile -t COMPREPLY < <(compgen -W '");
	for (const struct ctl_option *o = c->options; o->name != NULL; o++)
		buf_printf(out, "--%s ", o->name);
	buf_printf(out, "%s' -- \"$cur\") ;;\n", common);
}

static void add_bash(struct buf *out)
{
	buf_add_text(out, "# bash completion for hookctl(1); made by: hookctl completion bash\n"
			  "_hookctl()\n{\n"
			  "\tlocal cur prev words cword split=\n"
			  "\tlocal command= i\n"
			  "\tif declare -F _get_comp_words_by_ref >/dev/null; then\n"
			  "\t\t_get_comp_words_by_ref -n : cur prev words cword\n"
			  "\telse\n"
			  "\t\tcur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
			  "\t\twords=(\"${COMP_WORDS[@]}\") cword=$COMP_CWORD\n"
			  "\tfi\n"
			  "\tfor ((i = 1; i < cword; i++)); do\n"
			  "\t\tcase ${words[i]} in\n"
			  "\t\t--config) ((i++)) ;;\n"
			  "\t\t-*) ;;\n"
			  "\t\t*) command=${words[i]}; break ;;\n"
			  "\t\tesac\n"
			  "\tdone\n"
			  "\tCOMPREPLY=()\n"
			  "\tif [[ $prev == --config ]]; then\n"
			  "\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
			  "\t\treturn\n"
			  "\tfi\n"
			  "\tcase $command in\n");
	for (size_t i = 0; ctl_commands[i] != NULL; i++)
		add_bash_command(out, ctl_commands[i]);
	buf_add_text(out, "\t'') mapfile -t COMPREPLY < <(compgen -W '");
	add_names(out);
	buf_printf(out, " --version %s' -- \"$cur\") ;;\n\tesac\n", common);
	buf_add_text(out, "\tdeclare -F __ltrim_colon_completions >/dev/null &&"
			  " __ltrim_colon_completions \"$cur\"\n"
			  "\treturn 0\n}\ncomplete -F _hookctl hookctl\n");
}

/* ---- zsh: in descriptions quotes, brackets and colons have a meaning */

static void add_zsh_text(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '\'')
			buf_add_text(out, "'\\'");
		else if (strchr("[]:", *text) != NULL)
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
}

static void add_zsh_action(struct buf *out, const char *words)
{
	if (is_file(words))
		buf_add_text(out, "_files");
	else if (is_hook(words))
		buf_add_text(out, "_hookctl_hooks");
	else if (is_known(words) && strchr(words, ':') != NULL)
		buf_printf(out, "compadd -S \"\" -- %s", words);
	else if (is_known(words))
		buf_printf(out, "compadd -- %s", words);
	else
		buf_add_char(out, ' ');
}

static void add_zsh_option(struct buf *out, const struct ctl_option *o)
{
	buf_printf(out, " \\\n\t\t\t'--%s%s[", o->name, o->argument != NULL ? "=" : "");
	add_zsh_text(out, o->summary);
	buf_add_char(out, ']');
	if (o->argument != NULL) {
		buf_printf(out, ":%s:", o->argument);
		add_zsh_action(out, words_of_option(o));
	}
	buf_add_char(out, '\'');
}

static void add_zsh(struct buf *out)
{
	const struct ctl_option config = {'C', "config", "FILE", "the config"},
				help = {'h', "help", NULL, "what it can do"};

	buf_add_text(out, "#compdef hookctl\n# made by: hookctl completion zsh\n"
			  "_hookctl_hooks() { compadd -- ${(f)\"$(hookctl completion hooks "
			  "2>/dev/null)\"} }\n"
			  "_hookctl() {\n"
			  "\tlocal curcontext=$curcontext state line\n"
			  "\tlocal -a commands\n\tcommands=(\n");
	for (size_t i = 0; ctl_commands[i] != NULL; i++) {
		buf_printf(out, "\t\t'%s:", ctl_commands[i]->name);
		add_zsh_text(out, ctl_commands[i]->summary);
		buf_add_text(out, "'\n");
	}
	buf_add_text(out, "\t)\n\t_arguments -C");
	add_zsh_option(out, &config);
	add_zsh_option(out, &help);
	buf_add_text(out,
		" \\\n\t\t'--version[the version]' '1: :->command' '*:: :->words' && return\n"
		"\tcase $state in\n"
		"\tcommand) _describe command commands ;;\n"
		"\twords)\n\t\tcase $words[1] in\n");
	for (size_t i = 0; ctl_commands[i] != NULL; i++) {
		const struct ctl_command *c = ctl_commands[i];

		buf_printf(out, "\t\t%s) _arguments", c->name);
		for (const struct ctl_option *o = c->options; o->name != NULL; o++)
			add_zsh_option(out, o);
		add_zsh_option(out, &config);
		add_zsh_option(out, &help);
		buf_add_text(out, " \\\n\t\t\t'*: :");
		add_zsh_action(out, words_of_command(c));
		buf_add_text(out, "' ;;\n");
	}
	buf_add_text(out, "\t\tesac ;;\n\tesac\n}\n"
			  "if [[ $funcstack[1] == _hookctl ]]; then _hookctl \"$@\"; else"
			  " compdef _hookctl hookctl; fi\n");
}

/* ---- fish */

static void add_fish_text(struct buf *out, const char *text)
{
	buf_add_char(out, '\'');
	for (; *text != '\0'; text++) {
		if (*text == '\'' || *text == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, *text);
	}
	buf_add_char(out, '\'');
}

static void add_fish_words(struct buf *out, const char *words)
{
	if (is_file(words))
		buf_add_text(out, " -F");
	else if (is_hook(words))
		buf_add_text(out, " -a '(hookctl completion hooks 2>/dev/null)'");
	else if (is_known(words))
		buf_printf(out, " -a '%s'", words);
}

static void add_fish_option(struct buf *out, const char *condition, const struct ctl_option *o)
{
	buf_printf(out, "complete -c hookctl%s -l %s%s", condition, o->name,
		o->argument == NULL           ? ""
		: is_file(words_of_option(o)) ? " -r"
					      : " -x");
	if (o->argument != NULL)
		add_fish_words(out, words_of_option(o));
	buf_add_text(out, " -d ");
	add_fish_text(out, o->summary);
	buf_add_char(out, '\n');
}

static void add_fish(struct buf *out)
{
	const struct ctl_option config = {'C', "config", "FILE", "the config"},
				help = {'h', "help", NULL, "what it can do"};
	char condition[64];

	buf_add_text(out, "# made by: hookctl completion fish\ncomplete -c hookctl -f\n");
	add_fish_option(out, "", &config);
	add_fish_option(out, "", &help);
	for (size_t i = 0; ctl_commands[i] != NULL; i++) {
		const struct ctl_command *c = ctl_commands[i];
		const char *words = words_of_command(c);

		buf_printf(out, "complete -c hookctl -n __fish_use_subcommand -a %s -d ", c->name);
		add_fish_text(out, c->summary);
		buf_add_char(out, '\n');
		(void)snprintf(condition, sizeof(condition), " -n '__fish_seen_subcommand_from %s'",
			c->name);
		for (const struct ctl_option *o = c->options; o->name != NULL; o++)
			add_fish_option(out, condition, o);
		if (*words == '\0')
			continue;
		buf_printf(out, "complete -c hookctl%s", condition);
		add_fish_words(out, words);
		buf_add_char(out, '\n');
	}
}

static void hook_seen(void *arg, const char *hook)
{
	buf_add_escaped(arg, hook, strlen(hook), '\0');
	buf_add_char(arg, '\n');
}

/* The hooks that the store knows: it may be read by those who may not read the config. */
static int add_hooks(const struct ctl *ctl, const char *store, struct buf *out)
{
	char why[STORE_READ_WHY], *name;
	int status;
	struct store_reader *reader = ctl_store_open(ctl, store, &name, &status);
	bool good;

	if (reader == NULL)
		return status;
	good = store_read_hooks(reader, NULL, hook_seen, out, why);
	if (!good)
		ctl_error("%s", why);
	free(name);
	store_reader_close(reader);
	return good ? CTL_OK : CTL_FAILED;
}

static int completion_command(struct ctl *ctl, int argc, char **argv)
{
	static const struct {
		const char *shell;
		void (*add)(struct buf *out);
	} shells[] = {{"bash", add_bash}, {"zsh", add_zsh}, {"fish", add_fish}};
	const char *store = NULL, *word;
	ctl_commands = ctl->commands;
	struct buf out = {0};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_completion, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_completion, argc, 1, "bash, zsh, fish or hooks"))
		return CTL_USAGE;
	word = argv[optind];
	status = CTL_USAGE;
	if (strcmp(word, "hooks") == 0)
		status = add_hooks(ctl, store, &out);
	for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
		if (strcmp(word, shells[i].shell) != 0)
			continue;
		shells[i].add(&out);
		status = CTL_OK;
	}
	if (status == CTL_USAGE)
		ctl_error("completion: expected bash, zsh, fish or hooks");
	else if (status == CTL_OK && !ctl_print(&out))
		status = CTL_FAILED;
	buf_free(&out);
	return status;
}

const struct ctl_command ctl_completion = {
	"completion",
	"bash | zsh | fish | hooks",
	"print what completes hookctl's words in that shell",
	options,
	completion_command,
};
