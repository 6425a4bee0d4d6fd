/* hookctl/commands/events.c - lists the events in the store, the newest first:
 *   id  received        type                  entity    source  deliveries
 *   17  06-30 22:50:29  transaction.approved  98446301  shop    2 done, 1 waiting
 * with --json one object a line (ctl_event_json); with --follow also what is new. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/filter.h"
#include "hookctl/listing.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct ctl_option options[] = {
	CTL_PAGE_OPTIONS,
	{'k', "hook", "HOOK", "with a delivery of this hook"},
	{'S', "state", "STATE", "with a delivery that is ready, running, done, dead or skipped"},
	{'o', "origin", "ORIGIN", "that came by webhook, api, manual or recheck"},
	{'q', "quarantined", NULL, "quarantined events only"},
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

/* "2 done, 1 waiting" */
static void add_delivery_counts(struct buf *out, const struct store_event_row *e)
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

static void add_row(struct ctl_listing *l, const struct store_event_row *e)
{
	struct buf *cells = ctl_table_row(&l->table, colour_of(e), DELIVERIES);

	buf_printf(&cells[ID], "%" PRId64, e->id);
	ctl_cell_time(&cells[RECEIVED], e->received_at, l->now, l->relative);
	ctl_cell(&cells[TYPE], e->type);
	ctl_cell(&cells[ENTITY], e->entity_id);
	ctl_cell(&cells[SOURCE], e->source);
	add_delivery_counts(&cells[DELIVERIES], e);
}

static bool print_json(const struct store_event_row *e)
{
	struct buf line = {0};
	bool good;

	buf_add_char(&line, '{');
	ctl_event_json(&line, e);
	buf_add_text(&line, "}\n");
	good = ctl_print(&line);
	buf_free(&line);
	return good;
}

static void list_event(void *arg, const struct store_event_row *e)
{
	struct ctl_listing *l = arg;

	ctl_listing_count(l, e->id);
	if (l->failed)
		return;
	if (l->json)
		l->failed = !print_json(e);
	else
		add_row(l, e);
}

static bool list_events(struct ctl_listing *l)
{
	char why[STORE_READ_WHY];

	if (store_read_events(l->reader, &l->filter, list_event, l, why))
		return ctl_listing_print(l);
	ctl_error("%s", why);
	return false;
}

static bool list_new_events(void *arg)
{
	struct ctl_listing *l = arg;

	l->now = clock_wall();
	l->filter.after = l->highest;
	return list_events(l);
}

static void count_event(void *arg, const struct store_event_row *e)
{
	ctl_listing_count(arg, e->id);
}

static bool read_event_ids(
	struct ctl_listing *l, const struct store_filter *filter, char why[STORE_READ_WHY])
{
	return store_read_events(l->reader, filter, count_event, l, why);
}

static bool is_origin(const char *text)
{
	static const char *const origins[] = {"webhook", "api", "manual", "recheck"};

	for (size_t i = 0; text != NULL && i < sizeof(origins) / sizeof(origins[0]); i++)
		if (strcmp(text, origins[i]) == 0)
			return true;
	return text == NULL;
}

static int events_command(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_listing l = {.table = {.columns = columns, .column_count = COLUMNS}};
	struct ctl_filter filter = {0};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_events, argc, argv, &status)) >= 0)
		if (!ctl_filter_option(&filter, key))
			return CTL_USAGE;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_events, argc, 0, "options only") || !ctl_filter_end(&filter))
		return CTL_USAGE;
	if (!is_origin(filter.filter.origin)) {
		ctl_error("--origin: expected webhook, api, manual or recheck");
		return CTL_USAGE;
	}
	if (filter.follow && filter.filter.state != NULL) {
		ctl_error("events: --follow does not go with --state, which changes later; use "
			  "hookctl deliveries --follow --state");
		return CTL_USAGE;
	}
	status = ctl_listing_open(ctl, &l, &filter);
	if (status != CTL_OK)
		return status;
	if (filter.follow)
		status = ctl_listing_follow(&l, read_event_ids, list_new_events, &l);
	else
		status = list_events(&l) ? CTL_OK : CTL_FAILED;
	if (status == CTL_OK && l.highest == 0 && !l.json)
		fputs("no events\n", stderr);
	ctl_listing_close(&l);
	return status;
}

const struct ctl_command ctl_events = {
	"events",
	"[--type GLOB] [--source NAME] [--entity ID] [--hook HOOK] [--state STATE] …",
	"list the events in the store, the newest first",
	options,
	events_command,
};
