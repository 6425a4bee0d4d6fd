/* hookctl/commands/deliveries.c - lists the deliveries in the store, the newest first:
 *   id  event  hook        state     when            tries  type         last result
 *   31     17  ship-order  replayed  06-30 22:50:29      3  payout.sent  exited with 75
 * with --json one object a line; with --follow also each new one and each change. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/filter.h"
#include "hookctl/listing.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct ctl_option options[] = {
	CTL_PAGE_OPTIONS,
	{'k', "hook", "HOOK", "of this hook"},
	{'S', "state", "STATE", "that are ready, running, done, dead or skipped"},
	CTL_FILTER_OPTIONS,
	{0},
};

enum column { ID, EVENT, HOOK, STATE, WHEN, TRIES, TYPE, RESULT, COLUMNS };

static const struct ctl_column columns[COLUMNS] = {
	[ID] = {"id", true, 0, 0, 0},
	[EVENT] = {"event", true, 0, 0, 0},
	[HOOK] = {"hook", false, 3, 10, 4},
	[STATE] = {"state", false, 0, 0, 0},
	[WHEN] = {"when", false, 0, 0, 0},
	[TRIES] = {"tries", true, 0, 0, 0},
	[TYPE] = {"type", false, 2, 11, 4},
	[RESULT] = {"last result", false, 1, 12, 11},
};

/* A delivery that had not ended when it was last printed. */
struct open_delivery {
	int64_t id, attempts;
	enum delivery_state state;
};

struct listing {
	struct ctl_listing base;
	/* --follow: */
	const char *state; /* print only deliveries in this state */
	struct open_delivery *open;
	size_t open_count, open_capacity;
	struct open_delivery refreshed; /* the delivery that is being read again */
};

/* The state, or instead what the delivery waits for. */
static const char *state_of(const struct store_delivery_row *d, char lower[16])
{
	const char *text = delivery_state_text(d->state);
	size_t i = 0;

	if (d->state == DELIVERY_DEAD && d->replayed_by != 0)
		return "replayed";
	if (d->state == DELIVERY_READY && d->paused_at != 0)
		return "paused";
	if (d->state == DELIVERY_READY && d->blocked_by != 0)
		return "blocked";
	for (; i < 15 && text[i] != '\0'; i++)
		lower[i] = (char)(text[i] - 'A' + 'a');
	lower[i] = '\0';
	return lower;
}

static const char *colour_of(const struct store_delivery_row *d)
{
	if (d->state == DELIVERY_DEAD && d->replayed_by == 0)
		return CTL_RED;
	if (d->state == DELIVERY_READY)
		return CTL_YELLOW;
	return d->state == DELIVERY_RUNNING ? CTL_GREEN : NULL;
}

static void add_row(struct ctl_listing *l, const struct store_listed *row)
{
	const struct store_delivery_row *d = &row->delivery;
	struct buf *cells = ctl_table_row(&l->table, colour_of(d), STATE);
	char lower[16];

	buf_printf(&cells[ID], "%" PRId64, d->id);
	buf_printf(&cells[EVENT], "%" PRId64, row->event);
	ctl_cell(&cells[HOOK], d->hook);
	ctl_cell(&cells[STATE], state_of(d, lower));
	ctl_cell_time(
		&cells[WHEN], row->ended_at != 0 ? row->ended_at : d->due_at, l->now, l->relative);
	buf_printf(&cells[TRIES], "%" PRId64, d->attempts);
	ctl_cell(&cells[TYPE], row->type);
	ctl_cell(&cells[RESULT], d->reason != NULL ? d->reason : row->message);
}

static bool print_json(const struct store_listed *row)
{
	const struct store_delivery_row *d = &row->delivery;
	struct buf out = {0};
	bool written;

	buf_printf(&out, "{\"id\":%" PRId64 ",\"event\":%" PRId64, d->id, row->event);
	ctl_json_text(&out, true, "hook", d->hook);
	ctl_json_text(&out, true, "state", delivery_state_text(d->state));
	ctl_json_text(&out, true, "reason", d->reason);
	ctl_json_text(&out, true, "source", row->source);
	ctl_json_text(&out, true, "type", row->type);
	ctl_json_text(&out, true, "entity_kind", row->entity_kind);
	ctl_json_text(&out, true, "entity_id", row->entity_id);
	ctl_json_time(&out, "due_at", d->state == DELIVERY_READY ? d->due_at : 0);
	ctl_json_time(&out, "ended_at", row->ended_at);
	buf_printf(
		&out, ",\"attempts\":%" PRId64 ",\"failures\":%" PRId64, d->attempts, d->failures);
	ctl_json_text(&out, true, "message", *row->message != '\0' ? row->message : NULL);
	ctl_json_id(&out, "behind", d->blocked_by);
	ctl_json_id(&out, "failed_id", d->failed_id);
	ctl_json_id(&out, "replay_of", d->replay_of);
	ctl_json_id(&out, "replayed_by", d->replayed_by);
	ctl_json_time(&out, "hook_paused_at", d->paused_at);
	ctl_json_text(&out, true, "idempotency_key", d->idempotency_key);
	buf_add_text(&out, "}\n");
	written = ctl_print(&out);
	buf_free(&out);
	return written;
}

