/* reporter/round.h - one round of the reporter: what its thread works with between two sleeps.
 * Private to src/reporter. One thread, the reporter's. */
#ifndef HOOKD_REPORTER_ROUND_H
#define HOOKD_REPORTER_ROUND_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "store/read.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct round {
	const struct conf *conf;
	struct store *writer;
	struct store_reader *store;
	int64_t now;
	int64_t next; /* unix ms of the next round */
};

/* The next round is then at the latest. */
void round_schedule(struct round *round, int64_t at);

/* Logs the failure; the round is done again in some minutes. */
void round_failed(struct round *round, const char *what, const char *why);

/* Stores a report as an event of the source "hookd", with a delivery for the hook, unless the
 * store has it already. False: it failed. */
bool round_store(struct round *round, const struct conf_hook *hook, const struct buf *body);

#endif
