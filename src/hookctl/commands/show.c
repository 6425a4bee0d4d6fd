/* hookctl/commands/show.c - prints an event with its deliveries and their attempts
 * (show/deliveries.c), or for KIND:ID the history of an entity (show/timeline.c). With --payload
 * the payload alone, with --json one object. */
#include "commands.h"

#include "base/character.h"
#include "hookctl/config.h"
#include "hookctl/filter.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/show/deliveries.h"
#include "hookctl/show/timeline.h"
#include "hookctl/table.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREVIEW_LINES 10 /* of the payload, folded at FOLD columns */
#define FOLD          72

/* No line shows more: a character takes four bytes, and each of its marks. */
#define PREVIEW_BYTES ((size_t)PREVIEW_LINES * FOLD * 4 * (1 + SHOWN_MARKS))

static const struct ctl_option options[] = {
	{'p', "payload", NULL, "print only the payload, byte for byte"},
	{'j', "json", NULL, "print everything as one JSON object"},
	{'U', "utc", NULL, "print times in UTC, not local"},
	{'D', "store", "FILE", "read this store (the config's)"},
	{0},
};

struct show {
	struct store_reader *reader;
	struct buf out;
	bool json, payload_only, found, damaged, failed;
};

/* A line of escaped text, folded; false: the last line that is shown is full. */
static bool add_folded(struct buf *out, const char *text, size_t *lines)
{
	size_t column = 0, one, n;

	for (; *text != '\0'; text += n) {
		n = ctl_character(text, &one);
		if (column + one > FOLD) {
			buf_add_char(out, '\n');
			column = 0;
			if (++*lines == PREVIEW_LINES)
				return false;
		}
		if (column == 0)
			buf_add_text(out, "    ");
		column += one;
		buf_add(out, text, n);
	}
	buf_add_char(out, '\n');
	++*lines;
	return true;
}

/* Adds the first lines, long ones folded. Unprintable characters are escaped, but not the
 * backslash, which is frequent in JSON. */
static void add_preview(struct buf *out, const char *payload, size_t len, int64_t id)
{
	size_t lines = 0, i = 0;
	struct buf line = {0};
	bool whole = true;

	while (whole && i < len && lines < PREVIEW_LINES) {
		const char *end = memchr(payload + i, '\n', len - i);
		size_t n = end != NULL ? (size_t)(end - payload) - i : len - i;

		whole = n <= PREVIEW_BYTES;
		buf_clear(&line);
		buf_add_escaped(&line, payload + i, whole ? n : PREVIEW_BYTES, '\0');
		out->failed |= line.failed;
		whole = add_folded(out, line.len > 0 ? line.data : "", &lines) && whole;
		i += n + (end != NULL);
	}
	if (!whole || i < len)
		buf_printf(out, "    … (all of it: hookctl show %" PRId64 " --payload)\n", id);
	buf_free(&line);
}

struct declined {
	const char *hook, *reason;
	size_t hook_len, reason_len;
};

/* Reads the next of the lines "HOOK\tREASON\n". False: there is none. */
static bool next_declined(const char **lines, struct declined *d)
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

	while (next_declined(&lines, &d)) {
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
	while (next_declined(&lines, &d)) {
		buf_printf(out, "%s{\"hook\":", comma);
		buf_add_json(out, d.hook, d.hook_len);
		buf_add_text(out, ",\"reason\":");
		buf_add_json(out, d.reason, d.reason_len);
		buf_add_char(out, '}');
		comma = ",";
	}
	buf_add_char(out, ']');
}

/* "api: 47 min late; the webhook's copy never came" */
static void add_origin(struct buf *out, const struct store_event_row *e)
{
	const bool late = e->occurred_at != 0 && e->received_at > e->occurred_at;
	struct buf text = {0};
	char span[CTL_SPAN];

	buf_add_text(&text, e->origin);
	if (strcmp(e->origin, "api") == 0 && e->provider_event_id != NULL) {
		ctl_span_format(late ? (e->received_at - e->occurred_at) / 1000 : 0, span);
		buf_printf(&text, ": it came from the API, %s late; the webhook's copy %s", span,
			e->duplicates > 0 ? "came later" : "never came");
	}
	ctl_add_field(out, "origin", text.data);
	buf_free(&text);
}

static void add_event_text(struct buf *out, const struct store_event_row *e)
{
	buf_printf(out, "event %" PRId64 "\n", e->id);
	ctl_add_field(out, "type", e->type != NULL ? e->type : "(none)");
	ctl_add_field(out, "source", e->source);
	if (e->entity_kind != NULL || e->entity_id != NULL) {
		struct buf entity = {0};

		buf_printf(&entity, "%s%s%s", e->entity_kind != NULL ? e->entity_kind : "",
			e->entity_kind != NULL && e->entity_id != NULL ? " " : "",
			e->entity_id != NULL ? e->entity_id : "");
		ctl_add_field(out, "entity", entity.data);
		buf_free(&entity);
	}
	ctl_add_time_field(out, "received", e->received_at);
	ctl_add_field(out, "from", e->remote != NULL && *e->remote != '\0' ? e->remote : NULL);
	add_origin(out, e);
	ctl_add_time_field(out, "occurred", e->occurred_at);
	ctl_add_field(out, "provider's id", e->provider_event_id);
	ctl_add_field(out, "idempotency key", e->idempotency_key);
	ctl_add_field(out, "state key", e->state_key);
	if (e->duplicates > 0)
		buf_printf(out, "  %-16s %" PRId64 "\n", "duplicates", e->duplicates);
	if (e->conflicts > 0)
		buf_printf(out, "  %-16s %" PRId64 " (the same key with another body)\n",
			"conflicts", e->conflicts);
	ctl_add_field(out, "quarantined", e->quarantined);
	add_declined_text(out, e->declined);
	buf_printf(out, "  %-16s %zu byte%s%s\n", "payload", e->payload_len,
		e->payload_len == 1 ? "" : "s",
		e->damaged ? ", DAMAGED: not what was received" : "");
	add_preview(out, e->payload, e->payload_len, e->id);
}

