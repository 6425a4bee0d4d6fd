/* hookctl/commands/quarantine.c - events with a good signature whose type could not be read:
 * list and show print what `events --quarantined` and `show` print, release gives the event a
 * type, drop removes it. The last two print
 *   event 7: released, 2 hooks to run
 *   event 7: dropped */
#include "commands.h"

#include "base/json.h"
#include "event/event.h"
#include "hookctl/ask.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct ctl_option options[] = {
	{'t', "type", "TYPE", "release: the type to give the event"},
	{'y', "yes", NULL, "drop: do not ask for confirmation"},
	{'j', "json", NULL, "list, show: print JSON"},
	{'D', "store", "FILE", "in this store (the config's)"},
	{0},
};

struct quarantine {
	const char *type;
	char *store;
	bool yes, json;
	int64_t id;
	int64_t hooks; /* release: how many are to run */
};

static bool take_row(void *arg, const json_t *row)
{
	struct quarantine *q = arg;

	q->hooks = ctl_answer_number(row, "hooks");
	return true;
}

/* Takes the request. CTL_OK: it was done. */
static int ask_for(struct ctl *ctl, struct quarantine *q, bool matches, json_t *request)
{
	struct ctl_ask ask;
	int status = ctl_ask_begin(&ask, ctl, q->store);

	ask.matches = matches;
	ask.exchange.row = take_row;
	ask.exchange.arg = q;
	if (status == CTL_OK)
		status = ctl_ask(&ask, request);
	else
		json_decref(request);
	ctl_ask_end(&ask);
	return status;
}

static int release_event(struct ctl *ctl, struct quarantine *q)
{
	int status;

	if (q->type == NULL || *q->type == '\0' || strlen(q->type) > EVENT_TYPE_MAX) {
		ctl_error("release: expected --type TYPE, such as transaction.approved");
		return CTL_USAGE;
	}
	status = ask_for(ctl, q, true,
		json_pack("{s:s, s:I, s:o}", "act", "release", "event", (json_int_t)q->id, "type",
			json_safe_text(q->type)));
	if (status == CTL_OK)
		printf("event %" PRId64 ": released, %" PRId64 " hook%s to run\n", q->id, q->hooks,
			q->hooks == 1 ? "" : "s");
	return status;
}

static bool confirm_drop(const struct quarantine *q)
{
	char question[64];

	if (q->yes)
		return true;
	if (!ctl_interactive()) {
		ctl_error("drop: this removes the event for good: it needs --yes");
		return false;
	}
	(void)snprintf(question, sizeof(question), "Drop event %" PRId64 " for good?", q->id);
	return ctl_confirm(question);
}

static int drop_event(struct ctl *ctl, struct quarantine *q)
{
	int status;

	if (!confirm_drop(q))
		return CTL_USAGE;
	status = ask_for(
		ctl, q, false, json_pack("{s:s, s:I}", "act", "drop", "event", (json_int_t)q->id));
	if (status == CTL_OK)
		printf("event %" PRId64 ": dropped\n", q->id);
	return status;
}

/* Runs another command that prints this. */
static int run_other(
	struct ctl *ctl, const struct ctl_command *command, const struct quarantine *q, char *last)
{
	char name[16], json[] = "--json", store[] = "--store";
	char *argv[6] = {name};
	int argc = 1;

	(void)snprintf(name, sizeof(name), "%s", command->name);
	if (q->json)
		argv[argc++] = json;
	if (q->store != NULL) {
		argv[argc++] = store;
		argv[argc++] = q->store;
	}
	argv[argc++] = last;
	optind = 0;
	return command->run(ctl, argc, argv);
}

static int quarantine_command(struct ctl *ctl, int argc, char **argv)
{
	char only[] = "--quarantined";
	struct quarantine q = {0};
	const char *verb;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_quarantine, argc, argv, &status)) >= 0) {
		if (key == 't')
			q.type = optarg;
		else if (key == 'y')
			q.yes = true;
		else if (key == 'j')
			q.json = true;
		else
			q.store = optarg;
	}
	if (key == CTL_STOP)
		return status;
	verb = optind < argc ? argv[optind] : "";
	if (strcmp(verb, "list") == 0 && argc - optind == 1)
		return run_other(ctl, &ctl_events, &q, only);
	if (argc - optind != 2 || (strcmp(verb, "show") != 0 && strcmp(verb, "release") != 0 &&
					  strcmp(verb, "drop") != 0)) {
		ctl_error("quarantine: expected list, show ID, release ID --type TYPE, or drop ID");
		return CTL_USAGE;
	}
	if (!ctl_number("ID", argv[optind + 1], 1, INT64_MAX, &q.id))
		return CTL_USAGE;
	if (strcmp(verb, "show") == 0)
		return run_other(ctl, &ctl_show, &q, argv[optind + 1]);
	return strcmp(verb, "drop") == 0 ? drop_event(ctl, &q) : release_event(ctl, &q);
}

const struct ctl_command ctl_quarantine = {
	"quarantine",
	"list | show ID | release ID --type TYPE | drop ID [--yes]",
	"list events without a readable type, release them with one, or drop them",
	options,
	quarantine_command,
};
