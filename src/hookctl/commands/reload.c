/* hookctl/commands/reload.c - has hookd read its config again. Prints "config reloaded", and on
 * stderr the warnings, or the errors for which hookd keeps the config that it has. */
#include "commands.h"

#include "hookctl/ask.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const struct ctl_option options[] = {
	{'D', "store", "FILE", "the hookd that runs on this store (the config's)"},
	{0},
};

/* A line with its place in the config, as hookd --check prints it. */
static void print_line(void *arg, const json_t *fault)
{
	const char *text = ctl_answer_text(fault, "text");
	struct buf line = {0};

	(void)arg;
	buf_add_escaped(&line, text, strlen(text), '\0');
	fprintf(stderr, "%s\n", line.data != NULL ? line.data : "");
	buf_free(&line);
}

static int reload(struct ctl_ask *ask)
{
	struct buf why = {0};
	int status = CTL_FAILED;

	ask->exchange.fault = print_line;
	if (ctl_ask_hookd(ask, json_pack("{s:s}", "act", "reload"), 0, &why)) {
		puts("config reloaded");
		status = CTL_OK;
	} else if (why.len > 0) {
		ctl_error("%s", why.data);
	} else {
		ctl_error("no hookd runs on %s", ask->store);
	}
	buf_free(&why);
	return status;
}

static int reload_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct ctl_ask ask;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_reload, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_reload, argc, 0, "options only"))
		return CTL_USAGE;
	status = ctl_ask_begin(&ask, ctl, store);
	if (status == CTL_OK)
		status = reload(&ask);
	ctl_ask_end(&ask);
	return status;
}

const struct ctl_command ctl_reload = {
	"reload",
	"",
	"have hookd read its config again, and print what is wrong with it",
	options,
	reload_command,
};
