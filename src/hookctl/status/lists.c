/* hookctl/status/lists.c - the lists of `status`: a row for each source, hook and delivery that
 * there is something to say of. */
#include "status.h"

#include "base/clock.h"
#include "hookctl/output.h"
#include "hookctl/table.h"
#include "store/refused.h"
#include "store/report.h"
#include "store/status.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
	SHOWN = 5,               /* dead deliveries, and failing ones */
	REFUSED = 5 * 60 * 1000, /* ms: a source that refuses everything for longer … */
	REFUSED_LEAST = 2,       /* … and more than a stray request */
};

void ctl_status_text(struct ctl_status *s, const char *text)
{
	buf_add_escaped(&s->out, text, strlen(text), '\0');
}

void ctl_status_ago(struct ctl_status *s, int64_t then)
{
	char span[CTL_SPAN];
	int64_t seconds = (s->now - then) / 1000;

	ctl_span_format(seconds < 0 ? -seconds : seconds, span);
	buf_printf(&s->out, seconds < 0 ? "in %s" : "%s ago", span);
}

void ctl_status_attention(struct ctl_status *s, const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	(void)vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (s->attention.len > 0)
		buf_add_text(&s->attention, "; ");
	buf_add_escaped(&s->attention, text, strlen(text), '\0');
}

static void begin_row(struct ctl_status *s, const char *title)
{
	if (s->is_json)
		buf_add_text(&s->json, s->rows > 0 ? ",{" : "{");
	else if (s->rows == 0)
		buf_printf(&s->out, "%s\n", title);
	s->rows++;
}

static void add_source(void *arg, const struct store_status_source *row)
{
	struct ctl_status *s = arg;

	begin_row(s, "last event");
	if (s->is_json) {
		ctl_json_text(&s->json, false, "source", row->name);
		ctl_json_time(&s->json, "last_event_at", row->last);
		buf_add_char(&s->json, '}');
		return;
	}
	buf_add_text(&s->out, "  ");
	ctl_status_text(s, row->name);
	buf_add_text(&s->out, "  ");
	if (row->last != 0)
		ctl_status_ago(s, row->last);
	else
		buf_add_text(&s->out, "none yet");
	buf_add_char(&s->out, '\n');
}

static void add_paused(void *arg, const struct store_status_paused *row)
{
	struct ctl_status *s = arg;

	ctl_status_attention(s, "hook %s is paused", row->hook);
	begin_row(s, "paused");
	if (s->is_json) {
		ctl_json_text(&s->json, false, "hook", row->hook);
		ctl_json_time(&s->json, "since", row->since);
		buf_printf(&s->json, ",\"waiting\":%" PRId64 "}", row->waiting);
		return;
	}
	buf_add_text(&s->out, "  ");
	ctl_status_text(s, row->hook);
	buf_add_text(&s->out, "  ");
	ctl_status_ago(s, row->since);
	buf_printf(&s->out, ", %" PRId64 " waiting\n", row->waiting);
}

static void add_held(struct ctl_status *s, const json_t *row, int64_t waiting)
{
	const char *hook = ctl_answer_text(row, "hook"), *why = ctl_answer_text(row, "why");
	const int64_t since = ctl_answer_number(row, "since");

	ctl_status_attention(s, "hook %s is held: its server is down", hook);
	begin_row(s, "held");
	if (s->is_json) {
		ctl_json_text(&s->json, false, "hook", hook);
		ctl_json_time(&s->json, "since", since);
		ctl_json_text(&s->json, true, "why", why);
		buf_printf(&s->json, ",\"waiting\":%" PRId64 "}", waiting);
		return;
	}
	buf_add_text(&s->out, "  ");
	ctl_status_text(s, hook);
	buf_printf(&s->out, "  %" PRId64 " waiting, since ", waiting);
	ctl_status_ago(s, since);
	buf_add_text(&s->out, "\n    ");
	ctl_status_text(s, why);
	buf_add_char(&s->out, '\n');
}

/* Hooks whose servers are down, as hookd knows them. */
static bool list_held(struct ctl_status *s, char why[STORE_READ_WHY])
{
	const json_t *row;
	size_t i;

	json_array_foreach(json_object_get(s->hookd, "held"), i, row)
	{
		int64_t waiting;

		if (!store_report_waiting(s->reader, ctl_answer_text(row, "hook"), &waiting, why))
			return false;
		add_held(s, row, waiting);
	}
	return true;
}

