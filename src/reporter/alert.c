#include "reporter/alert.h"

#include "base/clock.h"
#include "base/json.h"
#include "verify/verify.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *kind_text(enum alert_kind kind)
{
	static const char *const texts[] = {"refused", "held", "webhook", "api"};

	return texts[kind];
}

void alert_id(const struct alert *a, bool over, char out[ALERT_ID])
{
	int len = snprintf(out, ALERT_ID, "%s:%s:", kind_text(a->kind), a->name);

	if (a->since != 0 && len > 0 && len < ALERT_ID)
		(void)snprintf(out + len, (size_t)(ALERT_ID - len), "%" PRId64 "%s", a->since,
			over ? ":over" : "");
}

/* ---- the likely cause ---- */

const char *alert_cause(const struct conf_source *source, const char *reason)
{
	const char *hint = source != NULL ? sender_hint(source->sender, reason, source->secrets,
						    source->secret_count)
					  : NULL;

	if (hint != NULL)
		return hint;
	if (strcmp(reason, "address not allowed") == 0)
		return "the sender has other addresses now than those in allow, or a proxy is not "
		       "among trusted_proxies";
	return "see hookd's log: journalctl -u hookd -g refused";
}

/* ---- the texts ---- */

/* What is refused at its head, before its body, is not kept. */
static bool is_kept(const struct alert *a)
{
	return strcmp(a->reason, verify_reason(VERIFY_NO_MATCH)) == 0;
}

static void write_refused(const struct alert *a, bool over, const char *since, const char *cause,
	struct buf *subject, struct buf *text)
{
	if (over) {
		buf_printf(subject, "requests of %s are accepted again", a->name);
		buf_printf(text,
			"The source \"%s\" has sent an authentic request. From %s until then every "
			"one was refused.\n\nThose that were kept can be stored now: hookctl "
			"refused recheck\n",
			a->name, since);
		return;
	}
	buf_printf(subject, "every request of %s is refused since %s", a->name, since);
	buf_printf(text,
		"Since %s every request of the source \"%s\" was refused, %" PRId64
		" so far. The last: %s.\n\nThe likely cause: %s.\n",
		since, a->name, a->count, a->reason, cause);
	if (is_kept(a))
		buf_add_text(text,
			"\nThey are kept for some days. Once the cause is gone:\n"
			"  hookctl refused recheck --dry-run\n  hookctl refused recheck\n");
}

static void write_held(
	const struct alert *a, bool over, const char *since, struct buf *subject, struct buf *text)
{
	if (over) {
		buf_printf(subject, "the hook %s is no longer held", a->name);
		buf_printf(text,
			"The target of the hook \"%s\" answers again. Its deliveries, which have "
			"waited since %s, run in their order.\n",
			a->name, since);
		return;
	}
	buf_printf(subject, "the hook %s is held since %s: its target is down", a->name, since);
	buf_printf(text, "The target of the hook \"%s\" is not reachable or not well since %s.",
		a->name, since);
	if (a->reason[0] != '\0') {
		buf_add_text(text, " The last failure: ");
		buf_add_escaped(text, a->reason, strlen(a->reason), '\0');
		buf_add_char(text, '.');
	}
	buf_add_text(text,
		"\n\nIts deliveries wait, use up no attempts, and run in their order once "
		"it answers.\n\n  hookctl status\n");
}

static void add_filled(const struct alert *a, struct buf *text)
{
	buf_printf(text,
		"%" PRId64 " event%s the webhook did not bring since then %s filled in from the "
		"API, and %s hooks run.\n\n  hookctl status\n  hookctl events --origin api\n",
		a->count, a->count == 1 ? " that" : "s that", a->count == 1 ? "was" : "were",
		a->count == 1 ? "its" : "their");
}

