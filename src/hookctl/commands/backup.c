/* hookctl/commands/backup.c - copies the store to a new file while hookd runs, and checks the
 * copy. Prints
 *   /var/backups/hookd.db: 1048576 bytes, checked */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/ask.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/target.h"
#include "store/maintenance.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>

#define UNIT       512                /* bytes of the smallest page that SQLite has */
#define SIZE_LIMIT ((int64_t)1 << 46) /* bytes */

static const struct ctl_option options[] = {
	{'D', "store", "FILE", "back up this store (the config's)"},
	{0},
};

/* A backup on its way to its file. hookd is not trusted to send what the protocol says. */
struct copying {
	struct ctl_target *target;
	int64_t began; /* steady ms */
	bool failed;   /* reported */
};

static void show_progress(void *arg, int64_t done, int64_t all)
{
	ctl_progress(done, all, " pages", ((const struct copying *)arg)->began);
}

static bool is_place(int64_t n)
{
	return n >= 0 && n <= SIZE_LIMIT && n % UNIT == 0;
}

static bool report_answer(void)
{
	ctl_error("hookd's answer cannot be read: not the pages of a store");
	return false;
}

static bool write_pages(struct ctl_target *target, const json_t *pages)
{
	static unsigned char bytes[STORE_BACKUP_PART];
	const json_t *data = json_object_get(pages, "data");
	int64_t at = ctl_answer_number(pages, "at");
	size_t len = 0;

	if (!json_is_integer(json_object_get(pages, "at")) || !is_place(at) ||
		!json_is_string(data) ||
		sodium_base642bin(bytes, sizeof(bytes), json_string_value(data),
			json_string_length(data), NULL, &len, NULL,
			sodium_base64_VARIANT_ORIGINAL) != 0 ||
		len == 0 || !is_place(at + (int64_t)len))
		return report_answer();
	return ctl_target_write(target, at, bytes, len);
}

static bool take_pages(void *arg, const json_t *pages)
{
	struct copying *c = arg;

	c->failed = c->failed || !write_pages(c->target, pages);
	return !c->failed;
}

static bool is_whole(struct ctl_ask *ask, const struct copying *c, int status)
{
	if (status == CTL_OK && !c->failed && ctl_ask_stopped(ask))
		ctl_error("stopped; no file was made");
	return status == CTL_OK && !c->failed && !ctl_ask_stopped(ask);
}

static bool copy_store(struct ctl_ask *ask, struct copying *c, int64_t *size)
{
	if (!is_whole(ask, c, ctl_ask(ask, json_pack("{s:s}", "act", "backup"))))
		return false;
	*size = ctl_answer_number(ask->exchange.done, "size");
	if (!is_place(*size))
		return report_answer();
	return ctl_target_truncate(c->target, *size);
}

static int back_up(struct ctl_ask *ask, struct ctl_target *target)
{
	struct copying c = {.target = target, .began = clock_steady()};
	int64_t size;

	ask->exchange.progress = show_progress;
	ask->exchange.pages = take_pages;
	ask->exchange.arg = &c;
	if (!copy_store(ask, &c, &size) ||
		!is_whole(ask, &c, ctl_ask_check_copy(ask, target->file)) ||
		!ctl_target_finish(target))
		return CTL_FAILED;
	printf("%s: %" PRId64 " bytes, checked\n", target->path, size);
	return CTL_OK;
}

static int open_and_back_up(struct ctl_ask *ask, const char *file)
{
	struct ctl_target target;
	int status = CTL_FAILED;

	(void)signal(SIGXFSZ, SIG_IGN); /* an error of write(2) */
	if (ctl_target_open(&target, file)) {
		status = back_up(ask, &target);
		ctl_target_close(&target);
	}
	return status;
}

static int backup_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct ctl_ask ask;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_backup, argc, argv, &status)) >= 0)
		store = optarg;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_backup, argc, 1, "the FILE to create"))
		return CTL_USAGE;
	status = ctl_ask_begin(&ask, ctl, store);
	if (status == CTL_OK)
		status = open_and_back_up(&ask, argv[optind]);
	ctl_ask_end(&ask);
	return status;
}

const struct ctl_command ctl_backup = {
	"backup",
	"FILE",
	"copy the whole store to a new file and check it, while hookd runs",
	options,
	backup_command,
};
