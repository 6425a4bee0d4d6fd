/* hookctl/commands/completion.c - prints the names of the store's hooks, a line each, for the
 * shells' completion (hookctl/completion/). Only what the config accepts as a name (and as a part
 * of one, for hooks that it derives, such as ship/on_failure) is printed: the shell may be root's,
 * and the store is written by a less privileged user. */
#include "commands.h"

#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define NAME_MAX_LEN 64 /* as in hookd.yaml(5) */

static const char letters_and_digits[] = "abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

static const struct ctl_option options[] = {
	{'D', "store", "FILE", "of this store (the config's)"},
	{0},
};

/* The length of the name that the text begins with; 0: of none. */
static size_t name_len(const char *text)
{
	size_t len = 0;

	while (text[len] != '\0' && (strchr(letters_and_digits, text[len]) != NULL ||
					    (len > 0 && strchr("._-", text[len]) != NULL)))
		len++;
	return len <= NAME_MAX_LEN ? len : 0;
}

static bool is_hook_name(const char *text)
{
	size_t len = name_len(text), derived;

	if (len == 0 || text[len] == '\0')
		return len > 0;
	derived = text[len] == '/' ? name_len(text + len + 1) : 0;
	return derived > 0 && text[len + 1 + derived] == '\0';
}

static void add_hook(void *arg, const char *hook)
{
	if (is_hook_name(hook))
		buf_printf(arg, "%s\n", hook);
}

static int print_hooks(struct store_reader *reader)
{
	char why[STORE_READ_WHY];
	struct buf out = {0};
	int status = CTL_FAILED;

	if (!store_read_hooks(reader, NULL, add_hook, &out, why))
		ctl_error("%s", why);
	else if (ctl_print(&out))
		status = CTL_OK;
	buf_free(&out);
	return status;
}

static int completion_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct store_reader *reader;
	char *name;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_completion, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_completion, argc, 1, "hooks"))
		return CTL_USAGE;
	if (strcmp(argv[optind], "hooks") != 0) {
		ctl_error(
			"completion: expected hooks; make install puts the shells' files in place");
		return CTL_USAGE;
	}
	reader = ctl_store_open(ctl, store, &name, &status);
	if (reader == NULL)
		return status;
	status = print_hooks(reader);
	free(name);
	store_reader_close(reader);
	return status;
}

const struct ctl_command ctl_completion = {
	"completion",
	"hooks",
	"print the names of the store's hooks, for completion in shells",
	options,
	completion_command,
};
