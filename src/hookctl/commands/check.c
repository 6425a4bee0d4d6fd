/* hookctl/commands/check.c - verifies the store. Prints "/var/lib/hookd/hookd.db: sound", or
 * each fault on a line and what to do about them. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/maintenance.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct ctl_option options[] = {
	{'f', "full", NULL, "also compare indexes and payloads, which takes longer"},
	{'D', "store", "FILE", "check this store (the config's)"},
	{0},
};

struct check {
	int64_t began;
	size_t faults, damaged_payloads; /* damaged payloads are faults, too */
};

static void show_progress(void *arg, int64_t done, int64_t all)
{
	const struct check *c = arg;

	ctl_progress(done, all, " pages", c->began);
}

static void print_fault(void *arg, enum store_fault kind, const char *fault)
{
	struct check *c = arg;
	struct buf line = {0};

	c->faults++;
	c->damaged_payloads += kind == STORE_FAULT_PAYLOAD;
	buf_add_escaped(&line, fault, strlen(fault), '\0');
	printf("%s\n", line.data != NULL ? line.data : "");
	buf_free(&line);
}

static int check_store(struct store_reader *reader, const char *path, bool full)
{
	struct check c = {.began = clock_steady()};
	char why[STORE_READ_WHY];

	if (!store_check(reader, full, print_fault, show_progress, &c, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	if (isatty(STDERR_FILENO) == 1)
		fputs("\r\033[K", stderr);
	if (c.faults == 0) {
		printf("%s: sound\n", path);
		return CTL_OK;
	}
	if (c.faults == c.damaged_payloads)
		ctl_error("%s: sound except for payloads. To repair them, have these events sent "
			  "again, or import them from an earlier export",
			path);
	else
		ctl_error("%s: not sound. Stop hookd, keep this file, and put the last backup in "
			  "its place; then have the sender send the events since again",
			path);
	return CTL_FAILED;
}

static int check_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct store_reader *reader;
	bool full = false;
	char *path;
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
	reader = ctl_store_open(ctl, store, &path, &status);
	if (reader == NULL)
		return status;
	status = check_store(reader, path, full);
	free(path);
	store_reader_close(reader);
	return status;
}

const struct ctl_command ctl_check = {
	"check",
	"[--full]",
	"check whether the store is sound",
	options,
	check_command,
};
