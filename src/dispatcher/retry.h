/* dispatcher/retry.h - how long a failed delivery waits for its next attempt. Pure. */
#ifndef HOOKD_RETRY_H
#define HOOKD_RETRY_H

#include "conf/conf.h"

#include <stdint.h>

/* Milliseconds to wait after `failures` failures (1 or more), or -1 if no attempt is left.
 * Exponential with jitter: uniform in [first/2, min(max, first * 2^(failures-1))], by
 * `random` (uniform in 32 bits). Nearly the "full jitter" of
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
int64_t retry_delay(const struct conf_retry *policy, unsigned failures, uint32_t random);

#endif
