/* hookctl/commands/events.c - */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/filter.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const struct ctl_option options[] = {
	CTL_PAGE_OPTIONS,
	{'k', "hook", "HOOK", "with a delivery of this hook"},
	{'S', "state", "STATE", "with a delivery that is ready, running, done, dead, skipped"},
	{'q', "quarantined", NULL, "only what was quarantined"},
	CTL_FILTER_OPTIONS,
	{0},
};

enum column { ID, RECEIVED, TYPE, ENTITY, SOURCE, DELIVERIES, COLUMNS };

static const struct ctl_column columns[COLUMNS] = {
	[ID] = {"id", true, 0, 0, 0},
	[RECEIVED] = {"received", false, 0, 0, 0},
	[TYPE] = {"type", false, 3, 14, 8},
	[ENTITY] = {"entity", false, 2, 8, 4},
	[SOURCE] = {"source", false, 1, 6, 3},
	[DELIVERIES] = {"deliveries", false, 0, 0, 0},
};

struct listing {
	struct store_reader *reader;
	struct store_filter filter;
	struct ctl_table table;
	bool json, relative, failed;
	int64_t now, lowest, highest; /* ids */
};

static void add_deliveries(struct buf *out, const struct store_event_row *e)
{
	const struct {
		const char *name;
		int64_t count;
	} states[] = {{"done", e->done}, {"waiting", e->waiting}, {"dead", e->dead},
		{"skipped", e->skipped}};
	size_t before = out->len;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (states[i].count > 0)
			buf_printf(out, "%s%" PRId64 " %s", out->len > before ? ", " : "",
				states[i].count, states[i].name);
	if (e->quarantined != NULL)
		buf_printf(out, "%squarantined", out->len > before ? ", " : "");
	if (out->len == before)
		buf_add_char(out, '-');
}

static const char *colour_of(const struct store_event_row *e)
{
	if (e->dead > 0)
		return CTL_RED;
	if (e->quarantined != NULL)
		return CTL_MAGENTA;
	return e->waiting > 0 ? CTL_YELLOW : NULL;
}

static void add_row(struct listing *l, const struct store_event_row *e)
{
	struct buf *cells = ctl_table_row(&l->table, colour_of(e), DELIVERIES);

	buf_printf(&cells[ID], "%" PRId64, e->id);
	ctl_cell_time(&cells[RECEIVED], e->received_at, l->now, l->relative);
	ctl_cell(&cells[TYPE], e->type);
	ctl_cell(&cells[ENTITY], e->entity_id);
	ctl_cell(&cells[SOURCE], e->source);
	add_deliveries(&cells[DELIVERIES], e);
}

static void seen(void *arg, const struct store_event_row *e)
{
	struct listing *l = arg;
	struct buf line = {0};

	if (e->id > l->highest)
		l->highest = e->id;
	if (l->failed)
		return;
	if (l->json) {
		buf_add_char(&line, '{');
		ctl_event_json(&line, e);
		buf_add_text(&line, "}\n");
		l->failed = !ctl_print(&line);
		buf_free(&line);
	} else {
		add_row(l, e);
	}
}

static void seen_id(void *arg, const struct store_event_row *e)
{
	struct listing *l = arg;

	if (l->lowest == 0 || e->id < l->lowest)
		l->lowest = e->id;
	if (e->id > l->highest)
		l->highest = e->id;
}

static bool list(struct listing *l)
{
	char why[STORE_READ_WHY];

	l->now = clock_wall();
	if (!store_read_events(l->reader, &l->filter, seen, l, why)) {
		ctl_error("%s", why);
		return false;
	}
	if (l->failed)
		return false;
	return l->table.count == 0 || ctl_table_print(&l->table);
}

static bool list_new(void *arg)
{
	struct listing *l = arg;

	l->filter.after = l->highest;
	return list(l);
}

/* The last ones that fit, and from there on. */
static int follow(struct listing *l)
{
	const struct store_filter newest = {.limit = 1};
	char why[STORE_READ_WHY];
	int64_t top;

	if (!store_read_events(l->reader, &newest, seen_id, l, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	top = l->highest;
	l->lowest = 0;
	if (!store_read_events(l->reader, &l->filter, seen_id, l, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	l->highest = l->lowest != 0 ? l->lowest - 1 : top;
	l->filter.oldest_first = true;
	l->filter.limit = UINT32_MAX;
	l->filter.since = 0;
	return ctl_follow(l->reader, list_new, l);
}

static int events_command(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_filter words = {0};
	struct listing l = {.table = {.columns = columns, .column_count = COLUMNS}};
	char *name;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_events, argc, argv, &status)) >= 0)
		if (!ctl_filter_option(&words, key))
			return CTL_USAGE;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_events, argc, 0, "options only") || !ctl_filter_end(&words))
		return CTL_USAGE;
	if (words.follow && words.filter.state != NULL) {
		ctl_error("events --follow: not with --state, which changes later; see "
			  "hookctl deliveries --follow --state");
		return CTL_USAGE;
	}
	l.reader = ctl_store_open(ctl, words.store, &name, &status);
	if (l.reader == NULL)
		return status;
	l.filter = words.filter;
	l.json = words.json;
	l.relative = ctl_screen() > 0 && !words.utc && !words.follow;
	if (words.follow)
		status = follow(&l);
	else
		status = list(&l) ? CTL_OK : CTL_FAILED;
	if (status == CTL_OK && l.highest == 0 && !l.json)
		fputs("no events\n", stderr);
	ctl_table_free(&l.table);
	free(name);
	store_reader_close(l.reader);
	return status;
}

const struct ctl_command ctl_events = {
	"events",
	"[--type GLOB] [--source NAME] [--entity ID] [--hook HOOK] [--state STATE] …",
	"list the events in the store, the newest first",
	options,
	events_command,
};
