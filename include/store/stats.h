/* store/stats.h - counts over a period, each along an index that holds nothing else: for hookctl
 * stats. Times are unix ms, [from, to). False: the store could not be read, with the reason in
 * why. One thread at a time. */
#ifndef HOOKD_STORE_STATS_H
#define HOOKD_STORE_STATS_H

#include "base/attributes.h"
#include "read.h"

#include <stdbool.h>
#include <stdint.h>

struct store_stats {
	const char *name;            /* a type or a hook; NULL: all */
	int64_t events;              /* that arrived, without hookd's own */
	int64_t done, dead, skipped; /* deliveries that ended; dead ones also if replayed */
	int64_t waiting;             /* of a hook: READY or RUNNING now */
};
typedef void store_stats_seen(void *arg, const struct store_stats *row);

/* One row: events, done, dead and skipped. */
bool store_stats_between(struct store_reader *r, int64_t from, int64_t to, store_stats_seen *seen,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* By name; types have only events, hooks only deliveries. Rows of zeros are left out. */
bool store_stats_types(struct store_reader *r, int64_t from, int64_t to, store_stats_seen *seen,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;
bool store_stats_hooks(struct store_reader *r, int64_t from, int64_t to, store_stats_seen *seen,
	void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
