/* catchup/pace.h - how fast an API is asked: one request a second with a burst of five, no sooner
 * than it asked to wait, and after failures with growing gaps. Pure: the caller gives the steady
 * time and the random numbers. One thread. */
#ifndef HOOKD_CATCHUP_PACE_H
#define HOOKD_CATCHUP_PACE_H

#include <stdint.h>

enum {
	PACE_EVERY = 1000,            /* ms between requests, once the burst is used up */
	PACE_BURST = 5,               /* requests that may go at once */
	PACE_ASKED_MAX = 3600 * 1000, /* ms that a Retry-After may hold us off */
	PACE_BUSY_FIRST = 60 * 1000,  /* ms after a 429 that names none, doubling */
};

struct pace {
	int64_t full_at;    /* steady ms: when the bucket is full again */
	int64_t not_before; /* steady ms: the API asked to wait until then */
	unsigned busy;      /* 429 without a time, in a row */
};

/* The ms until the next request may go; 0: now. */
int64_t pace_wait(const struct pace *pace, int64_t now);

/* A request goes now. */
void pace_take(struct pace *pace, int64_t now);

/* The API is too busy: 429, or 503 with a Retry-After. asked: ms, 0: it did not say how long. */
void pace_busy(struct pace *pace, int64_t now, int64_t asked);

/* A request was answered. */
void pace_answered(struct pace *pace);

/* The wait before try `failures` + 1: full jitter up to first, 2 first, 4 first … max. `random` is
 * any number. */
int64_t pace_backoff(unsigned failures, int64_t first, int64_t max, uint32_t random);

#endif
