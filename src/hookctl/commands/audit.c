/* hookctl/commands/audit.c - lists what hookctl was used for, the last first:
 *   when            user  act     changed  result  request
 *   11-30 20:41:07  root  replay       12  done    {"state":"dead","until":31}
 * with --json one object a line. */
#include "commands.h"

#include "base/clock.h"
#include "base/json.h"
#include "hookctl/config.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"
#include "store/audit.h"

#include <getopt.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIMIT_DEFAULT 20
#define LIMIT_MAX     INT32_MAX

static const struct ctl_option options[] = {
	{'n', "limit", "N", "at most N (20)"},
	{'j', "json", NULL, "print one JSON object a line"},
	{'U', "utc", NULL, "print times in UTC, not local"},
	{'D', "store", "FILE", "of this store (the config's)"},
	{0},
};

enum column { WHEN, USER, ACT, CHANGED, RESULT, REQUEST, COLUMNS };

static const struct ctl_column columns[COLUMNS] = {
	[WHEN] = {"when", false, 0, 0, 0},
	[USER] = {"user", false, 0, 0, 0},
	[ACT] = {"act", false, 0, 0, 0},
	[CHANGED] = {"changed", true, 0, 0, 0},
	[RESULT] = {"result", false, 2, 10, 7},
	[REQUEST] = {"request", false, 1, 12, 7},
};

struct audit {
	struct ctl_table table;
	int64_t limit, now;
	bool json, failed;
	const char *store;
};

/* The user's name, or the number if there is none. */
static void user_name(int64_t uid, char out[64])
{
	struct passwd entry, *found = NULL;
	char text[4096];

	if (getpwuid_r((uid_t)uid, &entry, text, sizeof(text), &found) == 0 && found != NULL)
		(void)snprintf(out, 64, "%s", found->pw_name);
	else
		(void)snprintf(out, 64, "%" PRId64, uid);
}

static const char *result_of(const struct store_audit_row *row)
{
	return row->result != NULL ? row->result : "not ended";
}

/* The request is JSON, unless somebody else wrote it. */
static void add_request(struct buf *out, const char *detail)
{
	json_t *request = NULL;
	char *text = NULL;

	if (json_read(detail, strlen(detail), NULL, &request, NULL) && request != NULL)
		text = json_text(request, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (text != NULL)
		buf_printf(out, ",\"request\":%s", text);
	else
		ctl_json_known(out, "request", detail);
	free(text);
	json_decref(request);
}

static bool print_json(const struct store_audit_row *row, const char *user)
{
	struct buf out = {0};
	bool good;

	buf_printf(&out, "{\"id\":%" PRId64, row->id);
	ctl_json_time(&out, "at", row->at);
	ctl_json_time(&out, "ended_at", row->ended_at);
	buf_printf(&out, ",\"uid\":%" PRId64, row->uid);
	ctl_json_text(&out, true, "user", user);
	ctl_json_text(&out, true, "act", row->act);
	add_request(&out, row->detail);
	buf_printf(&out, ",\"changed\":%" PRId64, row->changed);
	ctl_json_text(&out, true, "result", row->result);
	buf_add_text(&out, "}\n");
	good = ctl_print(&out);
	buf_free(&out);
	return good;
}

static void add_row(void *arg, const struct store_audit_row *row)
{
	struct audit *a = arg;
	struct buf *cells;
	char user[64];

	user_name(row->uid, user);
	if (a->json) {
		a->failed = a->failed || !print_json(row, user);
		return;
	}
	cells = ctl_table_row(&a->table, row->result != NULL ? NULL : CTL_YELLOW, RESULT);
	ctl_cell_time(&cells[WHEN], row->at, a->now, false);
	ctl_cell(&cells[USER], user);
	ctl_cell(&cells[ACT], row->act);
	buf_printf(&cells[CHANGED], "%" PRId64, row->changed);
	ctl_cell(&cells[RESULT], result_of(row));
	ctl_cell(&cells[REQUEST], row->detail);
}

static int list_acts(struct ctl *ctl, struct audit *a)
{
	char why[STORE_READ_WHY], *name;
	int status;
	struct store_reader *reader = ctl_store_open(ctl, a->store, &name, &status);

	if (reader == NULL)
		return status;
	status = CTL_FAILED;
	a->now = clock_wall();
	a->table.columns = columns;
	a->table.column_count = COLUMNS;
	if (!store_read_audit(reader, a->limit, add_row, a, why))
		ctl_error("%s", why);
	else if (!a->failed && (a->table.count == 0 || ctl_table_print(&a->table)))
		status = CTL_OK;
	ctl_table_free(&a->table);
	store_reader_close(reader);
	free(name);
	return status;
}

static int audit_command(struct ctl *ctl, int argc, char **argv)
{
	struct audit a = {.limit = LIMIT_DEFAULT};
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_audit, argc, argv, &status)) >= 0) {
		if (key == 'n' && !ctl_number("--limit", optarg, 1, LIMIT_MAX, &a.limit))
			return CTL_USAGE;
		else if (key == 'j')
			a.json = true;
		else if (key == 'U' && setenv("TZ", "UTC0", 1) == 0)
			tzset();
		else if (key == 'D')
			a.store = optarg;
	}
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_audit, argc, 0, "options only"))
		return CTL_USAGE;
	return list_acts(ctl, &a);
}

const struct ctl_command ctl_audit = {
	"audit",
	"[--limit N] [--json] [--utc]",
	"list what was changed by hand: when, by whom, what and how much",
	options,
	audit_command,
};
