#include "reporter/digest.h"

#include "approved.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/money.h"
#include "contradictions.h"
#include "sender/sender.h"
#include "store/catchup.h"
#include "store/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct digest {
	const struct conf *conf;
	const struct sender *sender; /* whose payments are read */
	int64_t from, to;
	const struct digest_scope *scope;
	json_t *events, *hooks, *dead, *contradictions, *held, *api; /* arrays of the body */
	struct approved approved;
	int64_t received, quarantined, duplicates;
	int64_t dead_now, died;
	int64_t damaged; /* approved transactions */
	int64_t contradicted;
	/* Lines of the text. */
	struct buf types, hook_lines, dead_lines, contradiction_lines, held_lines, api_lines;
	char host[65];
};

static json_t *utc(int64_t ms)
{
	char text[CLOCK_TEXT];

	clock_format(ms, text);
	return json_string(text);
}

static void add_text(struct buf *out, const char *text)
{
	buf_add_escaped(out, text, strlen(text), '\0');
}

static void add_type_row(void *arg, const struct store_report_type *row)
{
	struct digest *d = arg;
	const char *type = row->type != NULL ? row->type
			   : row->rest       ? "other types"
					     : "quarantined";

	d->received += row->events;
	d->quarantined += row->quarantined;
	d->duplicates += row->duplicates;
	(void)json_array_append_new(d->events,
		json_pack("{s:o,s:o?,s:I,s:I,s:I}", "source", json_safe_text(row->source), "type",
			row->type != NULL ? json_safe_text(row->type) : NULL, "events",
			(json_int_t)row->events, "quarantined", (json_int_t)row->quarantined,
			"duplicates", (json_int_t)row->duplicates));
	buf_printf(&d->types, "%9" PRId64 "  ", row->events);
	add_text(&d->types, type);
	if (row->source[0] != '\0') {
		buf_add_text(&d->types, " from ");
		add_text(&d->types, row->source);
	}
	buf_add_char(&d->types, '\n');
}

static void add_held(struct digest *d, const char *hook, int64_t waiting)
{
	const struct digest_held *held = NULL;
	char since[CLOCK_TEXT];

	for (size_t i = 0; i < d->scope->held_count; i++)
		if (strcmp(d->scope->held[i].hook, hook) == 0)
			held = &d->scope->held[i];
	if (held == NULL)
		return;
	clock_local(held->since, since);
	(void)json_array_append_new(d->held,
		json_pack("{s:s,s:o,s:I,s:o}", "hook", hook, "since", utc(held->since), "waiting",
			(json_int_t)waiting, "reason", json_safe_text(held->why)));
	buf_printf(&d->held_lines, "%9" PRId64 "  wait for ", waiting);
	add_text(&d->held_lines, hook);
	buf_printf(&d->held_lines, ", held since %s\n    ", since);
	add_text(&d->held_lines, held->why);
	buf_add_char(&d->held_lines, '\n');
}

static void add_hook_row(void *arg, const struct store_report_hook *row)
{
	struct digest *d = arg;
	int64_t waiting = row->ready + row->running;

	(void)json_array_append_new(
		d->hooks, json_pack("{s:o,s:I,s:I,s:I,s:I,s:I}", "hook", json_safe_text(row->hook),
				  "done", (json_int_t)row->done, "dead", (json_int_t)row->dead,
				  "skipped", (json_int_t)row->skipped, "waiting",
				  (json_int_t)waiting, "dead_in_all", (json_int_t)row->dead_now));
	buf_printf(&d->hook_lines, "%9" PRId64 " %9" PRId64 " %9" PRId64 " %9" PRId64 "  ",
		row->done, row->dead, row->skipped, waiting);
	add_text(&d->hook_lines, row->hook);
	buf_add_char(&d->hook_lines, '\n');
	add_held(d, row->hook, waiting);
}

