#include "fills.h"

#include "base/clock.h"
#include "base/json.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define DAY         INT64_C(86400000)     /* ms without such an event, before the first */
#define HEALTH_WAIT (15 * INT64_C(60000)) /* ms in which the webhook should have been asked for */

static void write_text(const char *source, int64_t count, struct buf *subject, struct buf *text)
{
	char host[65] = "";

	if (gethostname(host, sizeof(host) - 1) != 0)
		(void)snprintf(host, sizeof(host), "this machine");
	buf_printf(subject,
		"hookd on %s: %" PRId64 " event%s of %s came from the API, not by webhook", host,
		count, count == 1 ? "" : "s", source);
	buf_printf(text,
		"The webhook of the source \"%s\" did not bring %" PRId64 " event%s, so hookd has "
		"read %s from the sender's API. If more follow, they are not reported one by one, "
		"but in the digest.\n\n  hookctl events --origin api\n  hookctl status\n",
		source, count, count == 1 ? "" : "s", count == 1 ? "it" : "them");
}

/* The id is the same whenever it is made. */
static bool make_body(
	const char *source, int64_t first, int64_t count, int64_t now, struct buf *body)
{
	struct buf subject = {0}, text = {0}, id = {0};
	char now_utc[CLOCK_TEXT], since_utc[CLOCK_TEXT], *dump = NULL;
	json_t *root = NULL;

	buf_printf(&id, "filled:%s:%" PRId64, source, first);
	clock_format(now, now_utc);
	clock_format(first, since_utc);
	write_text(source, count, &subject, &text);
	if (buf_ok(&id) && buf_ok(&subject) && buf_ok(&text))
		root = json_pack("{s:s, s:o, s:s, s:o, s:o, s:s, s:o, s:s, s:I}", "name",
			"hookd.alert", "id", json_safe_text(id.data), "created_at", now_utc,
			"subject", json_safe_text(subject.data), "text", json_safe_text(text.data),
			"kind", "filled", "source", json_safe_text(source), "since", since_utc,
			"count", (json_int_t)count);
	dump = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
	if (dump != NULL)
		buf_add_text(body, dump);
	free(dump);
	json_decref(root);
	buf_free(&id);
	buf_free(&subject);
	buf_free(&text);
	return dump != NULL && buf_ok(body);
}

/* Not before the webhook was asked for: it may be the reason, and has an alert of its own. */
static bool is_due(const struct store_catchup_state *state, int64_t first, int64_t now)
{
	return state->webhook_bad_at < first - DAY &&
	       (state->webhook_at >= first || now - first >= HEALTH_WAIT);
}

void fills_check(struct round *round, const char *source, const struct store_catchup_state *state)
{
	struct buf body = {0};
	char why[STORE_READ_WHY];
	int64_t first, before, count, last;

	if (state->filled_at < round->now - DAY || state->upper != 0)
		return;
	if (!store_catchup_first(round->store, source, round->now - DAY, &first, why) ||
		!store_catchup_filled(
			round->store, source, first - DAY, first, &before, &last, why) ||
		!store_catchup_filled(round->store, source, first, INT64_MAX, &count, &last, why)) {
		round_failed(round, "cannot read the store for an alert", why);
		return;
	}
	if (first == 0 || before != 0 || !is_due(state, first, round->now))
		return;
	if (make_body(source, first, count, round->now, &body))
		(void)round_store(round, round->conf->alert_hook, &body);
	else
		round_failed(round, "out of memory: report not made", source);
	buf_free(&body);
}
