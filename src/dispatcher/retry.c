#include "retry.h"

int64_t retry_delay(const struct conf_retry *policy, unsigned failures, uint32_t random)
{
	if (failures >= policy->attempts)
		return -1;

	/* Doubling stops at max, so it cannot overflow. */
	int64_t longest = policy->first < policy->max ? policy->first : policy->max;
	for (unsigned n = 1; n < failures && longest < policy->max; n++)
		longest = longest > policy->max / 2 ? policy->max : longest * 2;

	int64_t shortest = longest - longest / 4;

	/* span * random / 2^32, in two halves because the product has 96 bits */
	uint64_t span = (uint64_t)(longest - shortest) + 1;
	uint64_t high = (span >> 32) * random;
	uint64_t low = ((span & UINT32_MAX) * random) >> 32;
	return shortest + (int64_t)(high + low);
}
