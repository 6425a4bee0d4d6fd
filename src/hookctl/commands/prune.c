/* hookctl/commands/prune.c - removes old events by hand. Prints "12 events removed", and how
 * many were kept because their deliveries still wait; with --dry-run only how many are that old. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/ask.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>

static const struct ctl_option options[] = {
	{'o', "older-than", "TIME", "received longer ago than this: 90d, 2026-06-30"},
	{'n', "dry-run", NULL, "only print how many"},
	{'y', "yes", NULL, "do not ask for confirmation"},
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

struct prune {
	struct ctl_ask ask;
	const char *store;
	const char *older_than; /* NULL: not given */
	int64_t before;         /* unix ms */
	bool dry_run, yes;
	int64_t began;
};

static bool read_prune_options(struct ctl *ctl, struct prune *p, int argc, char **argv, int *status)
{
	int key;

	while ((key = ctl_next_option(ctl, &ctl_prune, argc, argv, status)) >= 0) {
		if (key == 'o')
			p->older_than = optarg;
		else if (key == 'n')
			p->dry_run = true;
		else if (key == 'y')
			p->yes = true;
		else if (key == 'D')
			p->store = optarg;
	}
	if (key == CTL_STOP)
		return false;
	if (p->older_than == NULL) {
		ctl_error("prune: expected --older-than TIME, such as 90d");
		return false;
	}
	return ctl_moment("--older-than", p->older_than, &p->before) &&
	       ctl_operands(&ctl_prune, argc, 0, "options only");
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

static json_t *make_request(int64_t before, bool dry_run)
{
	json_t *request = json_pack("{s:s, s:I}", "act", "prune", "before", (json_int_t)before);

	if (dry_run)
		ctl_ask_add(&request, "dry_run", json_true());
	return request;
}

static void show_progress(void *arg, int64_t done, int64_t all)
{
	const struct prune *p = arg;

	ctl_progress(done, all, " events", p->began);
}

static void print_removed(const json_t *done)
{
	int64_t kept = ctl_answer_number(done, "kept");

	printf("%" PRId64 " events removed", ctl_answer_number(done, "removed"));
	if (kept > 0)
		printf(", %" PRId64 " kept: their deliveries still wait", kept);
	putchar('\n');
}

static int remove_old(struct prune *p)
{
	int status;

	p->began = clock_steady();
	p->ask.exchange.progress = show_progress;
	p->ask.exchange.arg = p;
	status = ctl_ask(&p->ask, make_request(p->before, false));
	if (p->ask.exchange.done != NULL)
		print_removed(p->ask.exchange.done);
	if (status != CTL_OK || !ctl_ask_stopped(&p->ask))
		return status;
	ctl_error("stopped; run the same command again for the rest");
	return CTL_FAILED;
}

static int prune_store(struct prune *p)
{
	int64_t old;
	int status;

	p->ask.only_reads = true;
	status = ctl_ask(&p->ask, make_request(p->before, true));
	p->ask.only_reads = false;
	if (status != CTL_OK)
		return status;
	old = ctl_answer_number(p->ask.exchange.done, "old");
	if (p->dry_run || old == 0) {
		printf("%" PRId64 " events are older\n", old);
		return CTL_OK;
	}
	if (!p->yes && !confirm_removal(old))
		return CTL_USAGE;
	return remove_old(p);
}

static int prune_command(struct ctl *ctl, int argc, char **argv)
{
	struct prune p = {0};
	int status = CTL_USAGE;

	if (!read_prune_options(ctl, &p, argc, argv, &status))
		return status;
	status = ctl_ask_begin(&p.ask, ctl, p.store);
	if (status == CTL_OK)
		status = prune_store(&p);
	ctl_ask_end(&p.ask);
	return status;
}

const struct ctl_command ctl_prune = {
	"prune",
	"--older-than TIME [--dry-run] [--yes]",
	"remove old events whose deliveries have all ended",
	options,
	prune_command,
};
