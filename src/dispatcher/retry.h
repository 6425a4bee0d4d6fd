/* dispatcher/retry.h - how long a failed delivery waits for its next attempt. Pure. */
#ifndef HOOKD_RETRY_H
#define HOOKD_RETRY_H

#include "conf/conf.h"

#include <stdint.h>

/* Milliseconds to wait after `failures` failures (1 or more), or -1 if no attempt is left.
 * Exponential, with little jitter: uniform between three quarters and all of
 * min(max, first * 2^(failures-1)), by `random` (uniform in 32 bits). So that the attempts take as
 * long as they promise; what failed together is tried within the hook's concurrency anyway. */
int64_t retry_delay(const struct conf_retry *policy, unsigned failures, uint32_t random);

#endif
