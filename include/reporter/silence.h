/* reporter/silence.h - is a source unusually silent? It is when nothing was received from it for a
 * given time, although at the same time of day something was received on most of the last seven
 * days. So nights and closed days raise no alarm, nor does a source that is new. One thread, the
 * reader's. */
#ifndef HOOKD_SILENCE_H
#define HOOKD_SILENCE_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "store/read.h"

#include <stdbool.h>
#include <stdint.h>

#define SILENCE_DAYS  7
#define SILENCE_USUAL 4 /* of these days with an event: silence is unusual */

struct silence {
	bool alarming;
	int64_t last; /* unix ms of the last event in the last eight days; 0: none */
	int days;     /* of the last seven with an event at this time of day */
};

/* Checks [now - after, now); after is at most 30 days (beyond a day the compared periods
 * overlap). False: why the store could not be read. */
bool silence_check(struct store_reader *r, const char *source, int64_t now, int64_t after,
	struct silence *out, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Appends the body of the event hookd.silence: a JSON object with name, id, created_at,
 * subject, text, source, last_event_at, after_seconds. One silence has one id, whenever it is
 * checked. False: out of memory. */
bool silence_body(const struct conf_source *source, const struct silence *s, int64_t now,
	int64_t after, struct buf *body) WARN_UNUSED;

#endif
