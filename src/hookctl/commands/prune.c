/* hookctl/commands/prune.c - removes old events by hand. Prints "12 events removed", and how
 * many were kept because their deliveries still wait; with --dry-run only how many are that old. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/maintenance.h"
#include "store/notify.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct ctl_option options[] = {
	{'o', "older-than", "TIME", "received longer ago than this: 90d"},
	{'n', "dry-run", NULL, "only print how many"},
	{'y', "yes", NULL, "do not ask for confirmation"},
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

struct prune {
	const char *store;
	int64_t age; /* ms; -1: not given */
	bool dry_run, yes;
};

static bool read_prune_options(struct ctl *ctl, struct prune *p, int argc, char **argv, int *status)
{
	int key;

	while ((key = ctl_next_option(ctl, &ctl_prune, argc, argv, status)) >= 0) {
		if (key == 'o' && !ctl_duration("--older-than", optarg, &p->age))
			return false;
		else if (key == 'n')
			p->dry_run = true;
		else if (key == 'y')
			p->yes = true;
		else if (key == 'D')
			p->store = optarg;
	}
	if (key == CTL_STOP)
		return false;
	if (p->age < 0) {
		ctl_error("prune: expected --older-than TIME, such as 90d");
		return false;
	}
	return ctl_operands(&ctl_prune, argc, 0, "options only");
}

static bool confirm_removal(int64_t old)
{
	char question[64];

	if (!ctl_interactive()) {
		ctl_error("prune: this would remove up to %" PRId64 " events for good: it needs "
			  "--yes",
			old);
		return false;
	}
	(void)snprintf(
		question, sizeof(question), "Remove up to %" PRId64 " events for good?", old);
	return ctl_confirm(question);
}

/* `old` events are older than `before`. */
static int remove_old(const char *path, int64_t before, int64_t old)
{
	struct store_prune walk = {.before = before};
	int64_t began = clock_steady();
	char why[STORE_READ_WHY];
	struct store_editor *e = store_editor_open(path, why);
	bool good = true;

	if (e == NULL) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	while (good && !walk.over) {
		good = store_prune(e, &walk, why);
		ctl_progress(walk.over ? old : walk.seen, old, " events", began);
	}
	if (!good)
		ctl_error("%s", why);
	printf("%" PRId64 " events removed", walk.removed);
	if (walk.seen > walk.removed)
		printf(", %" PRId64 " kept: their deliveries still wait", walk.seen - walk.removed);
	putchar('\n');
	(void)store_notify_send(store_editor_path(e));
	store_editor_close(e);
	return good ? CTL_OK : CTL_FAILED;
}

static int prune_store(const struct prune *p, struct store_reader *reader, const char *path)
{
	int64_t before = clock_wall() - p->age, old;
	char why[STORE_READ_WHY];

	if (!store_old_count(reader, before, &old, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	if (p->dry_run || old == 0) {
		printf("%" PRId64 " events are older\n", old);
		return CTL_OK;
	}
	if (!p->yes && !confirm_removal(old))
		return CTL_USAGE;
	return remove_old(path, before, old);
}

static int prune_command(struct ctl *ctl, int argc, char **argv)
{
	struct prune p = {.age = -1};
	struct store_reader *reader;
	char *path;
	int status = CTL_USAGE;

	if (!read_prune_options(ctl, &p, argc, argv, &status))
		return status;
	reader = ctl_store_open(ctl, p.store, &path, &status);
	if (reader == NULL)
		return status;
	status = prune_store(&p, reader, path);
	store_reader_close(reader);
	free(path);
	return status;
}

const struct ctl_command ctl_prune = {
	"prune",
	"--older-than TIME [--dry-run] [--yes]",
	"remove old events whose deliveries have all ended",
	options,
	prune_command,
};