/* Byte for byte; for a terminal, which would obey what is in it, line by line and escaped. */
static void add_whole_payload(struct buf *out, const char *payload, size_t len)
{
	if (ctl_screen() > 0)
		ctl_add_output(out, "", payload, len);
	else
		buf_add(out, payload, len);
}

static void add_stored_event(void *arg, const struct store_event_row *e)
{
	struct show *s = arg;

	s->found = true;
	s->damaged = e->damaged;
	if (s->payload_only) {
		add_whole_payload(&s->out, e->payload, e->payload_len);
	} else if (s->json) {
		buf_add_char(&s->out, '{');
		ctl_event_json(&s->out, e);
		ctl_json_text(&s->out, true, "state_key", e->state_key);
		add_declined_json(&s->out, e->declined);
		buf_printf(&s->out, ",\"payload_bytes\":%zu,\"payload_damaged\":%s,\"payload\":",
			e->payload_len, e->damaged ? "true" : "false");
		buf_add_json(&s->out, e->payload, e->payload_len);
	} else {
		add_event_text(&s->out, e);
	}
}

static bool add_event(struct show *s, int64_t id, char why[STORE_READ_WHY])
{
	bool good;

	if (!store_read_event(s->reader, id, add_stored_event, s, why))
		return false;
	if (!s->found || s->payload_only)
		return true;
	if (!s->json)
		return ctl_add_deliveries(&s->out, s->reader, id, why);
	buf_add_text(&s->out, ",\"deliveries\":");
	good = ctl_add_deliveries_json(&s->out, s->reader, id, why);
	buf_add_text(&s->out, "}\n");
	return good;
}

/* In one read transaction, so that the event's counts match its deliveries. */
static int show_event(struct show *s, const char *name, int64_t id)
{
	char why[STORE_READ_WHY];
	bool good = store_reader_begin(s->reader, why);

	if (good) {
		good = add_event(s, id, why);
		if (!store_reader_end(s->reader, why))
			good = false;
	}
	if (!good) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	if (!s->found) {
		ctl_error("no event %" PRId64 " in %s", id, name);
		return CTL_FAILED;
	}
	if (s->payload_only && s->damaged)
		ctl_error_damaged(id);
	return ctl_print(&s->out) && !(s->payload_only && s->damaged) ? CTL_OK : CTL_FAILED;
}

static bool read_show_options(struct ctl *ctl, struct show *s, struct ctl_filter *filter, int argc,
	char **argv, int *status)
{
	int key;

	while ((key = ctl_next_option(ctl, &ctl_show, argc, argv, status)) >= 0) {
		if (key == 'p')
			s->payload_only = true;
		else if (key == 'j')
			s->json = true;
		else if (!ctl_filter_option(filter, key))
			return false;
	}
	if (key == CTL_STOP)
		return false;
	if (s->json && s->payload_only) {
		ctl_error("show: either --json or --payload");
		return false;
	}
	return ctl_operands(&ctl_show, argc, 1,
		       "the ID of an event (see hookctl events), or the KIND:ID of an entity") &&
	       ctl_filter_end(filter);
}

static int show_command(struct ctl *ctl, int argc, char **argv)
{
	const char *kind = NULL, *entity = NULL;
	struct ctl_filter filter = {0};
	struct show s = {0};
	char *name;
	int64_t id = 0;
	int status = CTL_USAGE;

	if (!read_show_options(ctl, &s, &filter, argc, argv, &status))
		return status;
	if (!ctl_text("KIND:ID", argv[optind]))
		return CTL_USAGE;
	if (strchr(argv[optind], ':') != NULL)
		ctl_entity_split(argv[optind], &kind, &entity);
	else if (!ctl_event_id(argv[optind], &id))
		return CTL_USAGE;
	if (entity != NULL && s.payload_only) {
		ctl_error("show: --payload needs the ID of one event");
		return CTL_USAGE;
	}
	s.reader = ctl_store_open(ctl, filter.store, &name, &status);
	if (s.reader == NULL)
		return status;
	status = entity != NULL ? ctl_timeline_print(s.reader, kind, entity, s.json)
				: show_event(&s, name, id);
	buf_free(&s.out);
	free(name);
	store_reader_close(s.reader);
	return status;
}

const struct ctl_command ctl_show = {
	"show",
	"[--payload | --json] ID | KIND:ID",
	"show an event with each attempt, or the history of transaction:ID",
	options,
	show_command,
};
