/* control/acts/catch_up.c - reads events back from senders' APIs by hand, or asks what an API does.
 * The running hookd does it, in the thread that does so by itself. */
#include "act.h"
#include "base/json.h"
#include "catchup/catchup.h"

#include <string.h>

enum { NAME_BYTES = 255 };

/* A text or null. */
static json_t *text_or_null(const char *text)
{
	return text != NULL ? json_safe_text(text) : json_null();
}

static void send_row(void *arg, const struct catchup_row *row)
{
	act_send_row(arg,
		json_pack("{s:o, s:o, s:o, s:I, s:I, s:o}", "source", json_safe_text(row->source),
			"type", json_safe_text(row->type), "entity", text_or_null(row->entity),
			"occurred", (json_int_t)row->occurred_at, "event", (json_int_t)row->event,
			"skip", text_or_null(row->skip)));
}

static void send_fact(void *arg, const struct catchup_fact *fact)
{
	act_send_row(arg,
		json_pack("{s:o, s:o, s:o}", "source", json_safe_text(fact->source), "question",
			json_safe_text(fact->question), "answer", json_safe_text(fact->answer)));
}

static void send_progress(void *arg, int64_t done, int64_t all)
{
	act_send_progress(arg, done, all);
}

static bool is_stopped(void *arg)
{
	return act_stopped(arg, 0);
}

static json_t *run_order(struct act *a, struct catchup_order *order)
{
	const struct control_host *host = a->context->host;

	if (host == NULL)
		return act_fail(a, "no hookd runs on this store: it alone asks an API");
	order->source = act_text(a, "source");
	order->row = send_row;
	order->fact = send_fact;
	order->progress = send_progress;
	order->stopped = is_stopped;
	order->arg = a;
	host->catch_up(host->arg, order);
	if (!order->good && order->found == 0)
		return act_fail(a, "%s", order->why);
	if (!order->good && !a->stopped) {
		a->cut = true;
		(void)act_fail(a, "%s", order->why);
	}
	return json_pack("{s:I, s:I}", "found", (json_int_t)order->found, "filled",
		(json_int_t)order->filled);
}

static json_t *catch_up(struct act *a)
{
	struct catchup_order order = {
		.since = act_number(a, "since", 0),
		.dry_run = a->dry_run,
	};

	return run_order(a, &order);
}

static json_t *refresh(struct act *a)
{
	struct catchup_order order = {
		.kind = act_text(a, "kind"),
		.id = act_text(a, "id"),
		.dry_run = a->dry_run,
	};

	return run_order(a, &order);
}

static json_t *check_api(struct act *a)
{
	struct catchup_order order = {.check = true};

	return run_order(a, &order);
}

static const struct act_member members[] = {
	{"source", ACT_TEXT, 1, NAME_BYTES, false},
	{"since", ACT_NUMBER, 1, INT64_MAX, false},
	{"dry_run", ACT_FLAG, 0, 0, false},
	{0},
};

static const struct act_member refresh_members[] = {
	{"source", ACT_TEXT, 1, NAME_BYTES, false},
	{"kind", ACT_TEXT, 1, NAME_BYTES, true},
	{"id", ACT_TEXT, 1, NAME_BYTES, true},
	{"dry_run", ACT_FLAG, 0, 0, false},
	{0},
};

static const struct act_member check_members[] = {
	{"source", ACT_TEXT, 1, NAME_BYTES, false},
	{0},
};

const struct act_kind act_catch_up = {.name = "catch-up", .members = members, .run = catch_up};
const struct act_kind act_refresh = {.name = "refresh", .members = refresh_members, .run = refresh};
const struct act_kind act_check_api = {
	.name = "check-api", .members = check_members, .unaudited = true, .run = check_api};
