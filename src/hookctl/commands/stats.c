/* hookctl/commands/stats.c - counts events, and what became of their deliveries, by day, hour,
 * type or hook:
 *               events  done  dead  skipped
 *   2026-06-30     120   240     1        0
 * with --plot as bars, with --json one object a line. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/filter.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"
#include "store/stats.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct ctl_option options[] = {
	{'b', "by", "WHAT", "day (the default), hour, type or hook"},
	{'f', "since", "TIME", "since: 2h, 3d, 2026-06-30T22:50:00Z (30d; by hour 24h)"},
	{'u', "until", "TIME", "until (now)"},
	{'p', "plot", NULL, "draw bars"},
	{'j', "json", NULL, "print one JSON object a line"},
	{'U', "utc", NULL, "days and hours in UTC, not local"},
	{'D', "store", "FILE", "read this store (the config's)"},
	{0},
};

enum {
	ROWS_MAX = 5000,
	PLOT_WIDTH = 80, /* columns, if there is no terminal */
	PLOT_LEAST = 10,
};

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)

enum by { BY_DAY, BY_HOUR, BY_TYPE, BY_HOOK };

static const char *const by_names[] = {"day", "hour", "type", "hook"};

struct row {
	char *name; /* its first column */
	int64_t from;
	int64_t events, done, dead, skipped, waiting;
};

struct stats {
	struct store_reader *reader;
	enum by by;
	bool plot, json;
	int64_t since, until;
	struct row *rows;
	size_t count;
	bool failed;
};

static void add_row(struct stats *st, const char *name, int64_t from, const struct store_stats *row)
{
	struct row *more = reallocarray(st->rows, st->count + 1, sizeof(*more));

	if (more != NULL) {
		st->rows = more;
		more[st->count] = (struct row){strdup(name), from, row->events, row->done,
			row->dead, row->skipped, row->waiting};
		st->failed |= more[st->count++].name == NULL;
	}
	st->failed |= more == NULL;
}

static void add_named_row(void *arg, const struct store_stats *row)
{
	add_row(arg, row->name != NULL ? row->name : "", 0, row);
}

static void copy_counts(void *arg, const struct store_stats *row)
{
	*(struct store_stats *)arg = *row;
}

/* The start of the local day or hour that contains the time, `steps` later. */
static int64_t period_start(int64_t ms, enum by by, int steps)
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	if (localtime_r(&seconds, &tm) == NULL)
		return ms;
	tm.tm_min = tm.tm_sec = 0;
	if (by == BY_DAY) {
		tm.tm_hour = 0;
		tm.tm_mday += steps;
		tm.tm_isdst = -1;
		return (int64_t)mktime(&tm) * 1000;
	}
	return (int64_t)mktime(&tm) * 1000 + steps * HOUR;
}

static bool count_by_time(struct stats *st, char why[STORE_READ_WHY])
{
	for (int64_t from = period_start(st->since, st->by, 0), to; from < st->until; from = to) {
		struct store_stats all = {0};
		time_t seconds = (time_t)(from / 1000);
		char name[32] = "";
		struct tm tm;

		to = period_start(from + (st->by == BY_DAY ? DAY / 2 : 0), st->by, 1);
		if (to <= from)
			to = from + HOUR; /* clocks were set back: this hour occurs twice */
		if (localtime_r(&seconds, &tm) != NULL)
			(void)strftime(name, sizeof(name), "%Y-%m-%d %H:00", &tm);
		if (st->by == BY_DAY)
			name[sizeof("2026-06-30") - 1] = '\0';
		if (!store_stats_between(st->reader, from < st->since ? st->since : from,
			    to > st->until ? st->until : to, copy_counts, &all, why))
			return false;
		add_row(st, name, from, &all);
	}
	return true;
}

static bool count_rows(struct stats *st, char why[STORE_READ_WHY])
{
	if (st->by == BY_TYPE)
		return store_stats_types(st->reader, st->since, st->until, add_named_row, st, why);
	if (st->by == BY_HOOK)
		return store_stats_hooks(st->reader, st->since, st->until, add_named_row, st, why);
	return count_by_time(st, why);
}

