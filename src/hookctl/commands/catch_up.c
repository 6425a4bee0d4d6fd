/* hookctl/commands/catch_up.c - has hookd read back now what webhooks did not bring. Prints what is
 * missing, asks, and has it filled in:
 *     occurred        source   type                  entity               late
 *     06-30 22:50:29  shop     transaction.approved  transaction:98446301  47 min
 *   1 event filled in
 */
#include "commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "hookctl/ask.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct ctl_option options[] = {
	{'s', "source", "NAME", "of this source (each that has an API key)"},
	{'f', "since", "TIME", "also what is older, since then: 3d, 2026-06-30, …T22:50:00Z"},
	{'n', "dry-run", NULL, "only print what is missing"},
	{'y', "yes", NULL, "fill it in without asking"},
	{'j', "json", NULL, "print one JSON object a line"},
	{'U', "utc", NULL, "print times in UTC, not local"},
	{'D', "store", "FILE", "the hookd that runs on this store (the config's)"},
	{0},
};

enum column { OCCURRED, SOURCE, TYPE, ENTITY, LATE, NOTE, COLUMNS };

static const struct ctl_column columns[COLUMNS] = {
	[OCCURRED] = {"occurred", false, 0, 0, 0},
	[SOURCE] = {"source", false, 1, 6, 3},
	[TYPE] = {"type", false, 4, 14, 8},
	[ENTITY] = {"entity", false, 3, 12, 4},
	[LATE] = {"late", false, 0, 0, 0},
	[NOTE] = {"", false, 2, 8, 4},
};

struct catch_up {
	const char *source, *since_text, *store;
	int64_t since;
	bool dry_run, yes, json, utc;

	struct ctl_ask ask;
	struct ctl_table table;
	bool filling, failed;
	int64_t began, now;
};

/* ---- what is printed ---- */

static bool print_json(const json_t *row)
{
	struct buf out = {0};
	const int64_t event = ctl_answer_number(row, "event");
	bool good;

	buf_add_char(&out, '{');
	ctl_json_text(&out, false, "source", ctl_answer_text(row, "source"));
	ctl_json_text(&out, true, "type", ctl_answer_text(row, "type"));
	ctl_json_known(&out, "entity", ctl_answer_text(row, "entity"));
	ctl_json_time(&out, "occurred_at", ctl_answer_number(row, "occurred"));
	ctl_json_id(&out, "event", event);
	ctl_json_known(&out, "skipped", ctl_answer_text(row, "skip"));
	buf_add_text(&out, "}\n");
	good = ctl_print(&out);
	buf_free(&out);
	return good;
}

static void add_row(struct catch_up *c, const json_t *row)
{
	const int64_t occurred = ctl_answer_number(row, "occurred");
	struct buf *cells = ctl_table_row(&c->table, NULL, 0);
	char span[CTL_SPAN] = "-";

	if (occurred != 0) {
		ctl_cell_time(&cells[OCCURRED], occurred, c->now, false);
		ctl_span_format((c->now - occurred) / 1000, span);
	} else {
		ctl_cell(&cells[OCCURRED], NULL);
	}
	ctl_cell(&cells[SOURCE], ctl_answer_text(row, "source"));
	ctl_cell(&cells[TYPE], ctl_answer_text(row, "type"));
	ctl_cell(&cells[ENTITY], ctl_answer_text(row, "entity"));
	buf_add_text(&cells[LATE], span);
	if (*ctl_answer_text(row, "skip") != '\0')
		ctl_cell(&cells[NOTE], ctl_answer_text(row, "skip"));
}

/* The dry run's rows are the table; those of the change are only for programs. */
static bool take_row(void *arg, const json_t *row)
{
	struct catch_up *c = arg;

	if (c->json && (c->filling || c->dry_run))
		return print_json(row);
	if (!c->json && !c->filling)
		add_row(c, row);
	return true;
}

static void show_progress(void *arg, int64_t done, int64_t all)
{
	const struct catch_up *c = arg;

	if (!c->json)
		ctl_progress(done, all, all != 0 ? " events" : "", c->began);
}

/* ---- the two runs ---- */

