#include "reporter/silence.h"

#include "base/clock.h"
#include "store/report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)

bool silence_check(struct store_reader *r, const char *source, int64_t now, int64_t after,
	struct silence *out, char why[STORE_READ_WHY])
{
	bool came;

	*out = (struct silence){0};
	if (!store_report_last(r, source, now - after - (SILENCE_DAYS + 1) * DAY, &out->last, why))
		return false;
	if (out->last == 0 || out->last > now - after)
		return true;
	for (int day = 1; day <= SILENCE_DAYS; day++) {
		if (!store_report_came(
			    r, source, now - after - day * DAY, now - day * DAY, &came, why))
			return false;
		out->days += came;
	}
	out->alarming = out->days >= SILENCE_USUAL;
	return true;
}

bool silence_body(const struct conf_source *source, const struct silence *s, int64_t now,
	int64_t after, struct buf *body)
{
	char host[65] = "", last[CLOCK_TEXT], last_utc[CLOCK_TEXT], now_utc[CLOCK_TEXT], id[128],
	     *dump;
	struct buf subject = {0}, text = {0};
	int64_t hours = (now - s->last) / HOUR;
	json_t *root = NULL;

	if (gethostname(host, sizeof(host) - 1) != 0)
		(void)snprintf(host, sizeof(host), "this machine");
	clock_local(s->last, last);
	clock_format(s->last, last_utc);
	clock_format(now, now_utc);
	(void)snprintf(id, sizeof(id), "silence-%s-%" PRId64, source->name, s->last);
	buf_printf(&subject, "hookd on %s: nothing from %s since %s", host, source->name, last);
	buf_printf(&text,
		"The last event of the source \"%s\" came on %s, %" PRId64 " %s ago.\n"
		"On %d of the last %d days something came from it at this time of day.\n\n"
		"  - Is the webhook still enabled at the sender? %s\n"
		"  - Does the address still answer?   curl -i https://…/ (405: it does)\n"
		"  - Is anything refused?             journalctl -u hookd -g refused\n",
		source->name, last, hours > 0 ? hours : (now - s->last) / MINUTE,
		hours > 0 ? "h" : "min", s->days, SILENCE_DAYS, source->sender->when_silent);
	if (buf_ok(&subject) && buf_ok(&text))
		root = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:I}", "name", "hookd.silence", "id",
			id, "created_at", now_utc, "subject", subject.data, "text", text.data,
			"source", source->name, "last_event_at", last_utc, "after_seconds",
			(json_int_t)(after / 1000));
	dump = root != NULL ? json_dumps(root, JSON_COMPACT) : NULL;
	if (dump != NULL)
		buf_add_text(body, dump);
	json_decref(root);
	buf_free(&subject);
	buf_free(&text);
	free(dump);
	return dump != NULL && buf_ok(body);
}
