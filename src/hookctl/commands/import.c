/* hookctl/commands/import.c - imports events from a file of JSON lines: each as `export
 * --format ndjson` writes it, or the body of an event as its sender would post it. An event that
 * the store has is not imported twice. Prints
 *   12 events imported, 3 there already, 1 refused; 12 deliveries SKIPPED: hookctl replay …
 * and the reason for each refused line on stderr. */
#include "commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "hookctl/ask.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct ctl_option options[] = {
	{'r', "run", NULL, "run the hooks; otherwise their deliveries are SKIPPED"},
	{'s', "source", "NAME", "the source of lines that name none (the only one)"},
	{'n', "dry-run", NULL, "only print what would be imported"},
	{'D', "store", "FILE", "into this store (the config's)"},
	{0},
};

#define FAULTS_MAX 20 /* reported one by one; then only counted */

struct import {
	struct ctl_ask ask;
	const char *path, *source, *store;
	bool run, dry_run;
	int64_t size; /* of the file; 0: unknown */
	int64_t began;
	int64_t faults;
};

static void report_fault(void *arg, const json_t *fault)
{
	struct import *im = arg;

	if (++im->faults <= FAULTS_MAX)
		ctl_error("%s, line %" PRId64 ": %s", im->path, ctl_answer_number(fault, "line"),
			ctl_answer_text(fault, "text"));
}

/* The only rows there are. */
static bool report_repaired(void *arg, const json_t *row)
{
	(void)arg;
	ctl_error("line %" PRId64 ": the damaged payload of this event was repaired",
		ctl_answer_number(row, "line"));
	return true;
}

static void show_progress(void *arg, int64_t done, int64_t all)
{
	const struct import *im = arg;

	(void)all; /* hookd does not know the file's size */
	if (im->size > 0)
		ctl_progress(done < im->size ? done : im->size, im->size, " bytes", im->began);
}

static json_t *make_request(const struct import *im)
{
	json_t *request = json_pack("{s:s}", "act", "import");

	if (im->run)
		ctl_ask_add(&request, "run", json_true());
	if (im->dry_run)
		ctl_ask_add(&request, "dry_run", json_true());
	if (im->source != NULL)
		ctl_ask_add(&request, "source", json_safe_text(im->source));
	return request;
}

static void print_totals(const struct import *im)
{
	const json_t *done = im->ask.exchange.done;
	int64_t imported = ctl_answer_number(done, "imported");
	int64_t to_run = ctl_answer_number(done, "to_run");

	if (im->faults > FAULTS_MAX)
		ctl_error("%" PRId64 " more lines cannot be imported", im->faults - FAULTS_MAX);
	printf("%" PRId64 " event%s %s, %" PRId64 " there already, %" PRId64 " refused; %" PRId64
	       " deliver%s %s\n",
		imported, imported == 1 ? "" : "s", im->dry_run ? "to import" : "imported",
		ctl_answer_number(done, "there"), ctl_answer_number(done, "refused"), to_run,
		to_run == 1 ? "y" : "ies",
		im->run ? "to run" : "SKIPPED: hookctl replay --state skipped runs them");
}

static int report_end(const struct import *im)
{
	if (im->ask.exchange.input_error != 0)
		ctl_error("%s: %s", im->path, strerror(im->ask.exchange.input_error));
	else if (ctl_ask_stopped(&im->ask))
		ctl_error("stopped; run the same command again for the rest: no event is imported "
			  "twice");
	else
		return im->faults == 0 ? CTL_OK : CTL_FAILED;
	return CTL_FAILED;
}

static int import_lines(struct import *im)
{
	int status;

	im->began = clock_steady();
	im->ask.matches = true;
	im->ask.only_reads = im->dry_run;
	im->ask.exchange.row = report_repaired;
	im->ask.exchange.fault = report_fault;
	im->ask.exchange.progress = show_progress;
	im->ask.exchange.arg = im;
	status = ctl_ask(&im->ask, make_request(im));
	if (im->ask.exchange.done != NULL)
		print_totals(im);
	return status == CTL_OK ? report_end(im) : status;
}

/* Before hookctl gives up root. */
static bool open_file(struct import *im, const char *path)
{
	struct stat sb;

	im->path = path;
	im->ask.exchange.input = STDIN_FILENO;
	if (strcmp(path, "-") == 0) {
		im->path = "standard input";
		return true;
	}
	im->ask.exchange.input = open(path, O_RDONLY | O_CLOEXEC);
	if (im->ask.exchange.input < 0) {
		ctl_error("%s: %s", path, strerror(errno));
		return false;
	}
	if (fstat(im->ask.exchange.input, &sb) == 0 && S_ISREG(sb.st_mode))
		im->size = sb.st_size;
	return true;
}

static int open_and_import(struct import *im, const char *path)
{
	int status = CTL_FAILED;

	if (open_file(im, path))
		status = import_lines(im);
	if (im->ask.exchange.input > STDIN_FILENO)
		(void)close(im->ask.exchange.input);
	return status;
}

static int import_command(struct ctl *ctl, int argc, char **argv)
{
	struct import im = {0};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_import, argc, argv, &status)) >= 0) {
		if (key == 'r')
			im.run = true;
		else if (key == 's')
			im.source = optarg;
		else if (key == 'n')
			im.dry_run = true;
		else
			im.store = optarg;
	}
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_import, argc, 1, "the FILE, or - for standard input"))
		return CTL_USAGE;
	status = ctl_ask_begin(&im.ask, ctl, im.store);
	if (status == CTL_OK)
		status = open_and_import(&im, argv[optind]);
	ctl_ask_end(&im.ask);
	return status;
}

const struct ctl_command ctl_import = {
	"import",
	"[--run] [--source NAME] [--dry-run] FILE",
	"import events from JSON lines, each once",
	options,
	import_command,
};
