/* hookctl/commands/status.c - is everything all right? Prints the daemon, the store, its counts
 * (counts/counts.h) and what needs attention; the exit status is for monitoring: 0 yes, 1 something
 * needs attention, 2 hookd does not run or there is no store. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/status/status.h"
#include "hookctl/table.h"
#include "store/lock.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	LATE = 10 * 60 * 1000, /* ms: deliveries that have been due for longer should have run */
	PATIENCE = 10000,      /* ms for hookd to answer */
};

static const struct ctl_option options[] = {
	{'j', "json", NULL, "print everything as one JSON object"},
	{'D', "store", "FILE", "report on this store (the config's)"},
	{0},
};

/* ---- the daemon, the file, the counts ---- */

/* Before the store is opened: the audit of hookd knows who asks, even if that is root. */
static void ask_hookd(struct ctl_status *s)
{
	char why[STORE_READ_WHY];
	struct store_lock lock = {0};

	if (ctl_ask_hookd(&s->ask, json_pack("{s:s}", "act", "status"), PATIENCE, &s->silence)) {
		s->hookd = s->ask.exchange.done;
		s->up = true;
		s->pid = ctl_answer_number(s->hookd, "pid");
		s->started = ctl_answer_number(s->hookd, "started");
	} else if (store_lock_holder(s->ask.store, &lock, why)) {
		s->up = lock.held && !lock.hookctl;
		s->worker = lock.hookctl ? lock.pid : 0;
		s->pid = lock.hookctl ? 0 : lock.pid;
		s->started = lock.hookctl ? 0 : lock.taken;
		s->lock_lost = !lock.held && store_lock_is_lost(s->ask.store);
		s->up = s->up || s->lock_lost;
	}
}

/* When the last reload was, unix ms; 0: there was none. */
static int64_t last_reload(const struct ctl_status *s, bool *good)
{
	const json_t *reload = json_object_get(s->hookd, "reload");

	*good = json_is_true(json_object_get(reload, "good"));
	return ctl_answer_number(reload, "at");
}

static int64_t file_size(const char *path, const char *suffix)
{
	struct stat sb;
	char name[4096];

	if ((size_t)snprintf(name, sizeof(name), "%s%s", path, suffix) >= sizeof(name) ||
		stat(name, &sb) != 0)
		return 0;
	return sb.st_size;
}

static int64_t disk_free(const char *path)
{
	struct statvfs fs;

	return statvfs(path, &fs) == 0 ? (int64_t)fs.f_bavail * (int64_t)fs.f_frsize : 0;
}

