/* reporter/alert.h - the contents of an alert about a state that a person should know of: that
 * every request of a source is refused, that a target is down and holds its hook, that a webhook
 * brings nothing or an API cannot be read; and of the message that the state is over. One thread.
 */
#ifndef HOOKD_ALERT_H
#define HOOKD_ALERT_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"

#include <stdbool.h>
#include <stdint.h>

#define ALERT_REFUSED_AFTER (5 * INT64_C(60000)) /* ms in which every request was refused … */
#define ALERT_REFUSED_LEAST 2                    /* … and at least so many */

enum alert_kind {
	ALERT_REFUSED,
	ALERT_HELD,
	ALERT_WEBHOOK, /* as its sender's API shows it */
	ALERT_API,     /* refuses the key, or cannot be read for long */
};

#define ALERT_API_AFTER (60 * INT64_C(60000)) /* ms in which an API could not be read */

struct alert {
	enum alert_kind kind;
	const char *name;                 /* of the source, or the hook */
	const struct conf_source *source; /* of a source; NULL: the config has it no more */
	int64_t since;                    /* unix ms; it tells one state from the next */
	int64_t count;                    /* requests refused, probes that have failed, or events
					   * that were filled in since */
	const char *reason;               /* of the last of them, or how it is; "": not known */
	bool by_hookd;                    /* WEBHOOK, over: hookd enabled it */
};

#define ALERT_ID 256

/* The id of the event: KIND:NAME:SINCE, and :over behind it. `since` 0: what precedes the time. */
void alert_id(const struct alert *a, bool over, char out[ALERT_ID]);

/* What makes a source refuse everything, most likely: a constant text, without a period. */
const char *alert_cause(const struct conf_source *source, const char *reason);

/* Appends the body of the event hookd.alert: a JSON object with name, id, created_at, subject,
 * text, kind, source or hook, since, over, count, reason and, of a source, cause. False: out of
 * memory. */
bool alert_body(const struct alert *a, bool over, int64_t now, struct buf *body) WARN_UNUSED;

#endif
