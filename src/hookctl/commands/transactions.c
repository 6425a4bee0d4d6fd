/* hookctl/commands/transactions.c - transactions, customers and payouts: list the entities of a
 * kind, each with its latest state, those with the latest events first:
 *         id  state      last event         amount  customer    reference
 *   98446301  approved   06-30 22:50:29  5 000 FCFA  Awa Dossou  trx_98446301
 * with --json one object a line. */
#include "commands.h"

#include "base/clock.h"
#include "hookctl/config.h"
#include "hookctl/entity_history.h"
#include "hookctl/filter.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BATCH       320 /* entities that are read at once, before their events, … */
#define FIRST_BATCH 40  /* … and with --state so many at first, as most of these are shown */

static const struct ctl_option options[] = {
	{'l', "limit", "N", "at most N (20)"},
	{'p', "page", "N", "the N-th page of --limit"},
	{'S', "state", "WORD", "in this state: approved, declined, …"},
	{'s', "source", "NAME", "of this source"},
	{'f', "since", "TIME", "last event received since: 2h, 3d, 2026-06-30T22:50:00Z"},
	{'u', "until", "TIME", "last event received before this"},
	{'j', "json", NULL, "print one JSON object a line"},
	{'U', "utc", NULL, "print times in UTC, not local"},
	{'D', "store", "FILE", "read this store (the config's)"},
	{0},
};

enum column { ID, STATE, WHEN, AMOUNT, CUSTOMER, REFERENCE, COLUMNS };

static const struct ctl_column columns[COLUMNS] = {
	[ID] = {"id", true, 4, 12, 8},
	[STATE] = {"state", false, 3, 12, 8},
	[WHEN] = {"last event", false, 0, 0, 0},
	[AMOUNT] = {"amount", true, 5, 16, 8},
	[CUSTOMER] = {"customer", false, 2, 16, 8},
	[REFERENCE] = {"reference", false, 1, 12, 4},
};

struct found {
	char *id, *source;
	int64_t received_at;
};

struct listing {
	struct store_reader *reader;
	const char *kind, *state;
	struct ctl_table table;
	struct found found[BATCH];
	size_t found_count;
	unsigned wanted, skip, shown;
	bool json, relative, failed;
	int64_t now;
};

static void collect_entity(void *arg, const struct store_event_row *row)
{
	struct listing *l = arg;
	struct found *f = &l->found[l->found_count++];

	*f = (struct found){strdup(row->entity_id), strdup(row->source), row->received_at};
	l->failed |= f->id == NULL || f->source == NULL;
}

static const struct ctl_history *of_source(const struct ctl_histories *all, const char *source)
{
	for (size_t i = 0; i < all->count; i++)
		if (strcmp(all->list[i].source, source) == 0)
			return &all->list[i];
	return NULL;
}

static void add_row(struct listing *l, const struct found *f, const struct ctl_history *h)
{
	const struct payment *p = &h->last->payment;
	struct buf *cells = ctl_table_row(&l->table, NULL, STATE), money = {0};

	if (h->payment != NULL)
		payment_add_money(&money, &h->payment->payment, h->payment->payment.amount);
	ctl_cell(&cells[ID], f->id);
	ctl_cell(&cells[STATE], ctl_history_state(h));
	ctl_cell_time(&cells[WHEN], f->received_at, l->now, l->relative);
	ctl_cell(&cells[AMOUNT], money.data);
	ctl_cell(&cells[CUSTOMER], p->customer);
	ctl_cell(&cells[REFERENCE], p->reference);
	buf_free(&money);
}

static bool print_json(const struct found *f, const struct ctl_history *h, const char *kind)
{
	const struct ctl_history_event *money = h->payment != NULL ? h->payment : h->last;
	struct buf out = {0};
	bool written;

	buf_add_char(&out, '{');
	ctl_json_text(&out, false, "kind", kind);
	ctl_json_text(&out, true, "id", f->id);
	ctl_json_text(&out, true, "source", f->source);
	ctl_json_text(&out, true, "state", ctl_history_state(h));
	ctl_json_time(&out, "since", h->last->happened_at);
	ctl_json_time(&out, "last_received_at", f->received_at);
	buf_printf(&out, ",\"events\":%zu", h->count);
	ctl_json_known(&out, "amount", money->payment.amount);
	ctl_json_known(&out, "fees", money->payment.fees);
	ctl_json_known(&out, "currency", money->payment.currency);
	ctl_json_known(&out, "reference", h->last->payment.reference);
	ctl_json_known(&out, "customer", h->last->payment.customer);
	ctl_json_known(&out, "mode", h->last->payment.mode);
	buf_add_text(&out, "}\n");
	written = ctl_print(&out);
	buf_free(&out);
	return written;
}

