/* hookctl/commands/cancel.c - cancels deliveries that wait, or with --dead acknowledges dead
 * ones, which become SKIPPED. Prints a line for each:
 *   event 7  ship-order  READY delivery 12 cancelled
 * with --json {"event":7,"hook":"ship-order","state":"READY","delivery":12,"cancelled":true};
 * for more than 100 only "120 deliveries cancelled" and a progress bar. hookctl/change.c finds and
 * changes them. */
#include "commands.h"

#include "hookctl/change.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <inttypes.h>

static const struct ctl_option options[] = {
	{'k', "hook", "HOOK", "deliveries of this hook"},
	{'d', "dead", NULL, "dead deliveries that were handled by hand, not waiting ones"},
	{'t', "since", "TIME", "with --dead: died since: 2h, 3d, 2026-06-30"},
	{'n', "dry-run", NULL, "only print what would be done"},
	{'y', "yes", NULL, "do not ask for confirmation"},
	{'j', "json", NULL, "print one JSON object a line"},
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

static void add_cancelled(struct buf *out, const struct ctl_changed *c)
{
	(void)c;
	buf_add_text(out, " cancelled");
}

static void add_cancelled_json(struct buf *out, const struct ctl_changed *c)
{
	buf_printf(out, "\"delivery\":%" PRId64 ",\"cancelled\":%s", c->delivery,
		c->made != 0 ? "true" : "false");
}

static const struct ctl_change_kind cancel_waiting = {
	.act = "cancel",
	.question = "Cancel %lld deliveries?",
	.summary = "%lld deliveries cancelled",
	.nothing = "nothing to cancel: no such delivery waits; a running one cannot be cancelled",
	.add_text = add_cancelled,
	.add_json = add_cancelled_json,
};

static const struct ctl_change_kind cancel_dead = {
	.act = "cancel",
	.question = "Cancel %lld dead deliveries?",
	.summary = "%lld dead deliveries cancelled",
	.nothing = "nothing to cancel: no such delivery is dead",
	.add_text = add_cancelled,
	.add_json = add_cancelled_json,
};

static int cancel_command(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_change c = {.kind = &cancel_waiting};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_cancel, argc, argv, &status)) >= 0) {
		if (key == 'd') {
			c.kind = &cancel_dead;
			c.dead = true;
		} else if (key == 't') {
			if (!ctl_moment("--since", optarg, &c.since))
				return CTL_USAGE;
		} else {
			ctl_change_option(&c, key);
		}
	}
	if (key == CTL_STOP)
		return status;
	if (c.since != 0 && !c.dead) {
		ctl_error("cancel: --since needs --dead: a delivery that waits has not ended");
		return CTL_USAGE;
	}
	if (optind == argc && c.hook == NULL && !c.dead) {
		ctl_error("cancel: expected an EVENT id, or --hook");
		return CTL_USAGE;
	}
	return ctl_change_run(ctl, &c, argc - optind, argv + optind);
}

const struct ctl_command ctl_cancel = {
	"cancel",
	"[EVENT …] [--hook HOOK] [--dead] [--since TIME] [--dry-run] [--yes]",
	"cancel deliveries that wait, or dead ones that were handled by hand",
	options,
	cancel_command,
};