static void add_size(struct ctl_status *s, int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double size = (double)bytes;
	size_t unit = 0;

	for (; size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		size /= 1024;
	buf_printf(&s->out, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}

static void add_config_text(struct ctl_status *s)
{
	bool good;
	int64_t reloaded = last_reload(s, &good);

	buf_add_text(&s->out, "            version ");
	ctl_status_text(s, ctl_answer_text(s->hookd, "version"));
	if (reloaded != 0) {
		buf_printf(&s->out, ", config %s ", good ? "reloaded" : "refused");
		ctl_status_ago(s, reloaded);
	}
	buf_add_char(&s->out, '\n');
}

static void add_daemon_text(struct ctl_status *s)
{
	const char *colour = !ctl_colour() ? "" : s->up ? CTL_GREEN : CTL_RED;

	buf_printf(&s->out, "hookd       %s%s%s", colour,
		s->up            ? "up"
		: s->worker != 0 ? "down: another hookctl works on the store"
				 : "down: no process has the store open",
		*colour != '\0' ? CTL_PLAIN : "");
	if (s->worker != 0)
		buf_printf(&s->out, ", pid %" PRId64, s->worker);
	if (s->started != 0 && s->pid > 0) {
		buf_printf(&s->out, ", pid %" PRId64 ", started ", s->pid);
		ctl_status_ago(s, s->started);
	}
	buf_add_char(&s->out, '\n');
	if (s->hookd != NULL)
		add_config_text(s);
}

static void add_files_text(struct ctl_status *s)
{
	const int64_t wal = file_size(s->path, "-wal");

	buf_add_text(&s->out, "store       ");
	ctl_status_text(s, s->path);
	buf_add_text(&s->out, "\n            ");
	add_size(s, file_size(s->path, ""));
	if (wal > 0) {
		buf_add_text(&s->out, " and ");
		add_size(s, wal);
		buf_add_text(&s->out, " of WAL");
	}
	buf_add_text(&s->out, ", ");
	add_size(s, disk_free(s->path));
	buf_add_text(&s->out, " free on the disk\n");
}

static void add_counts_text(struct ctl_status *s)
{
	const struct counts_stored *c = &s->counts;

	buf_printf(&s->out,
		"events      %" PRId64 " stored, %" PRId64 " quarantined\n"
		"            %" PRId64 " in the last minute, %" PRId64 " in the last hour, %" PRId64
		" in the last day\n",
		c->events, c->quarantined, c->last_minute, c->last_hour, c->last_day);
	buf_printf(&s->out,
		"deliveries  %" PRId64 " waiting, %" PRId64 " running, %" PRId64 " done, %" PRId64
		" dead, %" PRId64 " skipped\n",
		c->deliveries.waiting, c->deliveries.running, c->done, c->deliveries.dead,
		c->skipped);
	if (c->replayed > 0)
		buf_printf(
			&s->out, "            %" PRId64 " dead ones were replayed\n", c->replayed);
	if (c->oldest_due != 0) {
		buf_add_text(&s->out, "next due    ");
		ctl_status_ago(s, c->oldest_due);
		buf_add_char(&s->out, '\n');
	}
}

static void add_head_text(struct ctl_status *s)
{
	add_daemon_text(s);
	add_files_text(s);
	add_counts_text(s);
}

static void add_daemon_json(struct ctl_status *s)
{
	const json_t *reload = json_object_get(s->hookd, "reload");
	bool good;
	int64_t reloaded = last_reload(s, &good);

	ctl_json_time(&s->json, "since", s->started);
	ctl_json_id(&s->json, "pid", s->pid);
	ctl_json_known(&s->json, "version", ctl_answer_text(s->hookd, "version"));
	ctl_json_id(&s->json, "backlog", ctl_answer_number(s->hookd, "backlog"));
	ctl_json_time(&s->json, "reloaded_at", reloaded);
	ctl_json_known(&s->json, "reload_error",
		reloaded == 0 || good ? NULL : ctl_answer_text(reload, "text"));
}

static void add_head_json(struct ctl_status *s)
{
	const struct counts_stored *c = &s->counts;
	const struct {
		const char *name;
		int64_t number;
	} numbers[] = {{"store_bytes", file_size(s->path, "")},
		{"wal_bytes", file_size(s->path, "-wal")}, {"free_bytes", disk_free(s->path)},
		{"events", c->events}, {"quarantined", c->quarantined},
		{"last_minute", c->last_minute}, {"last_hour", c->last_hour},
		{"last_day", c->last_day}, {"waiting", c->deliveries.waiting},
		{"running", c->deliveries.running}, {"done", c->done},
		{"dead_count", c->deliveries.dead}, {"replayed", c->replayed},
		{"skipped", c->skipped}};

	buf_printf(&s->json, "{\"up\":%s", s->up ? "true" : "false");
	add_daemon_json(s);
	ctl_json_text(&s->json, true, "store", s->path);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		buf_printf(&s->json, ",\"%s\":%" PRId64, numbers[i].name, numbers[i].number);
	ctl_json_time(&s->json, "oldest_due_at", c->oldest_due);
}

/* From 90 % on: an event needs room for all its deliveries. */
static void find_full_backlog(struct ctl_status *s)
{
	const int64_t backlog = ctl_answer_number(s->hookd, "backlog");
	const int64_t waiting = s->counts.deliveries.waiting + s->counts.deliveries.running;

	if (backlog > 0 && waiting >= backlog)
		ctl_status_attention(s, "the backlog is full: requests get 503");
	else if (backlog > 0 && waiting >= backlog - backlog / 10)
		ctl_status_attention(s, "the backlog is nearly full (%" PRId64 " of %" PRId64 ")",
			waiting, backlog);
}

static void add_store_trouble(struct ctl_status *s)
{
	const char *trouble = ctl_answer_text(s->hookd, "store_trouble");

	if (*trouble != '\0')
		ctl_status_attention(s, "%s", trouble);
	if (s->lock_lost)
		ctl_status_attention(s,
			"the store is open, but its lock was removed or replaced: requests "
			"get 503 until hookd is restarted");
}

static void find_problems(struct ctl_status *s)
{
	const struct counts_stored *c = &s->counts;
	bool reloaded;

	if (!s->up)
		ctl_status_attention(s, "hookd does not run");
	add_store_trouble(s);
	if (s->silence.len > 0)
		ctl_status_attention(s, "%s", s->silence.data);
	if (last_reload(s, &reloaded) != 0 && !reloaded)
		ctl_status_attention(s, "the changed config is refused (hookctl reload says why)");
	find_full_backlog(s);
	if (c->deliveries.dead > 0)
		ctl_status_attention(s, "%" PRId64 " dead (hookctl replay, or cancel --dead)",
			c->deliveries.dead);
	if (c->quarantined_last_day > 0)
		ctl_status_attention(
			s, "%" PRId64 " quarantined since yesterday", c->quarantined_last_day);
	if (c->oldest_due != 0 && s->now - c->oldest_due > LATE &&
		json_array_size(json_object_get(s->hookd, "held")) == 0)
		ctl_status_attention(s, "deliveries that are due do not run");
}

static bool add_all(struct ctl_status *s, char why[STORE_READ_WHY])
{
	if (!counts_read(s->reader, s->now, &s->counts, why))
		return false;
	find_problems(s);
	if (s->is_json)
		add_head_json(s);
	else
		add_head_text(s);
	if (!ctl_status_lists(s, why) || !ctl_status_api(s, why))
		return false;
	if (s->is_json) {
		ctl_json_text(&s->json, true, "attention",
			s->attention.len > 0 ? s->attention.data : NULL);
		buf_add_text(&s->json, "}\n");
	} else if (s->attention.len > 0) {
		buf_printf(&s->out, "%sattention   %s%s\n", ctl_colour() ? CTL_YELLOW : "",
			s->attention.data, ctl_colour() ? CTL_PLAIN : "");
	}
	return true;
}

static int print_status(struct ctl_status *s)
{
	char why[STORE_READ_WHY];

	s->now = clock_wall();
	if (!add_all(s, why)) {
		ctl_error("%s", why);
		return CTL_DOWN;
	}
	if (!ctl_print(s->is_json ? &s->json : &s->out))
		return CTL_DOWN;
	return !s->up ? CTL_DOWN : s->attention.len > 0 ? CTL_FAILED : CTL_OK;
}

static int ask_and_print(struct ctl *ctl, struct ctl_status *s)
{
	char *path;
	int status;

	ask_hookd(s);
	s->reader = ctl_store_open(ctl, s->ask.store, &path, &status);
	if (s->reader == NULL)
		return CTL_DOWN;
	s->path = path;
	status = print_status(s);
	store_reader_close(s->reader);
	free(path);
	return status;
}

static int status_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct ctl_status s = {0};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_status, argc, argv, &status)) >= 0) {
		if (key == 'j')
			s.is_json = true;
		else
			store = optarg;
	}
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_status, argc, 0, "options only"))
		return CTL_USAGE;
	status = ctl_ask_begin(&s.ask, ctl, store);
	if (status == CTL_OK)
		status = ask_and_print(ctl, &s);
	ctl_ask_end(&s.ask);
	buf_free(&s.silence);
	buf_free(&s.out);
	buf_free(&s.json);
	buf_free(&s.attention);
	return status;
}

const struct ctl_command ctl_status = {
	"status",
	"[--json]",
	"print whether all is well; exit status 0: yes, 1: needs attention, 2: down",
	options,
	status_command,
};
