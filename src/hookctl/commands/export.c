/* hookctl/commands/export.c - writes the events to stdout, the oldest first: as CSV for
 * accountants
 *   time,transaction,reference,type,amount,currency,fees,customer,mode
 * or with --format ndjson as JSON lines, with the payload, that `hookctl import` reads. */
#include "commands.h"

#include "base/clock.h"
#include "base/money.h"
#include "base/utf8.h"
#include "event/payment.h"
#include "hookctl/config.h"
#include "hookctl/csv.h"
#include "hookctl/filter.h"
#include "hookctl/options.h"
#include "hookctl/output.h"
#include "hookctl/table.h"

#include <getopt.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct ctl_option options[] = {
	{'o', "format", "FORMAT", "csv for accountants (the default), ndjson for import"},
	{'t', "type", "GLOB", "of this type: 'transaction.*'"},
	{'s', "source", "NAME", "of this source"},
	{'e', "entity", "ID", "of this entity: 98446301, transaction:98446301"},
	{'f', "since", "TIME", "received since: 2h, 3d, 2026-06-30T22:50:00Z"},
	{'u', "until", "TIME", "received before that"},
	{'x', "text", "TEXT", "whose payload contains this"},
	{'U', "utc", NULL, "csv: times in UTC, not local"},
	{'D', "store", "FILE", "read this store (the config's)"},
	{0},
};

#define CHUNK 65536 /* bytes collected before they are written */

struct exporting {
	struct buf out;
	bool ndjson, damaged, failed;
	bool own; /* with hookd's own reports */
};

/* What both formats are made of. */
struct line {
	const struct store_event_row *event;
	const struct payment *payment;
	struct buf amount, fees; /* in the main unit; as received if they are not amounts */
};

static void add_main_unit(struct buf *out, const struct payment *p, const char *amount)
{
	if (!money_decimal(out, amount, strlen(amount), p->currency, strlen(p->currency)))
		buf_add_text(out, amount);
}

/* On a terminal escaped first, as all text there. */
static void add_csv_text(struct buf *out, const char *text)
{
	struct buf shown = {0};

	if (text == NULL)
		return;
	if (ctl_screen() > 0)
		buf_add_escaped(&shown, text, strlen(text), '\0');
	else
		buf_add_text(&shown, text);
	csv_add_text(out, buf_ok(&shown) && shown.data != NULL ? shown.data : "");
	out->failed |= !buf_ok(&shown);
	buf_free(&shown);
}

static bool is_decimal(const char *text)
{
	text += *text == '-';
	return *text != '\0' && text[strspn(text, "0123456789.")] == '\0';
}

static void add_csv_number(struct buf *out, const struct buf *number)
{
	if (number->data != NULL && is_decimal(number->data))
		buf_add_text(out, number->data);
	else if (number->len > 0)
		add_csv_text(out, number->data);
}

static int64_t happened_at(const struct store_event_row *e)
{
	return e->occurred_at != 0 ? e->occurred_at : e->received_at;
}

static void add_csv(struct buf *out, const struct line *l)
{
	const struct payment *p = l->payment;
	char time[CTL_TIME];

	ctl_time_format(happened_at(l->event), time);
	buf_printf(out, "%.19s,", time);
	add_csv_text(out, l->event->entity_id);
	buf_add_char(out, ',');
	add_csv_text(out, p->reference);
	buf_add_char(out, ',');
	add_csv_text(out, l->event->type);
	buf_add_char(out, ',');
	add_csv_number(out, &l->amount);
	buf_add_char(out, ',');
	add_csv_text(out, p->currency);
	buf_add_char(out, ',');
	add_csv_number(out, &l->fees);
	buf_add_char(out, ',');
	add_csv_text(out, p->customer);
	buf_add_char(out, ',');
	add_csv_text(out, p->mode);
	buf_add_text(out, "\r\n");
}

/* Byte for byte: in base64 if it is not UTF-8, which JSON cannot represent. */
static void add_payload(struct buf *out, const void *payload, size_t len)
{
	size_t room;
	char *text;

	if (utf8_is_valid(payload, len)) {
		buf_add_text(out, ",\"payload\":");
		buf_add_json(out, payload, len);
		return;
	}
	room = sodium_base64_ENCODED_LEN(len, sodium_base64_VARIANT_ORIGINAL);
	text = malloc(room);
	if (text == NULL) {
		out->failed = true;
		return;
	}
	sodium_bin2base64(text, room, payload, len, sodium_base64_VARIANT_ORIGINAL);
	ctl_json_text(out, true, "payload_base64", text);
	free(text);
}

