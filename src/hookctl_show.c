#include "clock.h"
#include "ctl.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREVIEW_LINES 10 /* of a payload, each folded at FOLD columns */
#define FOLD          72

static const struct ctl_option options[] = {
	{'p', "payload", NULL, "only the payload, byte for byte"},
	{'j', "json", NULL, "all as one JSON object"},
	{'D', "store", "FILE", "look into this store (the config's)"},
	{0},
};

/* A delivery's row, kept: its attempts are read when all rows were seen. */
struct delivery {
	int64_t id, attempts, failures, due_at, behind, failed_id, replay_of, replayed_by,
		paused_at;
	enum delivery_state state;
	char *hook, *key, *reason;
};

struct show {
	struct store_reader *reader;
	struct buf out;
	bool json, payload_only, found, failed;
	struct delivery *deliveries;
	size_t count;
	size_t attempts; /* of the delivery at hand */
};

static void add_field(struct buf *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	buf_printf(out, "  %-16s ", name);
	buf_add_escaped(out, text, strlen(text), '\0');
	buf_add_char(out, '\n');
}

static void add_time_field(struct buf *out, const char *name, int64_t ms)
{
	char text[CTL_TIME];

	if (ms == 0)
		return;
	ctl_time(ms, text);
	add_field(out, name, text);
}

/* The first lines, long ones folded. What is not printable is escaped; a
 * backslash stands as it is, since JSON is full of them. */
static void add_preview(struct buf *out, const char *payload, size_t len, int64_t id)
{
	size_t lines = 0, column = 0, i = 0;

	while (i < len && lines < PREVIEW_LINES) {
		size_t n = 1;

		if (payload[i] == '\n') {
			i++;
			buf_add_char(out, '\n');
			lines++;
			column = 0;
			continue;
		}
		while (i + n < len && n < 4 && ((unsigned char)payload[i + n] & 0xc0) == 0x80)
			n++;
		if (column == FOLD) {
			buf_add_char(out, '\n');
			column = 0;
			if (++lines == PREVIEW_LINES)
				break;
		}
		if (column++ == 0)
			buf_add_text(out, "    ");
		if (payload[i] == '\\')
			buf_add_char(out, '\\');
		else
			buf_add_escaped(out, payload + i, n, '\0');
		i += n;
	}
	if (column > 0)
		buf_add_char(out, '\n');
	if (i < len)
		buf_printf(out, "    … (whole: hookctl show %" PRId64 " --payload)\n", id);
}

struct declined {
	const char *hook, *reason;
	size_t hook_len, reason_len;
};

/* The next of the lines "HOOK\tREASON\n"; false when there is none. */
static bool declined_next(const char **lines, struct declined *d)
{
	if (*lines == NULL || **lines == '\0')
		return false;
	size_t len = strcspn(*lines, "\n");

	d->hook = *lines;
	d->hook_len = strcspn(*lines, "\t\n");
	d->reason = d->hook + (d->hook_len < len ? d->hook_len + 1 : len);
	d->reason_len = (size_t)(*lines + len - d->reason);
	*lines += len + ((*lines)[len] == '\n');
	return true;
}

static void add_declined_text(struct buf *out, const char *lines)
{
	struct declined d;

	while (declined_next(&lines, &d)) {
		buf_printf(out, "  %-16s ", "declined");
		buf_add_escaped(out, d.hook, d.hook_len, '\0');
		buf_add_text(out, ": ");
		buf_add_escaped(out, d.reason, d.reason_len, '\0');
		buf_add_char(out, '\n');
	}
}

static void add_declined_json(struct buf *out, const char *lines)
{
	struct declined d;
	const char *comma = "";

	buf_add_text(out, ",\"declined\":[");
	while (declined_next(&lines, &d)) {
		buf_printf(out, "%s{\"hook\":", comma);
		buf_add_json(out, d.hook, d.hook_len);
		buf_add_text(out, ",\"reason\":");
		buf_add_json(out, d.reason, d.reason_len);
		buf_add_char(out, '}');
		comma = ",";
	}
	buf_add_char(out, ']');
}

