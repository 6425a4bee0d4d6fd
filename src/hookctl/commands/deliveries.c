/* hookctl/commands/deliveries.c - */
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

/* One that had not ended when it was shown. */
struct open_delivery {
	int64_t id, attempts;
	enum delivery_state state;
};

struct listing {
	struct store_reader *reader;
	struct store_filter filter;
	struct ctl_table table;
	bool json, relative, failed;
	int64_t now, lowest, highest; /* ids */
	/* --follow: */
	const char *state; /* only these are shown */
	struct open_delivery *open;
	size_t open_count, open_capacity;
	struct open_delivery now_is; /* the one looked at again */
};

/* In words that say what it waits for. */
static const char *state_of(const struct store_delivery_row *d, char lower[16])
{
	const char *text = delivery_state_text(d->state);
	size_t i = 0;

	if (d->state == DELIVERY_DEAD && d->replayed_by != 0)
		return "replayed";
	if (d->state == DELIVERY_READY && d->paused_at != 0)
		return "paused";
	if (d->state == DELIVERY_READY && d->behind != 0)
		return "held";
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

static void add_row(struct listing *l, const struct store_listed *row)
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

static void add_id(struct buf *out, const char *key, int64_t id)
{
	if (id > 0)
		buf_printf(out, ",\"%s\":%" PRId64, key, id);
	else
		buf_printf(out, ",\"%s\":null", key);
}

static bool put_json(const struct store_listed *row)
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
	add_id(&out, "behind", d->behind);
	add_id(&out, "failed_id", d->failed_id);
	add_id(&out, "replay_of", d->replay_of);
	add_id(&out, "replayed_by", d->replayed_by);
	ctl_json_time(&out, "hook_paused_at", d->paused_at);
	ctl_json_text(&out, true, "idempotency_key", d->idempotency_key);
	buf_add_text(&out, "}\n");
	written = ctl_print(&out);
	buf_free(&out);
	return written;
}

static void show(struct listing *l, const struct store_listed *row)
{
	if (l->failed || (l->state != NULL &&
				 strcmp(l->state, delivery_state_text(row->delivery.state)) != 0))
		return;
	if (l->json)
		l->failed = !put_json(row);
	else
		add_row(l, row);
}

static void seen(void *arg, const struct store_listed *row)
{
	struct listing *l = arg;

	if (row->delivery.id > l->highest)
		l->highest = row->delivery.id;
	show(l, row);
}

static void seen_id(void *arg, const struct store_listed *row)
{
	struct listing *l = arg;

	if (l->lowest == 0 || row->delivery.id < l->lowest)
		l->lowest = row->delivery.id;
	if (row->delivery.id > l->highest)
		l->highest = row->delivery.id;
}

static bool ended(const struct open_delivery *o)
{
	return o->state != DELIVERY_READY && o->state != DELIVERY_RUNNING;
}

static void seen_new(void *arg, const struct store_listed *row)
{
	struct listing *l = arg;
	struct open_delivery o = {row->delivery.id, row->delivery.attempts, row->delivery.state};

	seen(l, row);
	if (ended(&o))
		return;
	if (l->open_count == l->open_capacity) {
		size_t capacity = l->open_capacity == 0 ? 64 : l->open_capacity * 2;
		struct open_delivery *more = reallocarray(l->open, capacity, sizeof(*more));

		if (more == NULL) {
			ctl_error("out of memory");
			l->failed = true;
			return;
		}
		l->open = more;
		l->open_capacity = capacity;
	}
	l->open[l->open_count++] = o;
}

static void seen_again(void *arg, const struct store_listed *row)
{
	struct listing *l = arg;
	struct open_delivery was = l->now_is;

	l->now_is = (struct open_delivery){was.id, row->delivery.attempts, row->delivery.state};
	if (was.state != l->now_is.state || was.attempts != l->now_is.attempts)
		show(l, row);
}

static bool said(const char *why)
{
	ctl_error("%s", why);
	return false;
}

/* What became of those that were shown before they had ended. */
static bool look_again(struct listing *l)
{
	char why[STORE_READ_WHY];
	size_t kept = 0;

	for (size_t i = 0; i < l->open_count; i++) {
		l->now_is = l->open[i];
		if (!store_list_delivery(l->reader, l->open[i].id, seen_again, l, why))
			return said(why);
		if (!ended(&l->now_is))
			l->open[kept++] = l->now_is;
	}
	l->open_count = kept;
	return true;
}

static bool list(struct listing *l, store_listed_seen *see)
{
	char why[STORE_READ_WHY];

	if (!store_list_deliveries(l->reader, &l->filter, see, l, why))
		return said(why);
	if (l->failed)
		return false;
	return l->table.count == 0 || ctl_table_print(&l->table);
}

static bool list_changed(void *arg)
{
	struct listing *l = arg;

	l->now = clock_wall();
	l->filter.after = l->highest;
	return look_again(l) && list(l, seen_new);
}

/* The last ones that fit, and from there on: a line whenever one comes or changes. */
static int follow(struct listing *l)
{
	const struct store_filter newest = {.limit = 1};
	char why[STORE_READ_WHY];
	int64_t top;

	if (!store_list_deliveries(l->reader, &newest, seen_id, l, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	top = l->highest;
	l->lowest = 0;
	if (!store_list_deliveries(l->reader, &l->filter, seen_id, l, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	l->highest = l->lowest != 0 ? l->lowest - 1 : top;
	l->state = l->filter.state;
	l->filter.state = NULL;
	l->filter.oldest_first = true;
	l->filter.limit = UINT32_MAX;
	l->filter.since = 0;
	return ctl_follow(l->reader, list_changed, l);
}

static int deliveries_command(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_filter words = {0};
	struct listing l = {.table = {.columns = columns, .column_count = COLUMNS}};
	char *name;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_deliveries, argc, argv, &status)) >= 0)
		if (!ctl_filter_option(&words, key))
			return CTL_USAGE;
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_deliveries, argc, 0, "options only") || !ctl_filter_end(&words))
		return CTL_USAGE;
	l.reader = ctl_store_open(ctl, words.store, &name, &status);
	if (l.reader == NULL)
		return status;
	l.filter = words.filter;
	l.json = words.json;
	l.relative = ctl_screen() > 0 && !words.utc && !words.follow;
	l.now = clock_wall();
	if (words.follow)
		status = follow(&l);
	else
		status = list(&l, seen) ? CTL_OK : CTL_FAILED;
	if (status == CTL_OK && l.highest == 0 && !l.json)
		fputs("no deliveries\n", stderr);
	free(l.open);
	ctl_table_free(&l.table);
	free(name);
	store_reader_close(l.reader);
	return status;
}

const struct ctl_command ctl_deliveries = {
	"deliveries",
	"[--state STATE] [--hook HOOK] [--type GLOB] [--entity ID] [--since TIME] …",
	"list the deliveries in the store, the newest first",
	options,
	deliveries_command,
};
