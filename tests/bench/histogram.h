/* histogram.h - counts of times, in buckets that grow with the value (as in
 * HdrHistogram): each is known to 1 %, from nanoseconds to hours, in 20 KB. One
 * thread. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_BITS    7 /* of a value that are kept */
#define HISTOGRAM_OCTAVES 44
#define HISTOGRAM_BUCKETS ((HISTOGRAM_OCTAVES - HISTOGRAM_BITS + 2) << (HISTOGRAM_BITS - 1))

/* Zero-initialised. */
struct histogram {
	uint64_t counts[HISTOGRAM_BUCKETS];
	uint64_t total;
	uint64_t max;
	double sum;
};

void histogram_add(struct histogram *h, uint64_t value);

/* The value that `share` (0 to 1) of all are not above; 0 when there is none. */
uint64_t histogram_at(const struct histogram *h, double share);

double histogram_mean(const struct histogram *h);

#endif