/* Is the entity in the wanted state, and not on an earlier page? */
static bool is_wanted(struct listing *l, const struct ctl_history *h)
{
	if (l->state == NULL)
		return true;
	if (strcasecmp(l->state, ctl_history_state(h)) != 0)
		return false;
	if (l->skip == 0)
		return true;
	l->skip--;
	return false;
}

static bool print_entity(struct listing *l, const struct found *f)
{
	struct ctl_histories all;
	const struct ctl_history *h;
	bool good = ctl_histories_read(&all, l->reader, l->kind, f->id);

	h = good ? of_source(&all, f->source) : NULL;
	if (h != NULL && is_wanted(l, h)) {
		l->shown++;
		if (l->json)
			good = print_json(f, h, l->kind);
		else
			add_row(l, f, h);
	}
	ctl_histories_free(&all);
	return good;
}

static bool print_batch(struct listing *l)
{
	bool good = !l->failed;

	if (l->failed)
		ctl_error("out of memory");
	for (size_t i = 0; i < l->found_count; i++) {
		if (good && l->shown < l->wanted)
			good = print_entity(l, &l->found[i]);
		free(l->found[i].id);
		free(l->found[i].source);
	}
	return good;
}

/* With --state, which entities were in that state is the store's to find; which still are is known
 * only after reading their events. So pages are counted here, otherwise by the store. */
static bool list_entities(struct listing *l, struct store_filter filter)
{
	char why[STORE_READ_WHY];

	l->wanted = filter.limit;
	l->skip = filter.skip;
	filter.skip = l->state != NULL ? 0 : filter.skip;
	filter.was = l->state;
	for (unsigned batch = FIRST_BATCH;; batch = batch < BATCH ? 2 * batch : BATCH) {
		unsigned left = l->wanted - l->shown;

		filter.limit = l->state != NULL ? batch : left > BATCH ? BATCH : left;
		l->found_count = 0;
		if (!store_list_entities(l->reader, l->kind, &filter, collect_entity, l, why)) {
			ctl_error("%s", why);
			l->failed = true;
		}
		if (!print_batch(l))
			return false;
		if (l->found_count < filter.limit || l->shown == l->wanted)
			return true;
		filter.skip += filter.limit;
	}
}

static int entities_command(
	struct ctl *ctl, const struct ctl_command *command, const char *kind, int argc, char **argv)
{
	struct ctl_filter filter = {0};
	struct listing l = {.kind = kind, .table = {.columns = columns, .column_count = COLUMNS}};
	char *name;
	int key, status;

	while ((key = ctl_next_option(ctl, command, argc, argv, &status)) >= 0) {
		if (key == 'S')
			l.state = optarg;
		else if (!ctl_filter_option(&filter, key))
			return CTL_USAGE;
	}
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(command, argc, 0, "options only") || !ctl_filter_end(&filter))
		return CTL_USAGE;
	l.reader = ctl_store_open(ctl, filter.store, &name, &status);
	if (l.reader == NULL)
		return status;
	l.json = filter.json;
	l.relative = ctl_screen() > 0 && !filter.utc;
	l.now = clock_wall();
	status = list_entities(&l, filter.filter) ? CTL_OK : CTL_FAILED;
	if (status == CTL_OK && l.shown == 0 && !l.json)
		fprintf(stderr, "no %s\n", command->name);
	else if (status == CTL_OK && l.table.count > 0 && !ctl_table_print(&l.table))
		status = CTL_FAILED;
	ctl_table_free(&l.table);
	free(name);
	store_reader_close(l.reader);
	return status;
}

static int transactions_command(struct ctl *ctl, int argc, char **argv)
{
	return entities_command(ctl, &ctl_transactions, "transaction", argc, argv);
}

static int customers_command(struct ctl *ctl, int argc, char **argv)
{
	return entities_command(ctl, &ctl_customers, "customer", argc, argv);
}

static int payouts_command(struct ctl *ctl, int argc, char **argv)
{
	return entities_command(ctl, &ctl_payouts, "payout", argc, argv);
}

#define ARGUMENTS "[--state WORD] [--since TIME] [--until TIME] [--source NAME] …"

const struct ctl_command ctl_transactions = {
	"transactions",
	ARGUMENTS,
	"list the transactions, each with its latest state and amount",
	options,
	transactions_command,
};

const struct ctl_command ctl_customers = {
	"customers",
	ARGUMENTS,
	"list the customers, each with its latest state",
	options,
	customers_command,
};

const struct ctl_command ctl_payouts = {
	"payouts",
	ARGUMENTS,
	"list the payouts, each with its latest state and amount",
	options,
	payouts_command,
};