static bool print_json(const struct stats *st)
{
	struct buf out = {0};
	bool written;

	for (size_t i = 0; i < st->count; i++) {
		const struct row *r = &st->rows[i];

		buf_add_char(&out, '{');
		ctl_json_text(&out, false, by_names[st->by], r->name);
		if (r->from != 0)
			ctl_json_time(&out, "from", r->from);
		if (st->by != BY_HOOK)
			buf_printf(&out, ",\"events\":%" PRId64, r->events);
		if (st->by != BY_TYPE)
			buf_printf(&out,
				",\"done\":%" PRId64 ",\"dead\":%" PRId64 ",\"skipped\":%" PRId64,
				r->done, r->dead, r->skipped);
		if (st->by == BY_HOOK)
			buf_printf(&out, ",\"waiting\":%" PRId64, r->waiting);
		buf_add_text(&out, "}\n");
	}
	written = ctl_print(&out);
	buf_free(&out);
	return written;
}

/* A bar of eighths of a column. */
static void add_bar(struct buf *out, int64_t value, int64_t most, size_t width)
{
	static const char *const parts[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	uint64_t eighths = most > 0 ? (uint64_t)value * width * 8 / (uint64_t)most : 0;

	if (value > 0 && eighths == 0)
		eighths = 1;
	for (uint64_t i = 0; i < eighths / 8; i++)
		buf_add_text(out, "█");
	buf_add_text(out, parts[eighths % 8]);
}

static int64_t plotted(const struct stats *st, const struct row *r)
{
	return st->by == BY_HOOK ? r->done + r->dead : r->events;
}

struct plot {
	size_t name_width, number_width, bar_width;
	int64_t most;
};

static void measure_plot(const struct stats *st, struct plot *p, struct buf *name)
{
	size_t screen = ctl_screen() == 0 ? PLOT_WIDTH : ctl_screen(), used;

	for (size_t i = 0; i < st->count; i++) {
		int64_t value = plotted(st, &st->rows[i]);
		size_t digits = (size_t)snprintf(NULL, 0, "%" PRId64, value);

		buf_clear(name);
		ctl_cell(name, st->rows[i].name);
		if (name->data != NULL && ctl_width(name->data) > p->name_width)
			p->name_width = ctl_width(name->data);
		p->number_width = digits > p->number_width ? digits : p->number_width;
		p->most = value > p->most ? value : p->most;
	}
	used = p->name_width + p->number_width + 3;
	p->bar_width = screen > used + PLOT_LEAST ? screen - used : PLOT_LEAST;
}

static bool print_plot(const struct stats *st)
{
	struct buf out = {0}, name = {0};
	struct plot p = {0};
	bool written;

	measure_plot(st, &p, &name);
	for (size_t i = 0; i < st->count; i++) {
		int64_t value = plotted(st, &st->rows[i]);

		buf_clear(&name);
		ctl_cell(&name, st->rows[i].name);
		buf_add(&out, name.data, name.len);
		for (size_t k = ctl_width(name.data != NULL ? name.data : ""); k < p.name_width;
			k++)
			buf_add_char(&out, ' ');
		buf_printf(&out, "  %*" PRId64 " ", (int)p.number_width, value);
		add_bar(&out, value, p.most, p.bar_width);
		buf_add_char(&out, '\n');
	}
	out.failed |= name.failed;
	written = ctl_print(&out);
	buf_free(&name);
	buf_free(&out);
	return written;
}

static bool print_table(const struct stats *st)
{
	static const struct ctl_column by_time[] = {{"", false, 0, 0, 0}, {"events", true, 0, 0, 0},
		{"done", true, 0, 0, 0}, {"dead", true, 0, 0, 0}, {"skipped", true, 0, 0, 0}},
				       by_type[] = {{"type", false, 1, 20, 8},
					       {"events", true, 0, 0, 0}},
				       by_hook[] = {{"hook", false, 1, 20, 8},
					       {"done", true, 0, 0, 0}, {"dead", true, 0, 0, 0},
					       {"skipped", true, 0, 0, 0},
					       {"waiting", true, 0, 0, 0}};
	struct ctl_table t = {.columns = st->by == BY_TYPE   ? by_type
					 : st->by == BY_HOOK ? by_hook
							     : by_time,
		.column_count = st->by == BY_TYPE ? 2 : 5};
	bool written;

	for (size_t i = 0; i < st->count; i++) {
		const struct row *r = &st->rows[i];
		const int64_t numbers[] = {r->events, r->done, r->dead, r->skipped, r->waiting};
		const int64_t *from = st->by == BY_HOOK ? numbers + 1 : numbers;
		struct buf *cells =
			ctl_table_row(&t, r->dead > 0 ? CTL_RED : NULL, st->by == BY_HOOK ? 2 : 3);

		ctl_cell(&cells[0], r->name);
		for (size_t c = 1; c < t.column_count; c++)
			buf_printf(&cells[c], "%" PRId64, from[c - 1]);
	}
	written = ctl_table_print(&t);
	ctl_table_free(&t);
	return written;
}

static bool read_by(struct stats *st, const char *word)
{
	for (size_t i = 0; i < sizeof(by_names) / sizeof(by_names[0]); i++) {
		if (strcmp(word, by_names[i]) != 0)
			continue;
		st->by = (enum by)i;
		return true;
	}
	ctl_error("stats: --by: expected day, hour, type or hook");
	return false;
}

/* Sets the default times and refuses more rows than ROWS_MAX. */
static bool set_times(struct stats *st, const struct ctl_filter *filter)
{
	int64_t now = clock_wall();

	st->until = filter->filter.until != 0 ? filter->filter.until : now + 1;
	st->since = filter->filter.since;
	if (st->since == 0)
		st->since = st->until - (st->by == BY_HOUR ? DAY : 30 * DAY);
	if (st->since >= st->until) {
		ctl_error("stats: --since must be before --until");
		return false;
	}
	if (st->by <= BY_HOUR &&
		(st->until - st->since) / (st->by == BY_DAY ? DAY : HOUR) > ROWS_MAX) {
		ctl_error("stats: more than %d %ss; expected a later --since", ROWS_MAX,
			by_names[st->by]);
		return false;
	}
	return true;
}

static int count_and_print(struct stats *st)
{
	char why[STORE_READ_WHY];

	if (!count_rows(st, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	if (st->failed) {
		ctl_error("out of memory");
		return CTL_FAILED;
	}
	if (st->count == 0 && !st->json) {
		fputs("nothing to count\n", stderr);
		return CTL_OK;
	}
	return (st->json          ? print_json(st)
		       : st->plot ? print_plot(st)
				  : print_table(st))
		       ? CTL_OK
		       : CTL_FAILED;
}

static int stats_command(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_filter filter = {0};
	struct stats st = {0};
	char *name;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_stats, argc, argv, &status)) >= 0) {
		bool good = true;

		if (key == 'b')
			good = read_by(&st, optarg);
		else if (key == 'p')
			st.plot = true;
		else
			good = ctl_filter_option(&filter, key);
		if (!good)
			return CTL_USAGE;
	}
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_stats, argc, 0, "options only") || !ctl_filter_end(&filter) ||
		!set_times(&st, &filter))
		return CTL_USAGE;
	st.json = filter.json;
	st.reader = ctl_store_open(ctl, filter.store, &name, &status);
	if (st.reader == NULL)
		return status;
	status = count_and_print(&st);
	for (size_t i = 0; i < st.count; i++)
		free(st.rows[i].name);
	free(st.rows);
	free(name);
	store_reader_close(st.reader);
	return status;
}

const struct ctl_command ctl_stats = {
	"stats",
	"[--by day | hour | type | hook] [--since TIME] [--until TIME] [--plot]",
	"count events and their deliveries by day, hour, type or hook",
	options,
	stats_command,
};