/* New; NULL: out of memory. */
static json_t *make_request(const struct catch_up *c, bool dry_run)
{
	json_t *request = json_pack("{s:s}", "act", "catch-up");

	if (c->source != NULL)
		ctl_ask_add(&request, "source", json_safe_text(c->source));
	if (c->since != 0)
		ctl_ask_add(&request, "since", json_integer(c->since));
	if (dry_run)
		ctl_ask_add(&request, "dry_run", json_true());
	return request;
}

static int ask(struct catch_up *c, bool dry_run)
{
	int status;

	c->filling = !dry_run;
	c->began = clock_steady();
	c->now = clock_wall();
	status = ctl_ask(&c->ask, make_request(c, dry_run));
	if (status == CTL_OK && ctl_ask_stopped(&c->ask)) {
		ctl_error("stopped");
		status = CTL_FAILED;
	}
	return status;
}

static bool confirm(const struct catch_up *c, int64_t found)
{
	char question[80];

	if (c->yes)
		return true;
	if (!ctl_interactive()) {
		ctl_error("%" PRId64 " missing events would be stored, and their hooks run: that "
			  "needs --yes",
			found);
		return false;
	}
	(void)snprintf(question, sizeof(question),
		"Store %s%" PRId64 " event%s, and run their hooks?",
		found == 1 ? "this " : "these ", found, found == 1 ? "" : "s");
	if (ctl_confirm(question))
		return true;
	ctl_error("nothing was changed");
	return false;
}

static int fill_in(struct catch_up *c)
{
	int64_t filled;
	int status = ask(c, false);

	filled = ctl_answer_number(c->ask.exchange.done, "filled");
	if (c->json || c->ask.exchange.done == NULL)
		return status;
	printf("%" PRId64 " event%s filled in\n", filled, filled == 1 ? "" : "s");
	return ctl_flush() ? status : CTL_FAILED;
}

static int find_and_fill(struct catch_up *c)
{
	int64_t found;
	int status = ask(c, true);

	if (c->table.count > 0 && !ctl_table_print(&c->table))
		return CTL_FAILED;
	if (status != CTL_OK && c->ask.exchange.done == NULL)
		return status;
	found = ctl_answer_number(c->ask.exchange.done, "found");
	if (found == 0 && status == CTL_OK)
		fputs("nothing is missing\n", stderr);
	if (found == 0 || c->dry_run || status != CTL_OK)
		return status;
	return confirm(c, found) ? fill_in(c) : CTL_USAGE;
}

static void take_option(struct catch_up *c, int key)
{
	switch (key) {
	case 's':
		c->source = optarg;
		break;
	case 'f':
		c->since_text = optarg;
		break;
	case 'n':
		c->dry_run = true;
		break;
	case 'y':
		c->yes = true;
		break;
	case 'j':
		c->json = true;
		break;
	case 'U':
		c->utc = true;
		break;
	case 'D':
		c->store = optarg;
		break;
	}
}

static int run_on_store(struct ctl *ctl, struct catch_up *c)
{
	int status = ctl_ask_begin(&c->ask, ctl, c->store);

	c->ask.exchange.row = take_row;
	c->ask.exchange.progress = show_progress;
	c->ask.exchange.arg = c;
	if (status == CTL_OK)
		status = find_and_fill(c);
	ctl_ask_end(&c->ask);
	ctl_table_free(&c->table);
	return status;
}

static int catch_up_command(struct ctl *ctl, int argc, char **argv)
{
	struct catch_up c = {.table = {.columns = columns, .column_count = COLUMNS}};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_catch_up, argc, argv, &status)) >= 0)
		take_option(&c, key);
	if (key == CTL_STOP)
		return status;
	if (c.utc && setenv("TZ", "UTC0", 1) == 0)
		tzset();
	if (!ctl_operands(&ctl_catch_up, argc, 0, "options only") ||
		(c.since_text != NULL && !ctl_moment("--since", c.since_text, &c.since)))
		return CTL_USAGE;
	return run_on_store(ctl, &c);
}

const struct ctl_command ctl_catch_up = {
	"catch-up",
	"[--since TIME] [--source NAME] [--dry-run | --yes]",
	"read back from the sender's API what its webhook did not bring",
	options,
	catch_up_command,
};
