/* hookctl/commands/vacuum.c - returns the space of removed events to the file system. Prints
 *   /var/lib/hookd/hookd.db: 1048576 bytes, 0 pages free in it */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/maintenance.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct ctl_option options[] = {
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

/* Works in steps, until one of them frees no more pages. */
static int vacuum_store(const char *path)
{
	int64_t began = clock_steady(), all = 0, left = INT64_MAX, before, size = 0;
	char why[STORE_READ_WHY];
	struct store_editor *e = store_editor_open(path, why);
	bool good = e != NULL;

	do {
		before = left;
		good = good && store_vacuum(e, &left, &size, why);
		if (all == 0)
			all = left;
		if (good && all > 0)
			ctl_progress(all - left, all, " pages", began);
	} while (good && left > 0 && left < before);
	if (good)
		printf("%s: %" PRId64 " bytes, %" PRId64 " pages free in it\n", path, size, left);
	else
		ctl_error("%s", why);
	store_editor_close(e);
	return good ? CTL_OK : CTL_FAILED;
}

static int vacuum_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct store_reader *reader;
	char *path;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_vacuum, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_vacuum, argc, 0, "options only"))
		return CTL_USAGE;
	/* Opening a reader first reports a missing or foreign file better than the editor. */
	reader = ctl_store_open(ctl, store, &path, &status);
	if (reader == NULL)
		return status;
	store_reader_close(reader);
	status = vacuum_store(path);
	free(path);
	return status;
}

const struct ctl_command ctl_vacuum = {
	"vacuum",
	"",
	"return the space of removed events to the disk",
	options,
	vacuum_command,
};
