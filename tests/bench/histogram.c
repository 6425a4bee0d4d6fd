#include "histogram.h"

#define HALF (1U << (HISTOGRAM_BITS - 1))

/* Values below 2 * HALF have a bucket each; above, each doubling has HALF. */
static unsigned bucket_of(uint64_t value)
{
	if (value < 2 * HALF)
		return (unsigned)value;
	unsigned shift = 63U - (unsigned)__builtin_clzll(value) - (HISTOGRAM_BITS - 1);
	unsigned bucket = shift * HALF + (unsigned)(value >> shift);

	return bucket < HISTOGRAM_BUCKETS ? bucket : HISTOGRAM_BUCKETS - 1;
}

/* The middle of a bucket. */
static uint64_t value_of(unsigned bucket)
{
	if (bucket < 2 * HALF)
		return bucket;
	unsigned shift = bucket / HALF - 1;

	return ((uint64_t)(bucket - shift * HALF) << shift) + (UINT64_C(1) << shift) / 2;
}

void histogram_add(struct histogram *h, uint64_t value)
{
	h->counts[bucket_of(value)]++;
	h->total++;
	h->sum += (double)value;
	if (value > h->max)
		h->max = value;
}

uint64_t histogram_at(const struct histogram *h, double share)
{
	double rank = share * (double)h->total;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS && h->total > 0; i++) {
		seen += h->counts[i];
		if (seen > 0 && (double)seen >= rank)
			return value_of(i) < h->max ? value_of(i) : h->max;
	}
	return h->max;
}

double histogram_mean(const struct histogram *h)
{
	return h->total > 0 ? h->sum / (double)h->total : 0;
}