static void add_ndjson(struct buf *out, const struct line *l)
{
	const struct store_event_row *e = l->event;
	const struct payment *p = l->payment;
	char time[CLOCK_TEXT];

	clock_format(happened_at(e), time);
	buf_add_char(out, '{');
	ctl_json_text(out, false, "time", time);
	ctl_json_known(out, "transaction", e->entity_id);
	ctl_json_known(out, "reference", p->reference);
	ctl_json_known(out, "type", e->type);
	ctl_json_known(out, "amount", l->amount.data);
	ctl_json_known(out, "currency", p->currency);
	ctl_json_known(out, "fees", l->fees.data);
	ctl_json_known(out, "customer", p->customer);
	ctl_json_known(out, "mode", p->mode);
	ctl_json_known(out, "entity_kind", e->entity_kind);
	ctl_json_text(out, true, "source", e->source);
	ctl_json_text(out, true, "idempotency_key", e->idempotency_key);
	ctl_json_known(out, "state_key", e->state_key);
	ctl_json_time(out, "received_at", e->received_at);
	add_payload(out, e->payload, e->payload_len);
	buf_add_text(out, "}\n");
}

static void export_event(void *arg, const struct store_event_row *e)
{
	struct exporting *x = arg;
	struct payment p;
	struct line l = {.event = e, .payment = &p};

	if (x->failed || (!x->own && strcmp(e->source, CONF_OWN_SOURCE) == 0))
		return;
	if (e->damaged) {
		ctl_error_damaged(e->id);
		x->damaged = true;
		return;
	}
	if (payment_read(&p, &sender_default()->shape, e->payload, e->payload_len)) {
		add_main_unit(&l.amount, &p, p.amount);
		add_main_unit(&l.fees, &p, p.fees);
		if (x->ndjson)
			add_ndjson(&x->out, &l);
		else
			add_csv(&x->out, &l);
		x->out.failed |= l.amount.failed || l.fees.failed;
	} else {
		x->out.failed = true;
	}
	payment_free(&p);
	buf_free(&l.amount);
	buf_free(&l.fees);
	if (x->out.len >= CHUNK || x->out.failed)
		x->failed = !ctl_print(&x->out);
}

static int export_store(struct exporting *x, struct store_reader *reader, struct store_filter f)
{
	char why[STORE_READ_WHY];

	f.oldest_first = true;
	f.payloads = true;
	f.limit = UINT32_MAX;
	if (!x->ndjson)
		buf_add_text(&x->out,
			"time,transaction,reference,type,amount,currency,fees,customer,mode\r\n");
	if (!store_read_events(reader, &f, export_event, x, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	return !x->failed && ctl_print(&x->out) && !x->damaged ? CTL_OK : CTL_FAILED;
}

static int export_command(struct ctl *ctl, int argc, char **argv)
{
	struct ctl_filter filter = {0};
	const char *format = "csv";
	struct exporting x = {0};
	struct store_reader *reader;
	char *name;
	int key, status;

	while ((key = ctl_next_option(ctl, &ctl_export, argc, argv, &status)) >= 0) {
		if (key == 'o')
			format = optarg;
		else if (!ctl_filter_option(&filter, key))
			return CTL_USAGE;
	}
	if (key == CTL_STOP)
		return status;
	if (!ctl_operands(&ctl_export, argc, 0, "options only") || !ctl_filter_end(&filter))
		return CTL_USAGE;
	x.ndjson = strcmp(format, "ndjson") == 0;
	x.own = filter.filter.source != NULL;
	if (!x.ndjson && strcmp(format, "csv") != 0) {
		ctl_error("export: --format: expected csv or ndjson");
		return CTL_USAGE;
	}
	reader = ctl_store_open(ctl, filter.store, &name, &status);
	if (reader == NULL)
		return status;
	status = export_store(&x, reader, filter.filter);
	buf_free(&x.out);
	free(name);
	store_reader_close(reader);
	return status;
}

const struct ctl_command ctl_export = {
	"export",
	"[--format csv | ndjson] [--type GLOB] [--since TIME] [--until TIME] …",
	"export the events, the oldest first: as CSV or to import again",
	options,
	export_command,
};
