/* hookctl/commands/replay.c - runs deliveries again, each as a new delivery. Prints a line for
 * each:
 *   event 7  ship-order  DEAD delivery 12 again as 31
 * with --json {"event":7,"hook":"ship-order","state":"DEAD","replays":12,"delivery":31}; for
 * more than 100 only "120 deliveries run again" and a progress bar. hookctl/change.c finds and
 * changes them. */
#include "commands.h"

#include "hookctl/change.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#define RATE_MAX 1000000

static const struct ctl_option options[] = {
	{'s', "state", "STATE", "done, dead or skipped deliveries"},
	{'k', "hook", "HOOK", "deliveries of this hook"},
	{'t', "since", "TIME", "ended since: 2h, 3d, 2026-06-30, …T22:50:00Z"},
	{'r', "rate", "N/s", "at most N a second"},
	{'a', "again", NULL, "also what once: entity would skip"},
	{'n', "dry-run", NULL, "only print what would be done"},
	{'y', "yes", NULL, "do not ask for confirmation"},
	{'j', "json", NULL, "print one JSON object a line"},
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

static bool read_state(struct ctl_change *c, const char *text)
{
	static const char *const ended[] = {"done", "dead", "skipped"};

	for (size_t i = 0; i < sizeof(ended) / sizeof(ended[0]); i++)
		if (strcasecmp(text, ended[i]) == 0) {
			c->state = ended[i];
			return true;
		}
	ctl_error("--state: expected done, dead or skipped; deliveries that wait need no replay");
	return false;
}

/* "50/s", or "50". */
static bool read_rate(struct ctl_change *c, const char *text)
{
	char number[24] = "";
	size_t len = strlen(text);

	if (len > 2 && strcmp(text + len - 2, "/s") == 0)
		len -= 2;
	if (len < sizeof(number))
		memcpy(number, text, len);
	return ctl_number("--rate", number, 1, RATE_MAX, &c->rate);
}

static bool read_replay_options(
	struct ctl *ctl, int argc, char **argv, struct ctl_change *c, int *status)
{
	bool good = true;
	int key;

	while (good && (key = ctl_next_option(ctl, &ctl_replay, argc, argv, status)) >= 0) {
		if (key == 's')
			good = read_state(c, optarg);
		else if (key == 't')
			good = ctl_moment("--since", optarg, &c->since);
		else if (key == 'r')
			good = read_rate(c, optarg);
		else if (key == 'a')
			c->again = true;
		else
			ctl_change_option(c, key);
	}
	if (!good || key == CTL_STOP)
		return false;
	if (optind < argc || c->state != NULL || c->hook != NULL || c->since != 0)
		return true;
	ctl_error("replay: expected an EVENT id, or at least one of --state, --hook and "
		  "--since");
	return false;
}

static void add_replayed(struct buf *out, const struct ctl_changed *c)
{
	buf_printf(out, " again as %" PRId64, c->made);
}

static void add_replayed_json(struct buf *out, const struct ctl_changed *c)
{
	buf_printf(out, "\"replays\":%" PRId64 ",\"delivery\":", c->delivery);
	if (c->made != 0)
		buf_printf(out, "%" PRId64, c->made);
	else
		buf_add_text(out, "null");
}

static const struct ctl_change_kind replay = {
	.act = "replay",
	.question = "Run %lld deliveries again?",
	.summary = "%lld deliveries run again",
	.nothing = "nothing to replay: no such delivery has ended without a replay since",
	.add_text = add_replayed,
	.add_json = add_replayed_json,
};

static int replay_command(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_change c = {.kind = &replay};
	int status = CTL_USAGE;

	if (!read_replay_options(ctl, argc, argv, &c, &status))
		return status;
	return ctl_change_run(ctl, &c, argc - optind, argv + optind);
}

const struct ctl_command ctl_replay = {
	"replay",
	"[EVENT …] [--state STATE] [--hook HOOK] [--since TIME] [--rate N/s] [--again] [--dry-run] "
	"[--yes]",
	"run deliveries again, each as a new one",
	options,
	replay_command,
};
