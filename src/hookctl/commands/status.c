/* hookctl/commands/status.c - is everything all right? Prints the daemon, the store, its counts
 * (counts/counts.h) and what needs attention; the exit status is for monitoring: 0 yes, 1 something
 * needs attention, 2 hookd does not run or there is no store. */
#include "commands.h"

#include "base/clock.h"
#include "counts/counts.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"
#include "store/notify.h"
#include "store/report.h"
#include "store/status.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

enum {
	SHOWN = 5,            /* dead deliveries, and failing ones */
	LATE = 10 * 60 * 1000 /* ms: deliveries that have been due for longer should have run */
};

static const struct ctl_option options[] = {
	{'j', "json", NULL, "print everything as one JSON object"},
	{'D', "store", "FILE", "report on this store (the config's)"},
	{0},
};

struct status {
	struct store_reader *reader;
	const char *path;
	int64_t now;
	bool up;
	int64_t started, pid; /* hookd's; 0: unknown */
	struct counts_stored counts;
	struct buf out, attention, json;
	bool is_json;
	size_t rows; /* of the list being printed */
};

static void begin_row(struct status *s, const char *title)
{
	if (s->is_json)
		buf_add_text(&s->json, s->rows > 0 ? ",{" : "{");
	else if (s->rows == 0)
		buf_printf(&s->out, "%s\n", title);
	s->rows++;
}

static void add_text(struct status *s, const char *text)
{
	buf_add_escaped(&s->out, text, strlen(text), '\0');
}

static void add_ago(struct status *s, int64_t then)
{
	char span[CTL_SPAN];
	int64_t seconds = (s->now - then) / 1000;

	ctl_span_format(seconds < 0 ? -seconds : seconds, span);
	buf_printf(&s->out, seconds < 0 ? "in %s" : "%s ago", span);
}

static void add_attention(struct status *s, const char *format, ...) PRINTF(2, 3);

static void add_attention(struct status *s, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (s->attention.len > 0)
		buf_add_text(&s->attention, "; ");
	buf_add_escaped(&s->attention, text, strlen(text), '\0');
}

/* ---- each list ---- */

static void add_source(void *arg, const struct store_status_source *row)
{
	struct status *s = arg;

	begin_row(s, "last event");
	if (s->is_json) {
		ctl_json_text(&s->json, false, "source", row->name);
		ctl_json_time(&s->json, "last_event_at", row->last);
		buf_add_char(&s->json, '}');
		return;
	}
	buf_add_text(&s->out, "  ");
	add_text(s, row->name);
	buf_add_text(&s->out, "  ");
	if (row->last != 0)
		add_ago(s, row->last);
	else
		buf_add_text(&s->out, "none yet");
	buf_add_char(&s->out, '\n');
}

static void add_paused(void *arg, const struct store_status_paused *row)
{
	struct status *s = arg;

	add_attention(s, "hook %s is paused", row->hook);
	begin_row(s, "paused");
	if (s->is_json) {
		ctl_json_text(&s->json, false, "hook", row->hook);
		ctl_json_time(&s->json, "since", row->since);
		buf_printf(&s->json, ",\"waiting\":%" PRId64 "}", row->waiting);
		return;
	}
	buf_add_text(&s->out, "  ");
	add_text(s, row->hook);
	buf_add_text(&s->out, "  ");
	add_ago(s, row->since);
	buf_printf(&s->out, ", %" PRId64 " waiting\n", row->waiting);
}

static void add_dead(void *arg, const struct store_report_dead *row)
{
	struct status *s = arg;

	begin_row(s, "dead");
	if (s->is_json) {
		buf_printf(&s->json, "\"event\":%" PRId64, row->event);
		ctl_json_text(&s->json, true, "hook", row->hook);
		ctl_json_time(&s->json, "ended_at", row->ended_at);
		ctl_json_text(&s->json, true, "message", row->message);
		buf_add_char(&s->json, '}');
		return;
	}
	buf_printf(&s->out, "  event %" PRId64 "  ", row->event);
	add_text(s, row->hook);
	buf_add_text(&s->out, "  ");
	add_ago(s, row->ended_at);
	buf_add_text(&s->out, "\n    ");
	add_text(s, row->message);
	buf_add_char(&s->out, '\n');
}

static void add_failing(void *arg, const struct store_status_failing *row)
{
	struct status *s = arg;

	begin_row(s, "failing");
	if (s->is_json) {
		buf_printf(&s->json, "\"event\":%" PRId64, row->event);
		ctl_json_text(&s->json, true, "hook", row->hook);
		buf_printf(&s->json, ",\"failures\":%" PRId64, row->failures);
		ctl_json_time(&s->json, "due_at", row->due_at);
		ctl_json_text(&s->json, true, "message", row->message);
		buf_add_char(&s->json, '}');
		return;
	}
	buf_printf(&s->out, "  event %" PRId64 "  ", row->event);
	add_text(s, row->hook);
	buf_printf(&s->out, "  failed %" PRId64 " time%s, next ", row->failures,
		row->failures == 1 ? "" : "s");
	add_ago(s, row->due_at);
	buf_add_text(&s->out, "\n    ");
	add_text(s, row->message);
	buf_add_char(&s->out, '\n');
}

