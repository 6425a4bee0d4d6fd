/* hookctl/commands/refused.c - the requests that were refused because no secret proved them. list
 * prints them, the last first:
 *     id  when            source   from          bytes  reason
 *     12  11-30 20:41:07  shop     203.0.113.7    6801  no signature matches
 * show prints one whole; recheck judges all of them again, each at the time it came, and stores
 * those that are authentic. It prints
 *   250 requests judged: 250 events stored, 0 there already, 0 still refused; 250 deliveries to run
 */
#include "commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "hookctl/ask.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"
#include "store/refused.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIMIT_DEFAULT 20
#define LIMIT_MAX     INT32_MAX

static const struct ctl_option options[] = {
	{'s', "source", "NAME", "of this source (all)"},
	{'l', "limit", "N", "list: at most N (20)"},
	{'n', "dry-run", NULL, "recheck: only print what would be stored"},
	{'j', "json", NULL, "list, show: print JSON"},
	{'U', "utc", NULL, "list, show: print times in UTC, not local"},
	{'D', "store", "FILE", "of this store (the config's)"},
	{0},
};

enum column { ID, WHEN, SOURCE, FROM, BYTES, REASON, COLUMNS };

static const struct ctl_column columns[COLUMNS] = {
	[ID] = {"id", true, 0, 0, 0},
	[WHEN] = {"when", false, 0, 0, 0},
	[SOURCE] = {"source", false, 2, 10, 6},
	[FROM] = {"from", false, 0, 0, 0},
	[BYTES] = {"bytes", true, 0, 0, 0},
	[REASON] = {"reason", false, 1, 12, 7},
};

struct refused {
	const char *source, *store;
	int64_t limit, id, now;
	bool dry_run, json, shown, failed;
	struct ctl_table table;
	int64_t began;
};

/* ---- list, show ---- */

static void add_json(struct buf *out, const struct store_refused_row *row)
{
	buf_printf(out, "{\"id\":%" PRId64, row->id);
	ctl_json_text(out, true, "source", row->source);
	ctl_json_time(out, "received_at", row->received_at);
	ctl_json_text(out, true, "remote", row->remote);
	ctl_json_text(out, true, "reason", row->reason);
	buf_printf(out, ",\"bytes\":%" PRId64, row->size);
	if (row->body != NULL) {
		buf_add_text(out, ",\"headers\":");
		buf_add_json(out, row->headers_len > 0 ? row->headers : "", row->headers_len);
		buf_add_text(out, ",\"body\":");
		buf_add_json(out, row->body, row->body_len);
	}
	buf_add_text(out, "}\n");
}

static void print_json(struct refused *r, const struct store_refused_row *row)
{
	struct buf out = {0};

	add_json(&out, row);
	r->failed = !ctl_print(&out) || r->failed;
	buf_free(&out);
}

static void list_row(void *arg, const struct store_refused_row *row)
{
	struct refused *r = arg;
	struct buf *cells;

	if (r->json) {
		print_json(r, row);
		return;
	}
	cells = ctl_table_row(&r->table, NULL, 0);
	buf_printf(&cells[ID], "%" PRId64, row->id);
	ctl_cell_time(&cells[WHEN], row->received_at, r->now, false);
	ctl_cell(&cells[SOURCE], row->source);
	ctl_cell(&cells[FROM], row->remote);
	buf_printf(&cells[BYTES], "%" PRId64, row->size);
	ctl_cell(&cells[REASON], row->reason);
}

static void add_field(struct buf *out, const char *name, const char *text)
{
	buf_printf(out, "%-9s", name);
	ctl_cell(out, text);
	buf_add_char(out, '\n');
}

/* Headers and body as they came, except that what a terminal would act on is escaped. */
static void print_request(struct refused *r, const struct store_refused_row *row)
{
	struct buf out = {0};
	char when[CTL_TIME];

	ctl_time_format(row->received_at, when);
	buf_printf(&out, "request  %" PRId64 "\n", row->id);
	add_field(&out, "source", row->source);
	add_field(&out, "received", when);
	add_field(&out, "from", row->remote);
	add_field(&out, "refused", row->reason);
	ctl_add_output(&out, "", row->headers_len > 0 ? row->headers : "", row->headers_len);
	buf_add_char(&out, '\n');
	ctl_add_output(&out, "", row->body, row->body_len);
	if (row->body_len == 0)
		buf_add_text(&out, "(no body)\n");
	r->failed = !ctl_print(&out) || r->failed;
	buf_free(&out);
}

static void show_row(void *arg, const struct store_refused_row *row)
{
	struct refused *r = arg;

	if (row->id != r->id)
		return;
	r->shown = true;
	if (r->json)
		print_json(r, row);
	else
		print_request(r, row);
}

static int list_requests(struct refused *r, struct store_reader *reader)
{
	char why[STORE_READ_WHY];
	int status = CTL_FAILED;

	r->table.columns = columns;
	r->table.column_count = COLUMNS;
	if (!store_refused_list(reader, r->source, r->now, r->limit, list_row, r, why))
		ctl_error("%s", why);
	else if (!r->failed && (r->table.count == 0 || ctl_table_print(&r->table)))
		status = CTL_OK;
	ctl_table_free(&r->table);
	return status;
}

