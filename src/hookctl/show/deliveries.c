#include "deliveries.h"

#include "base/clock.h"
#include "hookctl/output.h"
#include "hookctl/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A copy of a delivery's row: attempts are read after all deliveries. */
struct delivery {
	int64_t id, attempts, failures, due_at, blocked_by, failed_id, replay_of, replayed_by,
		paused_at;
	enum delivery_state state;
	char *hook, *key, *reason;
};

enum form { TEXT, JSON, SHORT };

struct deliveries {
	struct buf *out;
	enum form form;
	const char *before; /* each line, with SHORT */
	struct delivery *list;
	size_t count;
	const struct delivery *current; /* whose attempts are being read */
	size_t attempts;                /* number of its attempts read so far */
};

void ctl_add_field(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_printf(out, "  %-16s ", name);
	buf_add_escaped(out, text, strlen(text), '\0');
	buf_add_char(out, '\n');
}

void ctl_add_time_field(struct buf *out, const char *name, int64_t ms)
{
	char text[CTL_TIME];

	if (ms == 0)
		return;
	ctl_time_format(ms, text);
	ctl_add_field(out, name, text);
}

static void collect_delivery(void *arg, const struct store_delivery_row *d)
{
	struct deliveries *s = arg;
	struct delivery *more = realloc(s->list, (s->count + 1) * sizeof(*more));

	if (more == NULL) {
		s->out->failed = true;
		return;
	}
	s->list = more;
	more[s->count] = (struct delivery){.id = d->id,
		.attempts = d->attempts,
		.failures = d->failures,
		.due_at = d->due_at,
		.blocked_by = d->blocked_by,
		.failed_id = d->failed_id,
		.replay_of = d->replay_of,
		.replayed_by = d->replayed_by,
		.paused_at = d->paused_at,
		.state = d->state,
		.hook = strdup(d->hook),
		.key = strdup(d->idempotency_key),
		.reason = d->reason != NULL ? strdup(d->reason) : NULL};
	if (more[s->count].hook == NULL || more[s->count].key == NULL ||
		(d->reason != NULL && more[s->count].reason == NULL))
		s->out->failed = true;
	s->count++;
}

static void add_attempt_text(struct buf *out, const struct store_attempt_row *a)
{
	char started[CTL_TIME];

	ctl_time_format(a->started_at, started);
	buf_printf(out, "    attempt %" PRId64 "  %s  ", a->number, started);
	buf_add_escaped(out, a->result, strlen(a->result), '\0');
	if (a->exit_code >= 0)
		buf_printf(out, ", exit %d", a->exit_code);
	if (a->signal > 0)
		buf_printf(out, ", signal %d (%s)", a->signal, strsignal(a->signal));
	if (a->status > 0)
		buf_printf(out, ", status %d", a->status);
	if (a->ended_at != 0)
		buf_printf(out, ", took %" PRId64 ".%03" PRId64 " s",
			(a->ended_at - a->started_at) / 1000, (a->ended_at - a->started_at) % 1000);
	buf_add_char(out, '\n');
	if (a->message != NULL && *a->message != '\0') {
		buf_add_text(out, "      ");
		buf_add_escaped(out, a->message, strlen(a->message), '\0');
		buf_add_char(out, '\n');
	}
	ctl_add_output(out, "      | ", a->output, a->output_len);
}

static void add_attempt_json(struct buf *out, bool comma, const struct store_attempt_row *a)
{
	buf_printf(out, "%s{\"number\":%" PRId64, comma ? "," : "", a->number);
	ctl_json_time(out, "started_at", a->started_at);
	ctl_json_time(out, "ended_at", a->ended_at);
	ctl_json_text(out, true, "result", a->result);
	if (a->exit_code >= 0)
		buf_printf(out, ",\"exit_code\":%d", a->exit_code);
	else
		buf_add_text(out, ",\"exit_code\":null");
	ctl_json_id(out, "signal", a->signal);
	ctl_json_id(out, "status", a->status);
	ctl_json_text(out, true, "message", a->message);
	buf_add_text(out, ",\"output\":");
	buf_add_json(out, a->output, a->output_len);
	buf_add_char(out, '}');
}

/* Adds nothing for a delivery that succeeded at the first attempt: its own line reports that. */
static void add_attempt_short(const struct deliveries *s, const struct store_attempt_row *a)
{
	char started[CTL_TIME];

	if (s->current->attempts == 1 && strcmp(a->result, "ok") == 0)
		return;
	ctl_time_format(a->started_at, started);
	buf_printf(s->out, "%s  %.19s  attempt %" PRId64 " ", s->before, started, a->number);
	buf_add_escaped(s->out, a->result, strlen(a->result), '\0');
	if (a->message != NULL && *a->message != '\0') {
		buf_add_text(s->out, ": ");
		buf_add_escaped(s->out, a->message, strlen(a->message), '\0');
	}
	buf_add_char(s->out, '\n');
}

static void add_attempt(void *arg, const struct store_attempt_row *a)
{
	struct deliveries *s = arg;

	if (s->form == JSON)
		add_attempt_json(s->out, s->attempts > 0, a);
	else if (s->form == TEXT)
		add_attempt_text(s->out, a);
	else
		add_attempt_short(s, a);
	s->attempts++;
}

