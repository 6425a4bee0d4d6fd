/* hookctl/commands/check.c - verifies the store. Prints "/var/lib/hookd/hookd.db: sound", or
 * each fault on a line and what to do about them. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/ask.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct ctl_option options[] = {
	{'f', "full", NULL, "also compare indexes and payloads, which takes longer"},
	{'D', "store", "FILE", "check this store (the config's)"},
	{0},
};

static void show_progress(void *arg, int64_t done, int64_t all)
{
	ctl_progress(done, all, " pages", *(const int64_t *)arg);
}

static void print_fault(void *arg, const json_t *fault)
{
	const char *text = ctl_answer_text(fault, "text");
	struct buf line = {0};

	(void)arg;
	buf_add_escaped(&line, text, strlen(text), '\0');
	printf("%s\n", line.data != NULL ? line.data : "");
	buf_free(&line);
}

static int print_result(const struct ctl_ask *ask)
{
	int64_t faults = ctl_answer_number(ask->exchange.done, "faults");

	if (ctl_ask_stopped(ask))
		ctl_error("stopped: %" PRId64 " faults until then", faults);
	else if (faults == 0)
		printf("%s: sound\n", ask->store);
	else if (faults == ctl_answer_number(ask->exchange.done, "damaged_payloads"))
		ctl_error("%s: sound except for payloads. To repair them, have these events sent "
			  "again, or import them from an earlier export",
			ask->store);
	else
		ctl_error("%s: not sound. Stop hookd, keep this file, and put the last backup in "
			  "its place; then have the sender send the events since again",
			ask->store);
	return faults == 0 && !ctl_ask_stopped(ask) ? CTL_OK : CTL_FAILED;
}

static int check_store(struct ctl_ask *ask, bool full)
{
	json_t *request = json_pack("{s:s}", "act", "check");
	int64_t began = clock_steady();
	int status;

	ask->only_reads = true;
	ask->exchange.fault = print_fault;
	ask->exchange.progress = show_progress;
	ask->exchange.arg = &began;
	if (full)
		ctl_ask_add(&request, "full", json_true());
	status = ctl_ask(ask, request);
	return status == CTL_OK ? print_result(ask) : status;
}

static int check_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct ctl_ask ask;
	bool full = false;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_check, argc, argv, &status)) >= 0) {
		if (key == 'f')
			full = true;
		else
			store = optarg;
	}
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_check, argc, 0, "options only"))
		return CTL_USAGE;
	status = ctl_ask_begin(&ask, ctl, store);
	if (status == CTL_OK)
		status = check_store(&ask, full);
	ctl_ask_end(&ask);
	return status;
}

const struct ctl_command ctl_check = {
	"check",
	"[--full]",
	"check whether the store is sound",
	options,
	check_command,
};