static void add_dead_row(void *arg, const struct store_report_dead *row)
{
	struct digest *d = arg;
	char ended[CLOCK_TEXT];

	clock_local(row->ended_at, ended);
	(void)json_array_append_new(d->dead,
		json_pack("{s:I,s:I,s:o,s:o?,s:o,s:I,s:o}", "delivery", (json_int_t)row->delivery,
			"event", (json_int_t)row->event, "source", json_safe_text(row->source),
			"type", row->type != NULL ? json_safe_text(row->type) : NULL, "hook",
			json_safe_text(row->hook), "attempts", (json_int_t)row->attempts,
			"ended_at", utc(row->ended_at)));
	buf_printf(&d->dead_lines, "  event %" PRId64 "  ", row->event);
	add_text(&d->dead_lines, row->type != NULL ? row->type : "without a type");
	buf_add_text(&d->dead_lines, "  ");
	add_text(&d->dead_lines, row->hook);
	buf_printf(&d->dead_lines, ", %" PRId64 " attempt%s, the last on %s\n    ", row->attempts,
		row->attempts == 1 ? "" : "s", ended);
	add_text(&d->dead_lines, row->message[0] != '\0' ? row->message : "(no reason recorded)");
	buf_add_char(&d->dead_lines, '\n');
}

static void add_approved_row(void *arg, const struct store_report_payload *row)
{
	const struct conf_source *source;
	struct digest *d = arg;

	source = conf_source_by_name(d->conf, row->source);
	if ((source != NULL ? source->sender : sender_default()) != d->sender)
		return; /* another sender's, with a type of the same name */
	if (row->damaged)
		d->damaged++;
	else
		approved_add(&d->approved, &d->sender->shape, row->source, row->payload,
			row->payload_len);
}

static bool read_approved(struct digest *d, struct store_reader *r, char why[STORE_READ_WHY])
{
	for (size_t i = 0; (d->sender = sender_at(i)) != NULL; i++)
		if (!store_report_payloads(r, d->sender->paid, d->from, d->to, DIGEST_APPROVED,
			    add_approved_row, d, why))
			return false;
	return true;
}

static void add_contradiction(void *arg, const struct store_report_entity *entity,
	const struct contradiction *c, unsigned number)
{
	struct digest *d = arg;

	(void)number;
	if (d->contradicted++ >= DIGEST_CONTRADICTIONS)
		return;
	(void)json_array_append_new(d->contradictions,
		json_pack("{s:o,s:o,s:o,s:I,s:o}", "source", json_safe_text(entity->source),
			"entity_kind", json_safe_text(entity->kind), "entity_id",
			json_safe_text(entity->id), "event", (json_int_t)c->event, "reason",
			json_safe_text(c->text)));
	buf_add_text(&d->contradiction_lines, "  ");
	add_text(&d->contradiction_lines, entity->kind);
	buf_add_char(&d->contradiction_lines, ':');
	add_text(&d->contradiction_lines, entity->id);
	buf_printf(&d->contradiction_lines, "\n    %s\n", c->text);
}

/* A source whose events are read back from its sender's API. */
static bool read_api(
	struct digest *d, struct store_reader *r, const char *source, char why[STORE_READ_WHY])
{
	struct store_catchup_state state;
	int64_t filled, last;

	if (!store_catchup_read(r, source, &state, why) ||
		!store_catchup_filled(r, source, d->from, d->to, &filled, &last, why))
		return false;
	(void)json_array_append_new(d->api,
		json_pack("{s:o, s:I, s:o, s:o}", "source", json_safe_text(source), "filled",
			(json_int_t)filled, "webhook", json_safe_text(state.webhook), "failure",
			json_safe_text(state.failure)));
	buf_printf(&d->api_lines, "%9" PRId64 "  of ", filled);
	add_text(&d->api_lines, source);
	if (state.webhook_text[0] != '\0') {
		buf_add_text(&d->api_lines, "; ");
		add_text(&d->api_lines, state.webhook_text);
	}
	buf_add_char(&d->api_lines, '\n');
	if (state.failed_at == 0)
		return true;
	buf_add_text(&d->api_lines, "           not read to the end: ");
	add_text(&d->api_lines, state.failure);
	buf_add_char(&d->api_lines, '\n');
	return true;
}

static bool read_apis(struct digest *d, struct store_reader *r, char why[STORE_READ_WHY])
{
	for (size_t i = 0; i < d->conf->source_count; i++)
		if (d->conf->sources[i].api.key != NULL &&
			!read_api(d, r, d->conf->sources[i].name, why))
			return false;
	return true;
}

