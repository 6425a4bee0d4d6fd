/* base/duration.h - durations as people write them, in the config and on hookctl's
 * command line: 500ms, 10s, 5m, 2h, 90d, or a bare 0. Pure; any thread. */
#ifndef HOOKD_DURATION_H
#define HOOKD_DURATION_H

#include "attributes.h"
#include "buf.h"
#include "number.h"

#include <stdbool.h>
#include <stdint.h>

/* d, h, m, s and ms, counted in milliseconds. */
extern const struct number_unit duration_units[];

/* False: not a duration; *ms is undefined. One too long for int64_t becomes INT64_MAX:
 * check the range before you calculate with it. */
bool duration_read(const char *text, int64_t *ms) WARN_UNUSED;

/* Appends ms, not negative, in the largest unit that divides it: 90d, 1500ms, 0. */
void duration_add(struct buf *out, int64_t ms);

#endif
