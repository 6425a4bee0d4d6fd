/* hookctl/commands/vacuum.c - returns the space of removed events to the file system. Prints
 *   /var/lib/hookd/hookd.db: 1048576 bytes, 0 pages free in it */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/ask.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

static const struct ctl_option options[] = {
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

static void show_progress(void *arg, int64_t done, int64_t all)
{
	ctl_progress(done, all, " pages", *(const int64_t *)arg);
}

static int vacuum_store(struct ctl_ask *ask)
{
	int64_t began = clock_steady();
	int status;

	ask->exchange.progress = show_progress;
	ask->exchange.arg = &began;
	status = ctl_ask(ask, json_pack("{s:s}", "act", "vacuum"));
	if (status != CTL_OK)
		return status;
	printf("%s: %" PRId64 " bytes, %" PRId64 " pages free in it\n", ask->store,
		ctl_answer_number(ask->exchange.done, "size"),
		ctl_answer_number(ask->exchange.done, "pages"));
	if (!ctl_ask_stopped(ask))
		return CTL_OK;
	ctl_error("stopped; run the same command again for the rest");
	return CTL_FAILED;
}

static int vacuum_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct ctl_ask ask;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_vacuum, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_vacuum, argc, 0, "options only"))
		return CTL_USAGE;
	status = ctl_ask_begin(&ask, ctl, store);
	if (status == CTL_OK)
		status = vacuum_store(&ask);
	ctl_ask_end(&ask);
	return status;
}

const struct ctl_command ctl_vacuum = {
	"vacuum",
	"",
	"return the space of removed events to the disk",
	options,
	vacuum_command,
};