static int show_request(struct refused *r, struct store_reader *reader)
{
	char why[STORE_READ_WHY];

	if (!store_refused_next(reader, r->source, r->now, r->id - 1, show_row, r, why))
		ctl_error("%s", why);
	else if (!r->shown)
		ctl_error("no refused request %" PRId64
			  " is kept: see hookctl refused for those that are",
			r->id);
	return r->shown && !r->failed ? CTL_OK : CTL_FAILED;
}

static int read_store(struct ctl *ctl, struct refused *r,
	int (*print)(struct refused *r, struct store_reader *reader))
{
	char *name;
	int status;
	struct store_reader *reader = ctl_store_open(ctl, r->store, &name, &status);

	if (reader == NULL)
		return status;
	status = print(r, reader);
	store_reader_close(reader);
	free(name);
	return status;
}

/* ---- recheck ---- */

static void report_fault(void *arg, const json_t *fault)
{
	(void)arg;
	ctl_error("request %" PRId64 ": %s", ctl_answer_number(fault, "request"),
		ctl_answer_text(fault, "text"));
}

static void show_progress(void *arg, int64_t done, int64_t all)
{
	const struct refused *r = arg;

	ctl_progress(done, all, " requests", r->began);
}

static json_t *make_request(const struct refused *r)
{
	json_t *request = json_pack("{s:s}", "act", "recheck");

	if (r->source != NULL)
		ctl_ask_add(&request, "source", json_safe_text(r->source));
	if (r->dry_run)
		ctl_ask_add(&request, "dry_run", json_true());
	return request;
}

static void print_totals(struct refused *r, const json_t *done)
{
	int64_t judged = ctl_answer_number(done, "judged");
	int64_t stored = ctl_answer_number(done, "stored");
	int64_t to_run = ctl_answer_number(done, "to_run");
	const char *reason = ctl_answer_text(done, "reason");
	const char *hint = ctl_answer_text(done, "hint");
	struct buf out = {0};

	buf_printf(&out,
		"%" PRId64 " request%s judged: %" PRId64 " event%s %s, %" PRId64
		" there already, %" PRId64 " still refused",
		judged, judged == 1 ? "" : "s", stored, stored == 1 ? "" : "s",
		r->dry_run ? "to store" : "stored", ctl_answer_number(done, "there"),
		ctl_answer_number(done, "refused"));
	if (*reason != '\0') {
		buf_add_text(&out, " (");
		buf_add_escaped(&out, reason, strlen(reason), '\0');
		buf_add_char(&out, ')');
	}
	buf_printf(&out, "; %" PRId64 " deliver%s to run\n", to_run, to_run == 1 ? "y" : "ies");
	if (!ctl_print(&out))
		r->failed = true;
	if (*hint != '\0')
		ctl_error("still refused: %s", hint);
	buf_free(&out);
}

static int ask_recheck(struct refused *r, struct ctl_ask *ask)
{
	int status;

	r->began = clock_steady();
	ask->matches = true;
	ask->only_reads = r->dry_run;
	ask->exchange.fault = report_fault;
	ask->exchange.progress = show_progress;
	ask->exchange.arg = r;
	status = ctl_ask(ask, make_request(r));
	if (ask->exchange.done != NULL)
		print_totals(r, ask->exchange.done);
	if (status != CTL_OK || !ctl_ask_stopped(ask))
		return status == CTL_OK && r->failed ? CTL_FAILED : status;
	ctl_error("stopped; run the same command again for the rest: no event is stored twice");
	return CTL_FAILED;
}

static int recheck(struct ctl *ctl, struct refused *r)
{
	struct ctl_ask ask;
	int status = ctl_ask_begin(&ask, ctl, r->store);

	if (status == CTL_OK)
		status = ask_recheck(r, &ask);
	ctl_ask_end(&ask);
	return status;
}

/* ---- the command ---- */

static bool take_option(struct refused *r, int key)
{
	if (key == 's')
		r->source = optarg;
	else if (key == 'l')
		return ctl_number("--limit", optarg, 1, LIMIT_MAX, &r->limit);
	else if (key == 'n')
		r->dry_run = true;
	else if (key == 'j')
		r->json = true;
	else if (key == 'D')
		r->store = optarg;
	else if (setenv("TZ", "UTC0", 1) == 0)
		tzset();
	return true;
}

static int refused_command(struct ctl *ctl, int argc, char **argv)
{
	struct refused r = {.limit = LIMIT_DEFAULT, .now = clock_wall()};
	const char *verb;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_refused, argc, argv, &status)) >= 0)
		if (!take_option(&r, key))
			return CTL_USAGE;
	if (key == CTL_STOP)
		return status;
	verb = optind < argc ? argv[optind] : "list";
	if (argc - optind <= 1 && strcmp(verb, "list") == 0 && !r.dry_run)
		return read_store(ctl, &r, list_requests);
	if (argc - optind == 1 && strcmp(verb, "recheck") == 0)
		return recheck(ctl, &r);
	if (argc - optind != 2 || strcmp(verb, "show") != 0 || r.dry_run) {
		ctl_error("refused: expected list, show N, or recheck [--dry-run]");
		return CTL_USAGE;
	}
	if (!ctl_number("N", argv[optind + 1], 1, INT64_MAX, &r.id))
		return CTL_USAGE;
	return read_store(ctl, &r, show_request);
}

const struct ctl_command ctl_refused = {
	"refused",
	"[list] | show N | recheck [--source NAME] [--dry-run]",
	"list requests that no secret proved, or judge them again by the secrets of now",
	options,
	refused_command,
};