static void print_delivery(struct listing *l, const struct store_listed *row)
{
	if (l->base.failed ||
		(l->state != NULL &&
			strcmp(l->state, delivery_state_text(row->delivery.state)) != 0))
		return;
	if (l->base.json)
		l->base.failed = !print_json(row);
	else
		add_row(&l->base, row);
}

static void list_delivery(void *arg, const struct store_listed *row)
{
	struct listing *l = arg;

	ctl_listing_count(&l->base, row->delivery.id);
	print_delivery(l, row);
}

static bool list_deliveries(struct listing *l, store_listed_seen *list)
{
	char why[STORE_READ_WHY];

	if (store_list_deliveries(l->base.reader, &l->base.filter, list, l, why))
		return ctl_listing_print(&l->base);
	ctl_error("%s", why);
	return false;
}

/* ---- --follow ---- */

static bool has_ended(const struct open_delivery *o)
{
	return o->state != DELIVERY_READY && o->state != DELIVERY_RUNNING;
}

static bool make_room(struct listing *l)
{
	size_t capacity = l->open_capacity == 0 ? 64 : l->open_capacity * 2;
	struct open_delivery *more;

	if (l->open_count < l->open_capacity)
		return true;
	more = reallocarray(l->open, capacity, sizeof(*more));
	if (more == NULL) {
		ctl_error("out of memory");
		l->base.failed = true;
		return false;
	}
	l->open = more;
	l->open_capacity = capacity;
	return true;
}

static void list_new_delivery(void *arg, const struct store_listed *row)
{
	struct listing *l = arg;
	struct open_delivery o = {row->delivery.id, row->delivery.attempts, row->delivery.state};

	list_delivery(l, row);
	if (!has_ended(&o) && make_room(l))
		l->open[l->open_count++] = o;
}

static void refresh_delivery(void *arg, const struct store_listed *row)
{
	struct listing *l = arg;
	struct open_delivery was = l->refreshed, is = was;

	is.attempts = row->delivery.attempts;
	is.state = row->delivery.state;
	if (was.state != is.state || was.attempts != is.attempts)
		print_delivery(l, row);
	l->refreshed = is;
}

/* Prints the changes of the deliveries that had not ended. */
static bool refresh_open(struct listing *l)
{
	char why[STORE_READ_WHY];
	size_t kept = 0;

	for (size_t i = 0; i < l->open_count; i++) {
		l->refreshed = l->open[i];
		if (!store_list_delivery(l->base.reader, l->open[i].id, refresh_delivery, l, why)) {
			ctl_error("%s", why);
			return false;
		}
		if (!has_ended(&l->refreshed))
			l->open[kept++] = l->refreshed;
	}
	l->open_count = kept;
	return true;
}

static bool list_changes(void *arg)
{
	struct listing *l = arg;

	l->base.now = clock_wall();
	l->base.filter.after = l->base.highest;
	/* The state is compared when a delivery is printed, because it may reach that state
	 * later. */
	l->base.filter.state = NULL;
	return refresh_open(l) && list_deliveries(l, list_new_delivery);
}

static void count_delivery(void *arg, const struct store_listed *row)
{
	ctl_listing_count(arg, row->delivery.id);
}

static bool read_delivery_ids(
	struct ctl_listing *l, const struct store_filter *filter, char why[STORE_READ_WHY])
{
	return store_list_deliveries(l->reader, filter, count_delivery, l, why);
}

static int follow_deliveries(struct listing *l)
{
	l->state = l->base.filter.state;
	return ctl_listing_follow(&l->base, read_delivery_ids, list_changes, l);
}

static int deliveries_command(struct ctl *ctl, int argc, char **argv)
{
	struct listing l = {.base.table = {.columns = columns, .column_count = COLUMNS}};
	struct ctl_filter filter = {0};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_deliveries, argc, argv, &status)) >= 0)
		if (!ctl_filter_option(&filter, key))
			return CTL_USAGE;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_deliveries, argc, 0, "options only") || !ctl_filter_end(&filter))
		return CTL_USAGE;
	status = ctl_listing_open(ctl, &l.base, &filter);
	if (status != CTL_OK)
		return status;
	if (filter.follow)
		status = follow_deliveries(&l);
	else
		status = list_deliveries(&l, list_delivery) ? CTL_OK : CTL_FAILED;
	if (status == CTL_OK && l.base.highest == 0 && !l.base.json)
		fputs("no deliveries\n", stderr);
	free(l.open);
	ctl_listing_close(&l.base);
	return status;
}

const struct ctl_command ctl_deliveries = {
	"deliveries",
	"[--state STATE] [--hook HOOK] [--type GLOB] [--entity ID] [--since TIME] …",
	"list the deliveries in the store, the newest first",
	options,
	deliveries_command,
};
