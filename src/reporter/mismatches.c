#include "mismatches.h"

#include "base/clock.h"
#include "base/json.h"
#include "event/confirmation.h"
#include "store/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEAD_SEEN 1000 /* the latest */

struct search {
	struct round *round;
	int64_t from;
};

static void write_text(const struct store_report_dead *row, struct buf *subject, struct buf *text)
{
	char host[65] = "";

	if (gethostname(host, sizeof(host) - 1) != 0)
		(void)snprintf(host, sizeof(host), "this machine");
	buf_printf(subject, "hookd on %s: event %" PRId64 " of %s is not what its sender says",
		host, row->event, row->source);
	buf_printf(text, "The hook %s was not run for event %" PRId64 " of %s:\n\n  ", row->hook,
		row->event, row->source);
	buf_add_escaped(text, row->message, strlen(row->message), '\0');
	buf_printf(text,
		"\n\nIts signature was right, so somebody may have the secret, or the payment was "
		"changed since. Compare it with the sender's dashboard before anything is "
		"delivered.\n\n  hookctl show %" PRId64 "\n",
		row->event);
}

/* The id is the same whenever it is made. */
static bool make_body(const struct store_report_dead *row, int64_t now, struct buf *body)
{
	struct buf subject = {0}, text = {0};
	char id[64], now_utc[CLOCK_TEXT], *dump = NULL;
	json_t *root = NULL;

	(void)snprintf(id, sizeof(id), "mismatch:%" PRId64, row->delivery);
	clock_format(now, now_utc);
	write_text(row, &subject, &text);
	if (buf_ok(&subject) && buf_ok(&text))
		root = json_pack("{s:s, s:s, s:s, s:o, s:o, s:s, s:o, s:o, s:I, s:I, s:o}", "name",
			"hookd.alert", "id", id, "created_at", now_utc, "subject",
			json_safe_text(subject.data), "text", json_safe_text(text.data), "kind",
			"mismatch", "source", json_safe_text(row->source), "hook",
			json_safe_text(row->hook), "event", (json_int_t)row->event, "delivery",
			(json_int_t)row->delivery, "reason", json_safe_text(row->message));
	dump = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
	if (dump != NULL)
		buf_add_text(body, dump);
	free(dump);
	json_decref(root);
	buf_free(&subject);
	buf_free(&text);
	return dump != NULL && buf_ok(body);
}

static void see_dead(void *arg, const struct store_report_dead *row)
{
	const struct search *s = arg;
	struct buf body = {0};

	if (row->ended_at < s->from ||
		strncmp(row->message, CONFIRMATION_NOT_RUN, strlen(CONFIRMATION_NOT_RUN)) != 0)
		return;
	if (make_body(row, s->round->now, &body))
		(void)round_store(s->round, s->round->conf->alert_hook, &body);
	else
		round_failed(s->round, "out of memory: report not made", row->hook);
	buf_free(&body);
}

void mismatches_check(struct round *round, int64_t from)
{
	struct search s = {round, from};
	char why[STORE_READ_WHY];

	if (!store_report_dead(round->store, DEAD_SEEN, see_dead, &s, why))
		round_failed(round, "cannot read the store for an alert", why);
}