static void add_delivery_text(struct buf *out, const struct delivery *d)
{
	char due[CTL_TIME], span[CTL_SPAN];
	int64_t wait = (d->due_at - clock_wall()) / 1000;

	buf_printf(out, "\ndelivery %" PRId64 "\n", d->id);
	ctl_add_field(out, "hook", d->hook);
	if (d->failed_id != 0)
		buf_printf(out, "  for delivery %" PRId64 ", which was given up\n", d->failed_id);
	if (d->replay_of != 0)
		buf_printf(out, "  replay of delivery %" PRId64 "\n", d->replay_of);
	if (d->replayed_by != 0)
		buf_printf(out, "  replayed by delivery %" PRId64 "\n", d->replayed_by);
	buf_printf(out, "  %-16s %s, %" PRId64 " attempt%s, %" PRId64 " failed\n", "state",
		delivery_state_text(d->state), d->attempts, d->attempts == 1 ? "" : "s",
		d->failures);
	ctl_add_field(out, "reason", d->reason);
	if (d->state == DELIVERY_READY && d->paused_at != 0)
		ctl_add_time_field(out, "hook paused", d->paused_at);
	if (d->blocked_by != 0) {
		buf_printf(out, "  blocked by delivery %" PRId64 "\n", d->blocked_by);
	} else if (d->state == DELIVERY_READY) {
		ctl_time_format(d->due_at, due);
		ctl_span_format(wait < 0 ? -wait : wait, span);
		buf_printf(out, "  %-16s %s (%s%s%s)\n", "next due", due, wait > 0 ? "in " : "",
			wait == 0 ? "now" : span, wait < 0 ? " ago" : "");
	}
	ctl_add_field(out, "idempotency key", d->key);
}

static void add_delivery_json(struct buf *out, bool comma, const struct delivery *d)
{
	buf_printf(out, "%s{\"id\":%" PRId64, comma ? "," : "", d->id);
	ctl_json_text(out, true, "hook", d->hook);
	ctl_json_text(out, true, "state", delivery_state_text(d->state));
	ctl_json_text(out, true, "reason", d->reason);
	ctl_json_time(out, "due_at", d->state == DELIVERY_READY ? d->due_at : 0);
	ctl_json_id(out, "behind", d->blocked_by);
	ctl_json_id(out, "failed_id", d->failed_id);
	ctl_json_id(out, "replay_of", d->replay_of);
	ctl_json_id(out, "replayed_by", d->replayed_by);
	ctl_json_time(out, "hook_paused_at", d->paused_at);
	ctl_json_text(out, true, "idempotency_key", d->key);
	buf_printf(out, ",\"failures\":%" PRId64 ",\"attempts\":[", d->failures);
}

static void add_delivery_short(const struct deliveries *s, const struct delivery *d)
{
	bool given_up = d->state == DELIVERY_DEAD && d->replayed_by == 0, colour = ctl_colour();

	buf_add_text(s->out, s->before);
	buf_add_escaped(s->out, d->hook, strlen(d->hook), '\0');
	buf_printf(s->out, "  %s%s%s", given_up && colour ? CTL_RED : "",
		delivery_state_text(d->state), given_up && colour ? CTL_PLAIN : "");
	if (d->attempts > 0)
		buf_printf(s->out, " after %" PRId64 " attempt%s", d->attempts,
			d->attempts == 1 ? "" : "s");
	if (d->replay_of != 0)
		buf_printf(s->out, ", replay of delivery %" PRId64, d->replay_of);
	if (d->replayed_by != 0)
		buf_printf(s->out, ", replayed by delivery %" PRId64, d->replayed_by);
	if (d->reason != NULL) {
		buf_add_text(s->out, ": ");
		buf_add_escaped(s->out, d->reason, strlen(d->reason), '\0');
	}
	buf_add_char(s->out, '\n');
}

static void add_delivery(struct deliveries *s, bool first)
{
	if (s->form == JSON)
		add_delivery_json(s->out, !first, s->current);
	else if (s->form == TEXT)
		add_delivery_text(s->out, s->current);
	else
		add_delivery_short(s, s->current);
}

static void free_deliveries(struct deliveries *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->list[i].hook);
		free(s->list[i].key);
		free(s->list[i].reason);
	}
	free(s->list);
}

static bool add_deliveries(
	struct deliveries *s, struct store_reader *reader, int64_t event, char why[STORE_READ_WHY])
{
	bool good = store_read_deliveries(reader, event, collect_delivery, s, why);

	for (size_t i = 0; good && i < s->count && !s->out->failed; i++) {
		s->current = &s->list[i];
		s->attempts = 0;
		add_delivery(s, i == 0);
		good = store_read_attempts(reader, s->current->id, add_attempt, s, why);
		if (s->form == JSON)
			buf_add_text(s->out, "]}");
	}
	free_deliveries(s);
	return good;
}

bool ctl_add_deliveries(
	struct buf *out, struct store_reader *reader, int64_t event, char why[STORE_READ_WHY])
{
	struct deliveries s = {.out = out, .form = TEXT};
	bool good = add_deliveries(&s, reader, event, why);

	if (good && s.count == 0)
		buf_add_text(out, "\nno deliveries: no hook matched\n");
	return good;
}

bool ctl_add_deliveries_json(
	struct buf *out, struct store_reader *reader, int64_t event, char why[STORE_READ_WHY])
{
	struct deliveries s = {.out = out, .form = JSON};
	bool good;

	buf_add_char(out, '[');
	good = add_deliveries(&s, reader, event, why);
	buf_add_char(out, ']');
	return good;
}

bool ctl_add_deliveries_short(struct buf *out, struct store_reader *reader, int64_t event,
	const char *before, char why[STORE_READ_WHY])
{
	struct deliveries s = {.out = out, .form = SHORT, .before = before};

	return add_deliveries(&s, reader, event, why);
}
