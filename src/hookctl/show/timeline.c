#include "timeline.h"

#include "deliveries.h"
#include "hookctl/command.h"
#include "hookctl/entity_history.h"
#include "hookctl/output.h"
#include "hookctl/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEFORE "    " /* the lines below an event */

static void add_money_field(
	struct buf *out, const char *name, const struct payment *p, const char *amount)
{
	struct buf text = {0};

	if (*amount == '\0')
		return;
	payment_add_money(&text, p, amount);
	ctl_add_field(out, name, text.data);
	buf_free(&text);
}

static void add_text_field(struct buf *out, const char *name, const char *text)
{
	ctl_add_field(out, name, *text != '\0' ? text : NULL);
}

/* The payment's member from the last event that has it. */
static const char *latest_text(const struct ctl_history *h, size_t offset)
{
	const char *found = "";

	for (size_t i = 0; i < h->count; i++) {
		const char *text = *(char *const *)((const char *)&h->events[i].payment + offset);

		found = *text != '\0' ? text : found;
	}
	return found;
}

#define LATEST(h, member) latest_text(h, offsetof(struct payment, member))

static void add_head(struct buf *out, const struct ctl_history *h, const char *kind, const char *id)
{
	bool colour = ctl_colour();

	buf_add_text(out, colour ? CTL_BOLD : "");
	buf_add_escaped(out, kind, strlen(kind), '\0');
	buf_add_char(out, ' ');
	buf_add_escaped(out, id, strlen(id), '\0');
	buf_printf(out, "%s\n", colour ? CTL_PLAIN : "");
	ctl_add_field(out, "state", ctl_history_state(h));
	ctl_add_time_field(out, "since", h->last->happened_at);
	ctl_add_field(out, "source", h->source);
	if (h->payment != NULL) {
		add_money_field(out, "amount", &h->payment->payment, h->payment->payment.amount);
		add_money_field(out, "fees", &h->payment->payment, h->payment->payment.fees);
	}
	add_text_field(out, "reference", LATEST(h, reference));
	add_text_field(out, "customer", LATEST(h, customer));
	add_text_field(out, "mode", LATEST(h, mode));
}

static void add_gaps(struct buf *out, const struct ctl_history *h)
{
	bool colour = ctl_colour();
	const char *line = h->gaps.data;

	while (line != NULL && *line != '\0') {
		size_t len = strcspn(line, "\n");

		buf_printf(out, "  %s! ", colour ? CTL_YELLOW : "");
		buf_add_escaped(out, line, len, '\0');
		buf_printf(out, "%s\n", colour ? CTL_PLAIN : "");
		line += len + (line[len] == '\n');
	}
}

/* Adds the time from when it happened to its arrival; nothing if the sender's clock is ahead. */
static void add_delay(struct buf *out, const struct ctl_history_event *e)
{
	int64_t seconds = (e->received_at - e->happened_at) / 1000;
	char span[CTL_SPAN];

	if (seconds <= 0)
		return;
	ctl_span_format(seconds, span);
	buf_printf(out, ", received %s later", span);
}

static bool add_event(struct buf *out, struct store_reader *reader,
	const struct ctl_history_event *e, char why[STORE_READ_WHY])
{
	bool colour = ctl_colour();
	char happened[CTL_TIME];

	ctl_time_format(e->happened_at, happened);
	buf_printf(out, "\n%.19s  %s", happened, colour ? CTL_BOLD : "");
	buf_add_escaped(out, e->type, strlen(e->type), '\0');
	buf_printf(out, "%s  event %" PRId64, colour ? CTL_PLAIN : "", e->id);
	add_delay(out, e);
	if (e->late)
		buf_printf(out, "%s, late%s", colour ? CTL_YELLOW : "", colour ? CTL_PLAIN : "");
	buf_add_char(out, '\n');
	return ctl_add_deliveries_short(out, reader, e->id, BEFORE, why);
}

