/* reporter/digest.h - the contents of the daily mail: counts by type and hook, sums of approved
 * transactions, dead deliveries and how to run them again. One thread, the reader's. */
#ifndef HOOKD_DIGEST_H
#define HOOKD_DIGEST_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "store/read.h"

#include <stdbool.h>
#include <stdint.h>

#define DIGEST_DEAD           20      /* dead deliveries named one by one */
#define DIGEST_CONTRADICTIONS 20      /* named one by one */
#define DIGEST_TYPES          200     /* kinds of events, each with a line */
#define DIGEST_APPROVED       1000000 /* approved transactions read for the sums */

/* A hook that is held because its target is down. */
struct digest_held {
	const char *hook;
	const char *why; /* its last failure */
	int64_t since;   /* unix ms */
};

/* What it reports about: [from, to), unix ms, and the hooks that are held at its end. */
struct digest_scope {
	int64_t from, to;
	const struct digest_held *held;
	size_t held_count;
};

#define DIGEST_ID "digest-" /* followed by the period's end, as clock_format writes it */

/* Appends the body of the event hookd.digest: a JSON object with name, id, created_at, subject,
 * text (for people, 80 columns) and the same facts as members: period, events, hooks, approved,
 * contradictions, dead, held, api. *died gets the number of deliveries that died in that time. r
 * may be NULL: nothing was received. False: why the store could not be read. */
bool digest_make(struct store_reader *r, const struct conf *conf, const struct digest_scope *scope,
	struct buf *body, int64_t *died, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
