/* hookctl cancel: takes deliveries back that wait, or puts dead ones aside. */
#include "commands.h"

#include "hookctl/change.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <inttypes.h>

static const struct ctl_option options[] = {
	{'k', "hook", "HOOK", "those of this hook"},
	{'d', "dead", NULL, "instead of those that wait the dead ones: a person saw to it"},
	{'t', "since", "TIME", "with --dead: those that died since: 2h, 3d"},
	{'n', "dry-run", NULL, "only say which"},
	{'y', "yes", NULL, "do not ask, however many there are"},
	{'j', "json", NULL, "one JSON object a line"},
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

static void add_text(struct buf *out, const struct ctl_changed *c)
{
	(void)c;
	buf_add_text(out, " cancelled");
}

static void add_json(struct buf *out, const struct ctl_changed *c)
{
	buf_printf(out, "\"delivery\":%" PRId64 ",\"cancelled\":%s", c->delivery,
		c->made != 0 ? "true" : "false");
}

static const struct ctl_change_kind kind = {
	.question = "Cancel %zu deliveries?",
	.summary = "%zu deliveries cancelled",
	.nothing = "nothing to cancel: no such delivery waits; what runs now cannot be taken back",
	.apply = store_cancel,
	.add_text = add_text,
	.add_json = add_json,
};

static const struct ctl_change_kind dead = {
	.question = "Put %zu dead deliveries aside?",
	.summary = "%zu dead deliveries put aside",
	.nothing = "nothing to put aside: no such delivery is dead",
	.apply = store_cancel,
	.add_text = add_text,
	.add_json = add_json,
};

static int cancel_command(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_change c = {.kind = &kind, .filter.set = STORE_CHANGE_WAITING};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_cancel, argc, argv, &status)) >= 0) {
		if (key == 'd') {
			c.kind = &dead;
			c.filter.set = STORE_CHANGE_DEAD;
		} else if (key == 't') {
			if (!ctl_moment("--since", optarg, &c.filter.since))
				return CTL_USAGE;
		} else {
			ctl_change_option(&c, key);
		}
	}
	if (key == CTL_STOP)
		return status;
	if (c.filter.since != 0 && c.kind != &dead) {
		ctl_error("cancel: --since is for --dead: what waits has not ended");
		return CTL_USAGE;
	}
	if (optind == argc && c.filter.hook == NULL && c.kind != &dead) {
		ctl_error("cancel: expected an EVENT's id, or --hook");
		return CTL_USAGE;
	}
	return ctl_change_run(ctl, &c, argc - optind, argv + optind);
}

const struct ctl_command ctl_cancel = {
	"cancel",
	"[EVENT …] [--hook HOOK] [--dead] [--since TIME] [--dry-run] [--yes]",
	"take back deliveries that wait, or put dead ones aside",
	options,
	cancel_command,
};
