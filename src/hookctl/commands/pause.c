/* hookctl/commands/pause.c - pause and resume: stop a hook's deliveries, even across restarts,
 * and let them run again. Print a line for each hook:
 *   ship-order: paused; its deliveries wait until hookctl resume
 *   ship-order: resumed; it was paused since 2026-06-30 22:50:29 +0000 */
#include "commands.h"

#include "base/json.h"
#include "hookctl/ask.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

static const struct ctl_option options[] = {
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

static void add_hook_name(void *arg, const char *hook)
{
	buf_add_char(arg, ' ');
	buf_add_escaped(arg, hook, strlen(hook), '\0');
}

struct pausing {
	struct ctl_ask ask;
	struct ctl *ctl;
	bool pause;
	int count; /* of the operands */
	char **hooks;
	int answered; /* how many hooks the answers were about */
	bool *unknown;
};

/* Opens the store, which a root hookctl can do only as its owner: last. */
static void report_unknown_hook(const struct pausing *p, const char *hook)
{
	char why[STORE_READ_WHY], *name;
	struct buf line = {0};
	int status;
	struct store_reader *reader = ctl_store_open(p->ctl, p->ask.store, &name, &status);

	buf_add_text(&line, "no hook \"");
	buf_add_escaped(&line, hook, strlen(hook), '"');
	buf_add_text(&line, "\"; the store knows");
	if (reader == NULL || !store_read_hooks(reader, NULL, add_hook_name, &line, why))
		buf_add_text(&line, " others");
	ctl_error("%s", line.data != NULL ? line.data : "out of memory");
	buf_free(&line);
	store_reader_close(reader);
	free(name);
}

static bool print_change(const char *hook, bool pause, int64_t since)
{
	struct buf line = {0};
	char time[CTL_TIME];
	bool good;

	buf_add_escaped(&line, hook, strlen(hook), '\0');
	ctl_time_format(since, time);
	if (pause && since != 0)
		buf_printf(&line, ": already paused, since %s\n", time);
	else if (pause)
		buf_add_text(&line, ": paused; its deliveries wait until hookctl resume\n");
	else if (since != 0)
		buf_printf(&line, ": resumed; it was paused since %s\n", time);
	else
		buf_add_text(&line, ": was not paused\n");
	good = ctl_print(&line);
	buf_free(&line);
	return good;
}

/* The answers come in the order of the hooks. */
static bool take_row(void *arg, const json_t *row)
{
	struct pausing *p = arg;
	const char *hook = p->answered < p->count ? p->hooks[p->answered] : "";
	bool known = json_is_true(json_object_get(row, "known"));

	if (p->answered < p->count)
		p->unknown[p->answered] = !known;
	p->answered++;
	return !known || print_change(hook, p->pause, ctl_answer_number(row, "since"));
}

static json_t *make_request(const struct pausing *p)
{
	json_t *hooks = json_array();

	for (int i = 0; i < p->count; i++) {
		if (json_array_append_new(hooks, json_safe_text(p->hooks[i])) != 0) {
			json_decref(hooks);
			return NULL;
		}
	}
	return json_pack("{s:s, s:o}", "act", p->pause ? "pause" : "resume", "hooks", hooks);
}

static int change_hooks(struct pausing *p)
{
	int status;

	p->ask.exchange.row = take_row;
	p->ask.exchange.arg = p;
	status = ctl_ask(&p->ask, make_request(p));
	if (status == CTL_OK && p->answered < p->count) {
		ctl_error("stopped after %d of %d hooks", p->answered, p->count);
		status = CTL_FAILED;
	}
	for (int i = 0; i < p->count; i++) {
		if (!p->unknown[i])
			continue;
		report_unknown_hook(p, p->hooks[i]);
		status = CTL_FAILED;
	}
	return status;
}

static int pause_or_resume(
	struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	struct pausing p = {.ctl = ctl, .pause = command == &ctl_pause};
	const char *store = NULL;
	int key, status;

	while ((key = ctl_next_option(ctl, command, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (optind == argc) {
		ctl_error("%s: expected the name of a HOOK", command->name);
		return CTL_USAGE;
	}
	for (int i = optind; i < argc; i++)
		if (!ctl_text("HOOK", argv[i]))
			return CTL_USAGE;
	p.count = argc - optind;
	p.hooks = argv + optind;
	p.unknown = calloc((size_t)p.count, sizeof(*p.unknown));
	status = ctl_ask_begin(&p.ask, ctl, store);
	if (p.unknown == NULL)
		ctl_error("out of memory");
	else if (status == CTL_OK)
		status = change_hooks(&p);
	ctl_ask_end(&p.ask);
	free(p.unknown);
	return status;
}

static int pause_command(struct ctl *ctl, int argc, char **argv)
{
	return pause_or_resume(ctl, &ctl_pause, argc, argv);
}

static int resume_command(struct ctl *ctl, int argc, char **argv)
{
	return pause_or_resume(ctl, &ctl_resume, argc, argv);
}

const struct ctl_command ctl_pause = {
	"pause",
	"HOOK …",
	"stop a hook's deliveries, even across restarts",
	options,
	pause_command,
};

const struct ctl_command ctl_resume = {
	"resume",
	"HOOK …",
	"let a paused hook's deliveries run again",
	options,
	resume_command,
};
