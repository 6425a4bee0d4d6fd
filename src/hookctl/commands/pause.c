/* hookctl/commands/pause.c - pause and resume: stop a hook's deliveries, even across restarts,
 * and let them run again. Print a line for each hook:
 *   ship-order: paused; its deliveries wait until hookctl resume
 *   ship-order: resumed; it was paused since 2026-06-30 22:50:29 +0000 */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/change.h"
#include "store/notify.h"

#include <getopt.h>
#include <stdio.h>
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

static void report_unknown_hook(const char *path, const char *hook)
{
	char why[STORE_READ_WHY];
	struct store_reader *reader = store_reader_open(path, why);
	struct buf line = {0};

	buf_add_text(&line, "no hook \"");
	buf_add_escaped(&line, hook, strlen(hook), '"');
	buf_add_text(&line, "\"; the store knows");
	if (reader == NULL || !store_read_hooks(reader, NULL, add_hook_name, &line, why))
		buf_add_text(&line, " others");
	ctl_error("%s", line.data != NULL ? line.data : "out of memory");
	buf_free(&line);
	store_reader_close(reader);
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

static int change_hooks(struct store_editor *e, bool pause, int count, char **hooks)
{
	char why[STORE_READ_WHY];
	int status = CTL_OK;

	for (int i = 0; i < count; i++) {
		int64_t since;
		bool known;

		if (!store_pause(e, hooks[i], pause, clock_wall(), &known, &since, why)) {
			ctl_error("%s", why);
			return CTL_FAILED;
		}
		if (!known)
			report_unknown_hook(store_editor_path(e), hooks[i]);
		if (!known || !print_change(hooks[i], pause, since))
			status = CTL_FAILED;
	}
	if (!store_notify_send(store_editor_path(e)))
		ctl_error_not_notified();
	return status;
}

static int pause_or_resume(
	struct ctl *ctl, const struct ctl_command *command, int argc, char **argv)
{
	char why[STORE_READ_WHY], *path;
	const char *store = NULL;
	struct store_reader *reader;
	struct store_editor *e;
	int key, status;

	while ((key = ctl_next_option(ctl, command, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (optind == argc) {
		ctl_error("%s: expected the name of a HOOK", command->name);
		return CTL_USAGE;
	}
	reader = ctl_store_open(ctl, store, &path, &status);
	if (reader == NULL)
		return status;
	store_reader_close(reader);
	e = store_editor_open(path, why);
	free(path);
	if (e == NULL) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	status = change_hooks(e, command == &ctl_pause, argc - optind, argv + optind);
	store_editor_close(e);
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
