/* hookctl/commands/refresh.c - has hookd read one transaction or payout back from the sender's API:
 *     shop  transaction:98446301: approved, 5 000 FCFA
 *     event 12 stored: transaction.approved
 */
#include "commands.h"

#include "base/json.h"
#include "hookctl/ask.h"
#include "hookctl/filter.h"
#include "hookctl/options.h"
#include "hookctl/output.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct ctl_option options[] = {
	{'s', "source", "NAME", "of this source (the one that has an API key)"},
	{'n', "dry-run", NULL, "only print what is missing"},
	{'j', "json", NULL, "print one JSON object a line"},
	{'D', "store", "FILE", "the hookd that runs on this store (the config's)"},
	{0},
};

struct refresh {
	const char *source, *store, *kind, *id;
	bool dry_run, json;
	int64_t rows;
};

/* ---- what is printed ---- */

static void add_json(struct buf *out, const json_t *row, bool is_fact)
{
	buf_add_char(out, '{');
	ctl_json_text(out, false, "source", ctl_answer_text(row, "source"));
	if (is_fact) {
		ctl_json_text(out, true, "entity", ctl_answer_text(row, "question"));
		ctl_json_text(out, true, "state", ctl_answer_text(row, "answer"));
	} else {
		ctl_json_text(out, true, "type", ctl_answer_text(row, "type"));
		ctl_json_id(out, "event", ctl_answer_number(row, "event"));
		ctl_json_known(out, "skipped", ctl_answer_text(row, "skip"));
	}
	buf_add_text(out, "}\n");
}

static void add_text(struct buf *out, const json_t *row, const char *name)
{
	const char *text = ctl_answer_text(row, name);

	buf_add_escaped(out, text, strlen(text), '\0');
}

static void add_event(struct buf *out, const json_t *row)
{
	const int64_t event = ctl_answer_number(row, "event");

	if (event != 0)
		buf_printf(out, "event %" PRId64 " stored: ", event);
	else
		buf_add_text(out, "missing: ");
	add_text(out, row, "type");
	if (*ctl_answer_text(row, "skip") != '\0') {
		buf_add_text(out, ", no hook runs: ");
		add_text(out, row, "skip");
	}
	buf_add_char(out, '\n');
}

static void add_fact(struct buf *out, const json_t *row)
{
	add_text(out, row, "source");
	buf_add_text(out, "  ");
	add_text(out, row, "question");
	buf_add_text(out, ": ");
	add_text(out, row, "answer");
	buf_add_char(out, '\n');
}

static bool print_row(void *arg, const json_t *row)
{
	struct refresh *r = arg;
	const bool is_fact = json_object_get(row, "question") != NULL;
	struct buf out = {0};
	bool good;

	r->rows += !is_fact;
	if (r->json)
		add_json(&out, row, is_fact);
	else if (is_fact)
		add_fact(&out, row);
	else
		add_event(&out, row);
	good = ctl_print(&out) && ctl_flush();
	buf_free(&out);
	return good;
}

/* ---- the run ---- */

static json_t *make_request(const struct refresh *r)
{
	json_t *request = json_pack("{s:s}", "act", "refresh");

	ctl_ask_add(&request, "kind", json_safe_text(r->kind));
	ctl_ask_add(&request, "id", json_safe_text(r->id));
	if (r->source != NULL)
		ctl_ask_add(&request, "source", json_safe_text(r->source));
	if (r->dry_run)
		ctl_ask_add(&request, "dry_run", json_true());
	return request;
}

static int run_on_store(struct ctl *ctl, struct refresh *r)
{
	struct ctl_ask ask;
	int status = ctl_ask_begin(&ask, ctl, r->store);

	ask.exchange.row = print_row;
	ask.exchange.arg = r;
	if (status == CTL_OK)
		status = ctl_ask(&ask, make_request(r));
	if (status == CTL_OK && r->rows == 0)
		fputs("nothing is missing\n", stderr);
	ctl_ask_end(&ask);
	return status;
}

static void take_option(struct refresh *r, int key)
{
	switch (key) {
	case 's':
		r->source = optarg;
		break;
	case 'n':
		r->dry_run = true;
		break;
	case 'j':
		r->json = true;
		break;
	case 'D':
		r->store = optarg;
		break;
	}
}

static int refresh_command(struct ctl *ctl, int argc, char **argv)
{
	struct refresh r = {0};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_refresh, argc, argv, &status)) >= 0)
		take_option(&r, key);
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_refresh, argc, 1, "one KIND:ID"))
		return CTL_USAGE;
	ctl_entity_split(argv[optind], &r.kind, &r.id);
	if (r.kind == NULL || *r.kind == '\0' || *r.id == '\0') {
		ctl_error("refresh: expected KIND:ID, such as transaction:98446301, not \"%s\"",
			argv[optind]);
		return CTL_USAGE;
	}
	return run_on_store(ctl, &r);
}

const struct ctl_command ctl_refresh = {
	"refresh",
	"[--source NAME] [--dry-run] KIND:ID",
	"read one transaction or payout back from the sender's API",
	options,
	refresh_command,
};
