/* hookctl prune and vacuum: make room by hand. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/poke.h"
#include "store/space.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static const struct ctl_option prune_options[] = {
	{'o', "older-than", "TIME", "what came so long ago: 90d"},
	{'n', "dry-run", NULL, "only say how many"},
	{'y', "yes", NULL, "do not ask"},
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

static const struct ctl_option vacuum_options[] = {
	{'D', "store", "FILE", "this store (the config's)"},
	{0},
};

static struct store_editor *open_store(const char *path)
{
	char why[STORE_READ_WHY];
	struct store_editor *e = store_editor_open(path, why);

	if (e == NULL)
		ctl_error("%s", why);
	return e;
}

static bool confirmed(int64_t old, bool yes)
{
	char answer[8];

	if (yes)
		return true;
	if (isatty(STDIN_FILENO) != 1) {
		ctl_error("prune: %" PRId64 " events would be gone for good; say --yes", old);
		return false;
	}
	fprintf(stderr, "Remove up to %" PRId64 " events for good? [y/N] ", old);
	return fgets(answer, sizeof(answer), stdin) != NULL &&
	       (strcasecmp(answer, "y\n") == 0 || strcasecmp(answer, "yes\n") == 0);
}

static int prune(const char *path, int64_t before, int64_t old)
{
	struct store_space_walk walk = {.before = before};
	struct store_editor *e = open_store(path);
	int64_t began = clock_steady();
	char why[STORE_READ_WHY];
	bool good = true;

	if (e == NULL)
		return CTL_FAILED;
	while (good && !walk.over) {
		good = store_space_prune(e, &walk, why);
		ctl_progress(walk.over ? old : walk.seen, old, " events", began);
	}
	if (!good)
		ctl_error("%s", why);
	printf("%" PRId64 " events removed", walk.removed);
	if (walk.seen > walk.removed)
		printf(", %" PRId64 " kept: their deliveries still wait", walk.seen - walk.removed);
	putchar('\n');
	(void)poke_send(store_editor_path(e));
	store_editor_close(e);
	return good ? CTL_OK : CTL_FAILED;
}

static int run_prune(struct ctl *ctl, int argc, char **argv)
{
	char why[STORE_READ_WHY], *path;
	const char *store = NULL;
	struct store_reader *reader;
	int64_t age = -1, before, old;
	bool dry_run = false, yes = false;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_prune, argc, argv, &status)) >= 0) {
		if (key == 'o' && !ctl_duration("--older-than", optarg, &age))
			return CTL_USAGE;
		else if (key == 'n')
			dry_run = true;
		else if (key == 'y')
			yes = true;
		else if (key == 'D')
			store = optarg;
	}
	if (key == CTL_STOP)
		return status;
	if (age < 0) {
		ctl_error("prune: expected --older-than TIME, such as 90d");
		return CTL_USAGE;
	}
	if (!ctl_operands(&ctl_prune, argc, 0, "options only"))
		return CTL_USAGE;
	reader = ctl_store_open(ctl, store, &path, &status);
	if (reader == NULL)
		return status;
	before = clock_wall() - age;
	status = CTL_FAILED;
	if (!store_space_old(reader, before, &old, why)) {
		ctl_error("%s", why);
	} else if (dry_run || old == 0) {
		printf("%" PRId64 " events are older\n", old);
		status = CTL_OK;
	} else {
		status = confirmed(old, yes) ? prune(path, before, old) : CTL_USAGE;
	}
	store_reader_close(reader);
	free(path);
	return status;
}

static int vacuum(const char *path)
{
	struct store_editor *e = open_store(path);
	int64_t began = clock_steady(), all = 0, left = INT64_MAX, before, size = 0;
	char why[STORE_READ_WHY];
	bool good = e != NULL;

	do {
		before = left;
		good = good && store_space_vacuum(e, &left, &size, why);
		if (all == 0)
			all = left;
		ctl_progress(all - left, all, " pages", began);
	} while (good && left > 0 && left < before);
	if (good)
		printf("%s: %" PRId64 " bytes, %" PRId64 " pages free in it\n", path, size, left);
	else if (e != NULL)
		ctl_error("%s", why);
	store_editor_close(e);
	return good ? CTL_OK : CTL_FAILED;
}

static int run_vacuum(struct ctl *ctl, int argc, char **argv)
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
	reader = ctl_store_open(ctl, store, &path, &status);
	if (reader == NULL)
		return status;
	store_reader_close(reader);
	status = vacuum(path);
	free(path);
	return status;
}

const struct ctl_command ctl_prune = {
	"prune",
	"--older-than TIME [--dry-run] [--yes]",
	"remove old events whose deliveries are all over",
	prune_options,
	run_prune,
};

const struct ctl_command ctl_vacuum = {
	"vacuum",
	"",
	"give the space that removed events left back to the disk",
	vacuum_options,
	run_vacuum,
};