static void write_webhook(
	const struct alert *a, bool over, const char *since, struct buf *subject, struct buf *text)
{
	if (over && a->by_hookd) {
		buf_printf(subject, "the webhook of %s was disabled; hookd has enabled it again",
			a->name);
		buf_printf(text,
			"On %s hookd found the webhook of the source \"%s\" disabled by its "
			"sender, and has enabled it again (api.reenable).\n\n",
			since, a->name);
	} else if (over) {
		buf_printf(subject, "the webhook of %s is well again", a->name);
		buf_printf(text,
			"The webhook of the source \"%s\" is well: %s. It was not since %s.\n\n",
			a->name, a->reason, since);
	} else {
		buf_printf(
			subject, "the webhook of %s does not bring events: %s", a->name, a->reason);
		buf_printf(text,
			"Found on %s: %s.\n\nUntil that is repaired in the sender's dashboard, "
			"hookd reads the events of the source \"%s\" from the sender's API, some "
			"minutes late.\n\n",
			since, a->reason, a->name);
	}
	add_filled(a, text);
}

static void write_api(
	const struct alert *a, bool over, const char *since, struct buf *subject, struct buf *text)
{
	if (over) {
		buf_printf(subject, "the API of %s can be read again", a->name);
		buf_printf(text,
			"The API of the source \"%s\" is read again. What its webhook did not "
			"bring since %s is filled in.\n",
			a->name, since);
		return;
	}
	buf_printf(subject, "the API of %s cannot be read since %s", a->name, since);
	buf_printf(text,
		"Since %s hookd cannot read from the API what the webhook of the source \"%s\" "
		"does not bring: %s.\n\nIf the key is refused, see that api.key is the account's "
		"secret key, of the webhook's mode. It is tried again by itself, and nothing is "
		"left out then.\n\n  hookctl status\n  hookctl api check\n",
		since, a->name, a->reason);
}

static json_t *make_body(const struct alert *a, bool over, int64_t now, const char *subject,
	const char *text, const char *cause)
{
	char id[ALERT_ID], now_utc[CLOCK_TEXT], since_utc[CLOCK_TEXT];
	json_t *body;

	alert_id(a, over, id);
	clock_format(now, now_utc);
	clock_format(a->since, since_utc);
	body = json_pack("{s:s, s:o, s:s, s:o, s:o, s:s, s:o, s:s, s:b, s:I, s:o}", "name",
		"hookd.alert", "id", json_safe_text(id), "created_at", now_utc, "subject",
		json_safe_text(subject), "text", json_safe_text(text), "kind", kind_text(a->kind),
		a->kind == ALERT_HELD ? "hook" : "source", json_safe_text(a->name), "since",
		since_utc, "over", over, "count", (json_int_t)a->count, "reason",
		json_safe_text(a->reason));
	if (body != NULL && cause != NULL)
		(void)json_object_set_new(body, "cause", json_safe_text(cause));
	return body;
}

bool alert_body(const struct alert *a, bool over, int64_t now, struct buf *body)
{
	struct buf subject = {0}, text = {0};
	const char *cause = NULL;
	char host[65] = "", since[CLOCK_TEXT], *dump = NULL;
	json_t *root = NULL;

	if (gethostname(host, sizeof(host) - 1) != 0)
		(void)snprintf(host, sizeof(host), "this machine");
	clock_local(a->since, since);
	buf_printf(&subject, "hookd on %s: ", host);
	if (a->kind == ALERT_REFUSED && !over)
		cause = alert_cause(a->source, a->reason);
	if (a->kind == ALERT_REFUSED)
		write_refused(a, over, since, cause, &subject, &text);
	else if (a->kind == ALERT_HELD)
		write_held(a, over, since, &subject, &text);
	else if (a->kind == ALERT_WEBHOOK)
		write_webhook(a, over, since, &subject, &text);
	else
		write_api(a, over, since, &subject, &text);
	if (buf_ok(&subject) && buf_ok(&text))
		root = make_body(a, over, now, subject.data, text.data, cause);
	dump = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
	if (dump != NULL)
		buf_add_text(body, dump);
	free(dump);
	json_decref(root);
	buf_free(&subject);
	buf_free(&text);
	return dump != NULL && buf_ok(body);
}
