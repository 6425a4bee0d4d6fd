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

#define DIGEST_DEAD     20      /* dead deliveries named one by one */
#define DIGEST_TYPES    200     /* kinds of events, each with a line */
#define DIGEST_APPROVED 1000000 /* approved transactions read for the sums */

/* Appends the body of the event hookd.digest for [from, to), unix ms: a JSON object with
 * name, id (digest-KEY), created_at, subject, text (for people, 80 columns) and the same facts
 * as members: period, events, hooks, approved, dead. *died gets the number of deliveries
 * that died in that time. False: why the store could not be read. */
bool digest_make(struct store_reader *r, const struct conf *conf, const char *key, int64_t from,
	int64_t to, struct buf *body, int64_t *died, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