static void add_refused(void *arg, const struct store_refused_source *row)
{
	struct ctl_status *s = arg;

	if (row->count < REFUSED_LEAST || s->now - row->first < REFUSED)
		return;
	ctl_status_attention(s, "every request of %s is refused: %s", row->name, row->reason);
	begin_row(s, "refused");
	if (s->is_json) {
		ctl_json_text(&s->json, false, "source", row->name);
		ctl_json_time(&s->json, "since", row->first);
		ctl_json_text(&s->json, true, "reason", row->reason);
		buf_printf(&s->json, ",\"kept\":%" PRId64 "}", row->count);
		return;
	}
	buf_add_text(&s->out, "  ");
	ctl_status_text(s, row->name);
	buf_printf(&s->out, "  %" PRId64 " requests, the last ", row->count);
	ctl_status_ago(s, row->last);
	buf_add_text(&s->out, ": ");
	ctl_status_text(s, row->reason);
	buf_add_text(&s->out, " (hookctl refused)\n");
}

static void add_dead(void *arg, const struct store_report_dead *row)
{
	struct ctl_status *s = arg;

	begin_row(s, "dead");
	if (s->is_json) {
		buf_printf(&s->json, "\"event\":%" PRId64, row->event);
		ctl_json_text(&s->json, true, "hook", row->hook);
		ctl_json_time(&s->json, "ended_at", row->ended_at);
		ctl_json_text(&s->json, true, "message", row->message);
		buf_add_char(&s->json, '}');
		return;
	}
	buf_printf(&s->out, "  event %" PRId64 "  ", row->event);
	ctl_status_text(s, row->hook);
	buf_add_text(&s->out, "  ");
	ctl_status_ago(s, row->ended_at);
	buf_add_text(&s->out, "\n    ");
	ctl_status_text(s, row->message);
	buf_add_char(&s->out, '\n');
}

static void add_failing(void *arg, const struct store_status_failing *row)
{
	struct ctl_status *s = arg;

	begin_row(s, "failing");
	if (s->is_json) {
		buf_printf(&s->json, "\"event\":%" PRId64, row->event);
		ctl_json_text(&s->json, true, "hook", row->hook);
		buf_printf(&s->json, ",\"failures\":%" PRId64, row->failures);
		ctl_json_time(&s->json, "due_at", row->due_at);
		ctl_json_text(&s->json, true, "message", row->message);
		buf_add_char(&s->json, '}');
		return;
	}
	buf_printf(&s->out, "  event %" PRId64 "  ", row->event);
	ctl_status_text(s, row->hook);
	buf_printf(&s->out, "  failed %" PRId64 " time%s, next ", row->failures,
		row->failures == 1 ? "" : "s");
	ctl_status_ago(s, row->due_at);
	buf_add_text(&s->out, "\n    ");
	ctl_status_text(s, row->message);
	buf_add_char(&s->out, '\n');
}

bool ctl_status_lists(struct ctl_status *s, char why[STORE_READ_WHY])
{
	bool good;

	buf_add_text(&s->json, ",\"sources\":[");
	s->rows = 0;
	good = store_status_sources(s->reader, add_source, s, why);
	buf_add_text(&s->json, "],\"refused\":[");
	s->rows = 0;
	good = good && store_refused_sources(s->reader, s->now, add_refused, s, why);
	buf_add_text(&s->json, "],\"paused\":[");
	s->rows = 0;
	good = good && store_status_paused(s->reader, add_paused, s, why);
	buf_add_text(&s->json, "],\"held\":[");
	s->rows = 0;
	good = good && list_held(s, why);
	buf_add_text(&s->json, "],\"dead\":[");
	s->rows = 0;
	good = good && store_report_dead(s->reader, SHOWN, add_dead, s, why);
	buf_add_text(&s->json, "],\"failing\":[");
	s->rows = 0;
	good = good && store_status_failing(s->reader, SHOWN, add_failing, s, why);
	buf_add_char(&s->json, ']');
	return good;
}
