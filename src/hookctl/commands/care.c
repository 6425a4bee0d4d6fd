/* hookctl backup and check: a copy of the store, and whether it is sound. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "store/care.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct ctl_option backup_options[] = {
	{'D', "store", "FILE", "of this store (the config's)"},
	{0},
};

static const struct ctl_option check_options[] = {
	{'f', "full", NULL, "also compare indexes and payloads: takes longer"},
	{'D', "store", "FILE", "this store (the config's)"},
	{0},
};

struct care {
	int64_t began;
	size_t faults, payloads; /* of the faults, those of payloads */
};

static void show(void *arg, int64_t done, int64_t all)
{
	const struct care *care = arg;
	char span[CTL_SPAN];

	if (all > 0) {
		ctl_progress(done, all, " pages", care->began);
	} else if (isatty(STDERR_FILENO) == 1) {
		ctl_span_format((clock_steady() - care->began) / 1000, span);
		fprintf(stderr, "\rlooking for %s \033[K", span);
	}
}

static int backup(struct store_reader *reader, const char *file)
{
	struct care care = {.began = clock_steady()};
	char why[STORE_READ_WHY];
	struct stat sb;

	if (!store_backup(reader, file, show, &care, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	if (stat(file, &sb) == 0)
		printf("%s: %lld bytes, checked\n", file, (long long)sb.st_size);
	return CTL_OK;
}

static void fault_seen(void *arg, enum store_fault kind, const char *fault)
{
	struct care *care = arg;
	struct buf line = {0};

	care->faults++;
	care->payloads += kind == STORE_FAULT_PAYLOAD;
	buf_add_escaped(&line, fault, strlen(fault), '\0');
	printf("%s\n", line.data != NULL ? line.data : "");
	buf_free(&line);
}

static int check(struct store_reader *reader, const char *path, bool full)
{
	struct care care = {.began = clock_steady()};
	char why[STORE_READ_WHY];

	if (!store_check(reader, full, fault_seen, show, &care, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	if (isatty(STDERR_FILENO) == 1)
		fputs("\r\033[K", stderr);
	if (care.faults == 0) {
		printf("%s: sound\n", path);
		return CTL_OK;
	}
	if (care.faults == care.payloads) {
		ctl_error(
			"%s: sound but for payloads. Have these events sent again, or import them "
			"from an export of before: that mends them",
			path);
		return CTL_FAILED;
	}
	ctl_error(
		"%s: not sound. Stop hookd, keep this file, and put the last backup in its place; "
		"FedaPay's dashboard can send again what came since",
		path);
	return CTL_FAILED;
}

static int run_backup(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct store_reader *reader;
	char *path;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_backup, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_backup, argc, 1, "the FILE to make"))
		return CTL_USAGE;
	reader = ctl_store_open(ctl, store, &path, &status);
	if (reader == NULL)
		return status;
	status = backup(reader, argv[optind]);
	free(path);
	store_reader_close(reader);
	return status;
}

static int run_check(struct ctl *ctl, int argc, char **argv)
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
	status = check(reader, path, full);
	free(path);
	store_reader_close(reader);
	return status;
}

const struct ctl_command ctl_backup = {
	"backup",
	"FILE",
	"copy the store to a new file, whole and checked, while hookd runs",
	backup_options,
	run_backup,
};

const struct ctl_command ctl_check = {
	"check",
	"[--full]",
	"is the store sound?",
	check_options,
	run_check,
};