static void add_event_text(struct buf *out, const struct store_event_row *e)
{
	buf_printf(out, "event %" PRId64 "\n", e->id);
	add_field(out, "type", e->type != NULL ? e->type : "(none)");
	add_field(out, "source", e->source);
	if (e->entity_kind != NULL || e->entity_id != NULL) {
		struct buf entity = {0};

		buf_printf(&entity, "%s%s%s", e->entity_kind != NULL ? e->entity_kind : "",
			e->entity_kind != NULL && e->entity_id != NULL ? " " : "",
			e->entity_id != NULL ? e->entity_id : "");
		add_field(out, "entity", entity.data);
		buf_free(&entity);
	}
	add_time_field(out, "received", e->received_at);
	add_field(out, "from", e->remote != NULL && *e->remote != '\0' ? e->remote : NULL);
	add_field(out, "origin", e->origin);
	add_time_field(out, "occurred", e->occurred_at);
	add_field(out, "provider's id", e->provider_event_id);
	add_field(out, "idempotency key", e->idempotency_key);
	if (e->duplicates > 0)
		buf_printf(out, "  %-16s %" PRId64 "\n", "duplicates", e->duplicates);
	if (e->conflicts > 0)
		buf_printf(out, "  %-16s %" PRId64 " (the same key with another body)\n",
			"conflicts", e->conflicts);
	add_field(out, "quarantined", e->quarantined);
	add_declined_text(out, e->declined);
	buf_printf(out, "  %-16s %zu byte%s\n", "payload", e->payload_len,
		e->payload_len == 1 ? "" : "s");
	add_preview(out, e->payload, e->payload_len, e->id);
}

static void event_seen(void *arg, const struct store_event_row *e)
{
	struct show *s = arg;

	s->found = true;
	if (s->payload_only) {
		buf_add(&s->out, e->payload, e->payload_len);
	} else if (s->json) {
		buf_add_char(&s->out, '{');
		ctl_event_json(&s->out, e);
		add_declined_json(&s->out, e->declined);
		buf_printf(&s->out, ",\"payload_bytes\":%zu,\"payload\":", e->payload_len);
		buf_add_json(&s->out, e->payload, e->payload_len);
	} else {
		add_event_text(&s->out, e);
	}
}