static bool add_lists(struct status *s, char why[STORE_READ_WHY])
{
	bool good;

	buf_add_text(&s->json, ",\"sources\":[");
	s->rows = 0;
	good = store_status_sources(s->reader, add_source, s, why);
	buf_add_text(&s->json, "],\"paused\":[");
	s->rows = 0;
	good = good && store_status_paused(s->reader, add_paused, s, why);
	buf_add_text(&s->json, "],\"dead\":[");
	s->rows = 0;
	good = good && store_report_dead(s->reader, SHOWN, add_dead, s, why);
	buf_add_text(&s->json, "],\"failing\":[");
	s->rows = 0;
	good = good && store_status_failing(s->reader, SHOWN, add_failing, s, why);
	buf_add_char(&s->json, ']');
	return good;
}

/* ---- the daemon, the file, the counts ---- */

/* hookd writes its pid to STORE.lock once, when it starts. */
static void find_daemon(struct status *s)
{
	struct stat sb;
	char name[4096];
	char text[24];
	FILE *file;

	s->up = store_notify_is_heard(s->path);
	if ((size_t)snprintf(name, sizeof(name), "%s.lock", s->path) >= sizeof(name))
		return;
	file = s->up ? fopen(name, "re") : NULL;
	if (file == NULL)
		return;
	if (fgets(text, sizeof(text), file) != NULL && fstat(fileno(file), &sb) == 0) {
		s->pid = strtoll(text, NULL, 10);
		s->started = (int64_t)sb.st_mtim.tv_sec * 1000;
	}
	fclose(file);
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

static void add_size(struct status *s, int64_t bytes)
{
	static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
	double size = (double)bytes;
	size_t unit = 0;

	for (; size >= 1024 && unit + 1 < sizeof(units) / sizeof(units[0]); unit++)
		size /= 1024;
	buf_printf(&s->out, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
}

static void add_daemon_text(struct status *s)
{
	const char *colour = !ctl_colour() ? "" : s->up ? CTL_GREEN : CTL_RED;

	buf_printf(&s->out, "hookd       %s%s%s", colour,
		s->up ? "up" : "down: no process listens at the store",
		*colour != '\0' ? CTL_PLAIN : "");
	if (s->started != 0 && s->pid > 0) {
		buf_printf(&s->out, ", pid %" PRId64 ", started ", s->pid);
		add_ago(s, s->started);
	}
	buf_add_char(&s->out, '\n');
}

static void add_files_text(struct status *s)
{
	const int64_t wal = file_size(s->path, "-wal");

	buf_add_text(&s->out, "store       ");
	add_text(s, s->path);
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

static void add_counts_text(struct status *s)
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
		add_ago(s, c->oldest_due);
		buf_add_char(&s->out, '\n');
	}
}

static void add_head_text(struct status *s)
{
	add_daemon_text(s);
	add_files_text(s);
	add_counts_text(s);
}

static void add_head_json(struct status *s)
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
	ctl_json_time(&s->json, "since", s->started);
	ctl_json_text(&s->json, true, "store", s->path);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		buf_printf(&s->json, ",\"%s\":%" PRId64, numbers[i].name, numbers[i].number);
	ctl_json_time(&s->json, "oldest_due_at", c->oldest_due);
}

static void find_problems(struct status *s)
{
	const struct counts_stored *c = &s->counts;

	if (!s->up)
		add_attention(s, "hookd does not run");
	if (c->deliveries.dead > 0)
		add_attention(s, "%" PRId64 " dead (hookctl replay, or cancel --dead)",
			c->deliveries.dead);
	if (c->quarantined_last_day > 0)
		add_attention(
			s, "%" PRId64 " quarantined since yesterday", c->quarantined_last_day);
	if (c->oldest_due != 0 && s->now - c->oldest_due > LATE)
		add_attention(s, "deliveries that are due do not run");
}

static bool add_all(struct status *s, char why[STORE_READ_WHY])
{
	if (!counts_read(s->reader, s->now, &s->counts, why))
		return false;
	find_problems(s);
	if (s->is_json)
		add_head_json(s);
	else
		add_head_text(s);
	if (!add_lists(s, why))
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

static int print_status(struct status *s)
{
	char why[STORE_READ_WHY];

	s->now = clock_wall();
	find_daemon(s);
	if (!add_all(s, why)) {
		ctl_error("%s", why);
		return CTL_DOWN;
	}
	if (!ctl_print(s->is_json ? &s->json : &s->out))
		return CTL_DOWN;
	return !s->up ? CTL_DOWN : s->attention.len > 0 ? CTL_FAILED : CTL_OK;
}

static int status_command(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct status s = {0};
	char *path;
	int key, code;

	while ((key = ctl_next_option(ctl, &ctl_status, argc, argv, &code)) >= 0) {
		if (key == 'j')
			s.is_json = true;
		else
			store = optarg;
	}
	if (key == CTL_STOP)
		return code;
	if (!ctl_operands(&ctl_status, argc, 0, "options only"))
		return CTL_USAGE;
	s.reader = ctl_store_open(ctl, store, &path, &code);
	if (s.reader == NULL)
		return code == CTL_FAILED ? CTL_DOWN : code;
	s.path = path;
	code = print_status(&s);
	buf_free(&s.out);
	buf_free(&s.json);
	buf_free(&s.attention);
	free(path);
	store_reader_close(s.reader);
	return code;
}

const struct ctl_command ctl_status = {
	"status",
	"[--json]",
	"print whether all is well; exit status 0: yes, 1: needs attention, 2: down",
	options,
	status_command,
};