static bool read_store(struct digest *d, struct store_reader *r, char why[STORE_READ_WHY])
{
	return store_report_types(r, d->from, d->to, DIGEST_TYPES, add_type_row, d, why) &&
	       read_apis(d, r, why) &&
	       store_report_hooks(r, d->from, d->to, add_hook_row, d, why) &&
	       read_approved(d, r, why) &&
	       contradictions_each(r, d->conf, d->from, d->to, add_contradiction, d, why) &&
	       store_report_dead(r, DIGEST_DEAD, add_dead_row, d, why) &&
	       store_report_deaths(r, d->from, d->to, &d->dead_now, &d->died, why);
}

static void add_sum(struct buf *out, const struct approved_sum *sum)
{
	char amount[24];

	(void)snprintf(amount, sizeof(amount), "%" PRId64, sum->amount);
	buf_printf(out, "%9" PRId64 "  for ", sum->count);
	if (!money_format(out, amount, strlen(amount), sum->currency, strlen(sum->currency))) {
		buf_printf(out, "%s ", amount);
		add_text(out,
			strcmp(sum->currency, "?") == 0 ? "in an unknown currency" : sum->currency);
	}
	if (sum->unsummed > 0)
		buf_printf(out, ", %" PRId64 " of them not in the sum", sum->unsummed);
	buf_add_char(out, '\n');
}

static void add_dead(struct buf *out, const struct digest *d)
{
	if (d->dead_now == 0) {
		buf_add_text(out, "Nothing is dead.\n");
		return;
	}
	buf_printf(out, "Dead: %" PRId64 ", %" PRId64 " of them in this period\n", d->dead_now,
		d->died);
	buf_add(out, d->dead_lines.data, d->dead_lines.len);
	if (d->dead_now > DIGEST_DEAD)
		buf_printf(out, "  and %" PRId64 " more\n", d->dead_now - DIGEST_DEAD);
	buf_add_text(out, "\n  show one            hookctl show EVENT\n"
			  "  run one again       hookctl replay EVENT --state dead\n"
			  "  run all of a hook   hookctl replay --state dead --hook HOOK\n");
}

static void add_contradictions(struct buf *out, const struct digest *d)
{
	if (d->contradicted == 0)
		return;
	buf_add_text(out, "What cannot be: ask the sender which is true (hookctl show)\n");
	buf_add(out, d->contradiction_lines.data, d->contradiction_lines.len);
	if (d->contradicted > DIGEST_CONTRADICTIONS)
		buf_printf(
			out, "  and %" PRId64 " more\n", d->contradicted - DIGEST_CONTRADICTIONS);
	buf_add_char(out, '\n');
}

static void add_section(struct buf *out, const char *title, const struct buf *lines)
{
	buf_printf(out, "%s\n", title);
	if (lines->len > 0)
		buf_add(out, lines->data, lines->len);
	else
		buf_add_text(out, "        -\n");
	buf_add_char(out, '\n');
}

static void write_text(const struct digest *d, struct buf *out)
{
	struct buf sums = {0};
	char from[CLOCK_TEXT], to[CLOCK_TEXT];

	clock_local(d->from, from);
	clock_local(d->to, to);
	buf_printf(out, "hookd on %s, %s to %s\n\n", d->host, from, to);
	add_section(out, "Events", &d->types);
	if (d->duplicates > 0 || d->quarantined > 0)
		buf_printf(out,
			"%9" PRId64 "  duplicates, which ran nothing\n%9" PRId64
			"  quarantined (hookctl events --quarantined)\n\n",
			d->duplicates, d->quarantined);
	for (size_t i = 0; i < d->approved.count; i++)
		add_sum(&sums, &d->approved.sums[i]);
	if (d->damaged > 0)
		buf_printf(
			&sums, "%9" PRId64 "  not counted: their payload is damaged\n", d->damaged);
	add_section(out, "Approved transactions", &sums);
	add_section(out, "     done      dead   skipped   waiting  by hook", &d->hook_lines);
	if (d->api_lines.len > 0)
		add_section(out, "Filled in from the API", &d->api_lines);
	if (d->held_lines.len > 0)
		add_section(out, "Held, because the target is down", &d->held_lines);
	add_contradictions(out, d);
	add_dead(out, d);
	buf_free(&sums);
}