static void delivery_seen(void *arg, const struct store_delivery_row *d)
{
	struct show *s = arg;
	struct delivery *more = realloc(s->deliveries, (s->count + 1) * sizeof(*more));

	if (more == NULL) {
		s->failed = true;
		return;
	}
	s->deliveries = more;
	more[s->count] = (struct delivery){.id = d->id,
		.attempts = d->attempts,
		.failures = d->failures,
		.due_at = d->due_at,
		.behind = d->behind,
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
		s->failed = true;
	s->count++;
}

static void add_attempt_text(struct buf *out, const struct store_attempt_row *a)
{
	char started[CTL_TIME];

	ctl_time(a->started_at, started);
	buf_printf(out, "    attempt %" PRId64 "  %s  %s", a->number, started, a->result);
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

/* `,"key":7`, or null for 0. */
static void add_json_number(struct buf *out, const char *key, int64_t number)
{
	if (number > 0)
		buf_printf(out, ",\"%s\":%" PRId64, key, number);
	else
		buf_printf(out, ",\"%s\":null", key);
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
	add_json_number(out, "signal", a->signal);
	add_json_number(out, "status", a->status);
	ctl_json_text(out, true, "message", a->message);
	buf_add_text(out, ",\"output\":");
	buf_add_json(out, a->output, a->output_len);
	buf_add_char(out, '}');
}

static void attempt_seen(void *arg, const struct store_attempt_row *a)
{
	struct show *s = arg;

	if (s->json)
		add_attempt_json(&s->out, s->attempts > 0, a);
	else
		add_attempt_text(&s->out, a);
	s->attempts++;
}

static void add_delivery_text(struct buf *out, const struct delivery *d)
{
	char due[CTL_TIME], span[CTL_SPAN];
	int64_t wait = (d->due_at - clock_wall()) / 1000;

	buf_printf(out, "\ndelivery %" PRId64 "\n", d->id);
	add_field(out, "hook", d->hook);
	if (d->failed_id != 0)
		buf_printf(out, "  for delivery %" PRId64 ", which was given up\n", d->failed_id);
	if (d->replay_of != 0)
		buf_printf(out, "  replay of delivery %" PRId64 "\n", d->replay_of);
	if (d->replayed_by != 0)
		buf_printf(out, "  replayed by delivery %" PRId64 "\n", d->replayed_by);
	buf_printf(out, "  %-16s %s, %" PRId64 " attempt%s, %" PRId64 " failed\n", "state",
		store_state_text(d->state), d->attempts, d->attempts == 1 ? "" : "s", d->failures);
	add_field(out, "reason", d->reason);
	if (d->state == DELIVERY_READY && d->paused_at != 0)
		add_time_field(out, "hook paused", d->paused_at);
	if (d->behind != 0) {
		buf_printf(out, "  held behind delivery %" PRId64 "\n", d->behind);
	} else if (d->state == DELIVERY_READY) {
		ctl_time(d->due_at, due);
		ctl_span(wait < 0 ? -wait : wait, span);
		buf_printf(out, "  %-16s %s (%s%s%s)\n", "next due", due, wait > 0 ? "in " : "",
			wait == 0 ? "now" : span, wait < 0 ? " ago" : "");
	}
	add_field(out, "idempotency key", d->key);
}

static void add_delivery_json(struct buf *out, bool comma, const struct delivery *d)
{
	buf_printf(out, "%s{\"id\":%" PRId64, comma ? "," : "", d->id);
	ctl_json_text(out, true, "hook", d->hook);
	ctl_json_text(out, true, "state", store_state_text(d->state));
	ctl_json_text(out, true, "reason", d->reason);
	ctl_json_time(out, "due_at", d->state == DELIVERY_READY ? d->due_at : 0);
	add_json_number(out, "behind", d->behind);
	add_json_number(out, "failed_id", d->failed_id);
	add_json_number(out, "replay_of", d->replay_of);
	add_json_number(out, "replayed_by", d->replayed_by);
	ctl_json_time(out, "hook_paused_at", d->paused_at);
	ctl_json_text(out, true, "idempotency_key", d->key);
	buf_printf(out, ",\"failures\":%" PRId64 ",\"attempts\":[", d->failures);
}

static bool add_deliveries(struct show *s, int64_t event, char why[STORE_READ_WHY])
{
	if (!store_read_deliveries(s->reader, event, delivery_seen, s, why))
		return false;
	if (s->json)
		buf_add_text(&s->out, ",\"deliveries\":[");
	else if (s->count == 0)
		buf_add_text(&s->out, "\nno deliveries: no hook wants it\n");
	for (size_t i = 0; i < s->count && !s->failed; i++) {
		s->attempts = 0;
		if (s->json)
			add_delivery_json(&s->out, i > 0, &s->deliveries[i]);
		else
			add_delivery_text(&s->out, &s->deliveries[i]);
		if (!store_read_attempts(s->reader, s->deliveries[i].id, attempt_seen, s, why))
			return false;
		if (s->json)
			buf_add_text(&s->out, "]}");
	}
	if (s->json)
		buf_add_text(&s->out, "]}\n");
	return true;
}

static int show(struct show *s, const char *name, int64_t id)
{
	char why[STORE_READ_WHY];

	if (!store_read_event(s->reader, id, event_seen, s, why)) {
		ctl_say("%s", why);
		return CTL_FAILED;
	}
	if (!s->found) {
		ctl_say("no event %" PRId64 " in %s", id, name);
		return CTL_FAILED;
	}
	if (!s->payload_only && !add_deliveries(s, id, why)) {
		ctl_say("%s", why);
		return CTL_FAILED;
	}
	if (s->failed)
		s->out.failed = true;
	return ctl_put(&s->out) ? CTL_OK : CTL_FAILED;
}

static int run(struct ctl *ctl, int argc, char **argv)
{
	const char *store = NULL;
	struct show s = {0};
	char *name;
	int64_t id;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_show, argc, argv, &status)) >= 0) {
		switch (key) {
		case 'p':
			s.payload_only = true;
			break;
		case 'j':
			s.json = true;
			break;
		case 'D':
			store = optarg;
			break;
		}
	}
	if (key == CTL_STOP)
		return status;
	if (s.json && s.payload_only) {
		ctl_say("show: either --json or --payload");
		return CTL_USAGE;
	}
	if (!ctl_operands(&ctl_show, argc, 1, "an event's ID, as hookctl events lists them") ||
		!ctl_number("ID", argv[optind], 1, INT64_MAX, &id))
		return CTL_USAGE;
	s.reader = ctl_store(ctl, store, &name, &status);
	if (s.reader == NULL)
		return status;
	status = show(&s, name != NULL ? name : "the store", id);
	for (size_t i = 0; i < s.count; i++) {
		free(s.deliveries[i].hook);
		free(s.deliveries[i].key);
		free(s.deliveries[i].reason);
	}
	free(s.deliveries);
	buf_free(&s.out);
	free(name);
	store_reader_close(s.reader);
	return status;
}

const struct ctl_command ctl_show = {
	"show",
	"[--payload | --json] ID",
	"show an event, its deliveries and each attempt with its output",
	options,
	run,
};
