/* dispatcher/retry.h - when to try again, or not. Pure. */
#ifndef HOOKD_RETRY_H
#define HOOKD_RETRY_H

#include <stdint.h>

struct retry_policy {
	unsigned attempts; /* tries in all, the first included; at least 1 */
	int64_t first;     /* ms: the longest wait after the first failure */
	int64_t max;       /* ms: the longest wait at all */
};

/* Milliseconds to wait after the failures-th failure (1 for the first), or -1:
 * no tries are left. Exponential with full jitter over `random` (uniform in
 * 32 bits): uniform in [first/2, min(max, first * 2^(failures-1))]. Full jitter:
 * https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
int64_t retry_delay(const struct retry_policy *policy, unsigned failures, uint32_t random);

#endif