static bool add_text(struct buf *out, struct store_reader *reader, const struct ctl_history *h,
	const char *kind, const char *id, char why[STORE_READ_WHY])
{
	add_head(out, h, kind, id);
	add_gaps(out, h);
	for (size_t i = 0; i < h->count; i++)
		if (!add_event(out, reader, &h->events[i], why))
			return false;
	return true;
}

static void add_gaps_json(struct buf *out, const struct ctl_history *h)
{
	buf_add_text(out, ",\"gaps\":[");
	for (const char *line = h->gaps.data; line != NULL && *line != '\0';) {
		size_t len = strcspn(line, "\n");

		buf_add_text(out, line != h->gaps.data ? "," : "");
		buf_add_json(out, line, len);
		line += len + 1;
	}
	buf_add_char(out, ']');
}

static bool add_json(struct buf *out, struct store_reader *reader, const struct ctl_history *h,
	const char *kind, const char *id, char why[STORE_READ_WHY])
{
	const struct payment none = {
		.amount = (char[]){""}, .fees = (char[]){""}, .currency = (char[]){""}};
	const struct payment *money = h->payment != NULL ? &h->payment->payment : &none;
	bool good = true;

	buf_add_char(out, '{');
	ctl_json_text(out, false, "kind", kind);
	ctl_json_text(out, true, "id", id);
	ctl_json_text(out, true, "source", h->source);
	ctl_json_text(out, true, "state", ctl_history_state(h));
	ctl_json_time(out, "since", h->last->happened_at);
	ctl_json_known(out, "amount", money->amount);
	ctl_json_known(out, "fees", money->fees);
	ctl_json_known(out, "currency", money->currency);
	ctl_json_known(out, "reference", LATEST(h, reference));
	ctl_json_known(out, "customer", LATEST(h, customer));
	ctl_json_known(out, "mode", LATEST(h, mode));
	add_gaps_json(out, h);
	buf_add_text(out, ",\"events\":[");
	for (size_t i = 0; i < h->count && good; i++) {
		buf_printf(out, "%s{%s,\"late\":%s,\"deliveries\":", i > 0 ? "," : "",
			h->events[i].json, h->events[i].late ? "true" : "false");
		good = ctl_add_deliveries_json(out, reader, h->events[i].id, why);
		buf_add_char(out, '}');
	}
	buf_add_text(out, "]}\n");
	return good;
}

static void report_unknown(const char *kind, const char *id)
{
	struct buf entity = {0};

	buf_add_escaped(&entity, kind, strlen(kind), '\0');
	buf_add_char(&entity, ':');
	buf_add_escaped(&entity, id, strlen(id), '\0');
	ctl_error("the store has no event of %s", buf_ok(&entity) ? entity.data : "it");
	buf_free(&entity);
}

static bool add_histories(struct buf *out, struct store_reader *reader,
	const struct ctl_histories *all, const char *kind, const char *id, bool json)
{
	char why[STORE_READ_WHY];
	bool good = true;

	for (size_t i = 0; good && i < all->count; i++) {
		if (i > 0 && !json)
			buf_add_char(out, '\n');
		good = json ? add_json(out, reader, &all->list[i], kind, id, why)
			    : add_text(out, reader, &all->list[i], kind, id, why);
	}
	if (!good)
		ctl_error("%s", why);
	return good;
}

int ctl_timeline_print(struct store_reader *reader, const char *kind, const char *id, bool json)
{
	struct ctl_histories all;
	struct buf out = {0};
	int status = CTL_FAILED;

	if (ctl_histories_read(&all, reader, kind, id)) {
		if (all.count == 0)
			report_unknown(kind, id);
		else if (add_histories(&out, reader, &all, kind, id, json) && ctl_print(&out))
			status = CTL_OK;
	}
	buf_free(&out);
	ctl_histories_free(&all);
	return status;
}
