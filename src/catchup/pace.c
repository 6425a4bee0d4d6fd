#include "pace.h"

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

int64_t pace_wait(const struct pace *pace, int64_t now)
{
	int64_t at =
		later(pace->full_at - (PACE_BURST - 1) * (int64_t)PACE_EVERY, pace->not_before);

	return at > now ? at - now : 0;
}

void pace_take(struct pace *pace, int64_t now)
{
	pace->full_at = later(pace->full_at, now) + PACE_EVERY;
}

static int64_t doubled(int64_t first, unsigned times, int64_t max)
{
	while (times-- > 0 && first < max)
		first *= 2;
	return first < max ? first : max;
}

void pace_busy(struct pace *pace, int64_t now, int64_t asked)
{
	int64_t wait = asked < PACE_ASKED_MAX ? asked : PACE_ASKED_MAX;

	if (wait <= 0)
		wait = doubled(PACE_BUSY_FIRST, pace->busy++, PACE_ASKED_MAX);
	pace->not_before = later(pace->not_before, now + wait);
}

void pace_answered(struct pace *pace)
{
	pace->busy = 0;
}

int64_t pace_backoff(unsigned failures, int64_t first, int64_t max, uint32_t random)
{
	int64_t most = doubled(first, failures > 0 ? failures - 1 : 0, max);

	return most * (int64_t)random / UINT32_MAX;
}