static void write_subject(const struct digest *d, struct buf *out)
{
	buf_printf(out, "hookd on %s: %" PRId64 " event%s", d->host, d->received,
		d->received == 1 ? "" : "s");
	if (d->dead_now > 0)
		buf_printf(out, ", %" PRId64 " dead (%" PRId64 " new)", d->dead_now, d->died);
	if (json_array_size(d->held) > 0)
		buf_printf(out, ", %zu held", json_array_size(d->held));
}

static json_t *sums_json(const struct approved *a)
{
	json_t *list = json_array();

	for (size_t i = 0; i < a->count; i++)
		(void)json_array_append_new(
			list, json_pack("{s:s,s:I,s:I,s:I}", "currency", a->sums[i].currency,
				      "count", (json_int_t)a->sums[i].count, "amount",
				      (json_int_t)a->sums[i].amount, "unsummed",
				      (json_int_t)a->sums[i].unsummed));
	return list;
}

static bool write_body(struct digest *d, struct buf *body)
{
	struct buf subject = {0}, text = {0};
	char end[CLOCK_TEXT], id[64], *dump = NULL;
	json_t *root;

	clock_format(d->to, end);
	(void)snprintf(id, sizeof(id), DIGEST_ID "%s", end);
	write_subject(d, &subject);
	write_text(d, &text);
	root = buf_ok(&subject) && buf_ok(&text)
		       ? json_pack("{s:s,s:s,s:o,s:s%,s:s%,s:{s:o,s:o},s:O,s:o,s:O,s:O,s:{s:I,s:I,"
				   "s:O},s:O,s:O}",
				 "name", "hookd.digest", "id", id, "created_at", utc(d->to),
				 "subject", subject.data, subject.len, "text", text.data, text.len,
				 "period", "from", utc(d->from), "to", utc(d->to), "events",
				 d->events, "approved", sums_json(&d->approved), "hooks", d->hooks,
				 "contradictions", d->contradictions, "dead", "count",
				 (json_int_t)d->dead_now, "new", (json_int_t)d->died, "deliveries",
				 d->dead, "held", d->held, "api", d->api)
		       : NULL;
	if (root != NULL)
		dump = json_dumps(root, JSON_COMPACT);
	if (dump != NULL)
		buf_add_text(body, dump);
	free(dump);
	json_decref(root);
	buf_free(&subject);
	buf_free(&text);
	return dump != NULL && buf_ok(body);
}

bool digest_make(struct store_reader *r, const struct conf *conf, const struct digest_scope *scope,
	struct buf *body, int64_t *died, char why[STORE_READ_WHY])
{
	struct digest d = {
		.conf = conf,
		.from = scope->from,
		.to = scope->to,
		.scope = scope,
		.events = json_array(),
		.hooks = json_array(),
		.dead = json_array(),
		.contradictions = json_array(),
		.held = json_array(),
		.api = json_array(),
	};
	bool good;

	if (gethostname(d.host, sizeof(d.host) - 1) != 0)
		(void)snprintf(d.host, sizeof(d.host), "this machine");
	good = r == NULL || read_store(&d, r, why);
	if (good &&
		(d.approved.failed || !buf_ok(&d.types) || !buf_ok(&d.hook_lines) ||
			!buf_ok(&d.dead_lines) || !buf_ok(&d.contradiction_lines) ||
			!buf_ok(&d.held_lines) || !buf_ok(&d.api_lines) || !write_body(&d, body))) {
		(void)snprintf(why, STORE_READ_WHY, "out of memory");
		good = false;
	}
	*died = d.died;
	json_decref(d.events);
	json_decref(d.hooks);
	json_decref(d.dead);
	json_decref(d.contradictions);
	json_decref(d.held);
	json_decref(d.api);
	approved_free(&d.approved);
	buf_free(&d.types);
	buf_free(&d.hook_lines);
	buf_free(&d.dead_lines);
	buf_free(&d.contradiction_lines);
	buf_free(&d.held_lines);
	buf_free(&d.api_lines);
	return good;
}
