/* hookctl/commands/backup.c - copies the store to a new file while hookd runs, and checks the
 * copy. Prints
 *   /var/backups/hookd.db: 1048576 bytes, checked */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/maintenance.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static const struct ctl_option options[] = {
	{'D', "store", "FILE", "back up this store (the config's)"},
	{0},
};

static void show_progress(void *arg, int64_t done, int64_t all)
{
	ctl_progress(done, all, " pages", *(const int64_t *)arg);
}

static int back_up(struct store_reader *reader, const char *file)
{
	int64_t began = clock_steady();
	char why[STORE_READ_WHY];
	struct stat sb;

	if (!store_backup(reader, file, show_progress, &began, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	if (stat(file, &sb) == 0)
		printf("%s: %lld bytes, checked\n", file, (long long)sb.st_size);
	return CTL_OK;
}

static int backup_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct store_reader *reader;
	char *path;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_backup, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_backup, argc, 1, "the FILE to create"))
		return CTL_USAGE;
	reader = ctl_store_open(ctl, store, &path, &status);
	if (reader == NULL)
		return status;
	status = back_up(reader, argv[optind]);
	free(path);
	store_reader_close(reader);
	return status;
}

const struct ctl_command ctl_backup = {
	"backup",
	"FILE",
	"copy the whole store to a new file and check it, while hookd runs",
	options,
	backup_command,
};
