#include "schedule.h"

#include <time.h>

/* The time of day `minutes`, `days` after the day of `now`. */
static int64_t time_on_day(int64_t now, unsigned minutes, int days)
{
	time_t seconds = (time_t)(now / 1000);
	struct tm day;

	(void)localtime_r(&seconds, &day);
	day = (struct tm){
		.tm_year = day.tm_year,
		.tm_mon = day.tm_mon,
		.tm_mday = day.tm_mday + days,
		.tm_hour = (int)(minutes / 60),
		.tm_min = (int)(minutes % 60),
		.tm_isdst = -1,
	};
	return (int64_t)mktime(&day) * 1000;
}

int64_t schedule_last(int64_t now, unsigned minutes)
{
	int64_t today = time_on_day(now, minutes, 0);

	return today <= now ? today : time_on_day(now, minutes, -1);
}

int64_t schedule_next(int64_t now, unsigned minutes)
{
	int64_t today = time_on_day(now, minutes, 0);

	return today > now ? today : time_on_day(now, minutes, 1);
}
