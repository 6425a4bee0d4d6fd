#include "base/clock.h"

#include "base/number.h"

#include <limits.h>
#include <stdio.h>
#include <time.h>

#define LAST INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

static int64_t now(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_wall(void)
{
	return now(CLOCK_REALTIME);
}

int64_t clock_steady(void)
{
	return now(CLOCK_BOOTTIME);
}

/* Reads exactly n digits and moves on. */
static bool digits(const char **p, const char *end, int n, int *out)
{
	int64_t value;

	if (end - *p < n || !number_read(*p, (size_t)n, INT_MAX, &value))
		return false;
	*out = (int)value;
	*p += n;
	return true;
}

static bool literal(const char **p, const char *end, char c)
{
	if (*p == end || **p != c)
		return false;
	(*p)++;
	return true;
}

static bool parse_offset(const char **p, const char *end, int *seconds)
{
	int hours, minutes, sign;

	*seconds = 0;
	if (literal(p, end, 'Z') || literal(p, end, 'z'))
		return true;
	if (literal(p, end, '+'))
		sign = 1;
	else if (literal(p, end, '-'))
		sign = -1;
	else
		return false;
	if (!digits(p, end, 2, &hours) || !literal(p, end, ':') || !digits(p, end, 2, &minutes) ||
		hours > 23 || minutes > 59)
		return false;
	*seconds = sign * (hours * 3600 + minutes * 60);
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

/* A time as it is written. */
struct written {
	struct tm tm; /* without tm_isdst and what follows from the others */
	int milli;
	bool has_offset;
	int offset; /* seconds east of UTC */
};

static bool parse_date(const char **p, const char *end, struct tm *tm)
{
	int year, month, day;

	if (!digits(p, end, 4, &year) || !literal(p, end, '-') || !digits(p, end, 2, &month) ||
		!literal(p, end, '-') || !digits(p, end, 2, &day))
		return false;
	if (year < 1970 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month))
		return false;
	tm->tm_year = year - 1900;
	tm->tm_mon = month - 1;
	tm->tm_mday = day;
	return true;
}

static bool parse_hour_and_minute(const char **p, const char *end, struct tm *tm)
{
	return (literal(p, end, 'T') || literal(p, end, 't') || literal(p, end, ' ')) &&
	       digits(p, end, 2, &tm->tm_hour) && literal(p, end, ':') &&
	       digits(p, end, 2, &tm->tm_min) && tm->tm_hour <= 23 && tm->tm_min <= 59;
}

/* ":29" or ":29.001" */
static bool parse_seconds(const char **p, const char *end, struct written *w)
{
	const char *fraction;

	if (!literal(p, end, ':') || !digits(p, end, 2, &w->tm.tm_sec) || w->tm.tm_sec > 59)
		return false;
	if (!literal(p, end, '.'))
		return true;
	fraction = *p;
	for (int weight = 100; *p < end && **p >= '0' && **p <= '9'; (*p)++, weight /= 10)
		w->milli += (**p - '0') * weight;
	return *p > fraction;
}

/* With its offset applied, a time may leave the years that clock_format can write. */
static bool resolve(const struct written *w, int64_t *ms)
{
	struct tm tm = w->tm;
	int64_t seconds;

	tm.tm_isdst = -1;
	seconds = w->has_offset ? (int64_t)timegm(&tm) - w->offset : (int64_t)mktime(&tm);
	if (seconds < 0 || seconds * 1000 + w->milli > LAST)
		return false;
	*ms = seconds * 1000 + w->milli;
	return true;
}

bool clock_parse(const char *text, size_t len, int64_t *ms)
{
	const char *p = text, *end = text + len;
	struct written w = {.has_offset = true};

	return parse_date(&p, end, &w.tm) && parse_hour_and_minute(&p, end, &w.tm) &&
	       parse_seconds(&p, end, &w) && parse_offset(&p, end, &w.offset) && p == end &&
	       resolve(&w, ms);
}

bool clock_parse_short(const char *text, size_t len, int64_t *ms)
{
	const char *p = text, *end = text + len;
	struct written w = {0};

	if (!parse_date(&p, end, &w.tm))
		return false;
	if (p < end && !parse_hour_and_minute(&p, end, &w.tm))
		return false;
	if (p < end && *p == ':' && !parse_seconds(&p, end, &w))
		return false;
	w.has_offset = p < end;
	if (w.has_offset && !parse_offset(&p, end, &w.offset))
		return false;
	return p == end && resolve(&w, ms);
}

void clock_format(int64_t ms, char out[CLOCK_TEXT])
{
	time_t seconds = (time_t)(ms / 1000);
	int milli = (int)(ms % 1000);
	struct tm tm;
	size_t n;

	if (milli < 0) {
		milli += 1000;
		seconds--;
	}
	out[0] = '\0';
	if (gmtime_r(&seconds, &tm) == NULL)
		return;
	n = strftime(out, CLOCK_TEXT - 5, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, CLOCK_TEXT - n, ".%03dZ", milli);
}

void clock_local(int64_t ms, char out[CLOCK_TEXT])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm when;

	if (localtime_r(&seconds, &when) == NULL ||
		strftime(out, CLOCK_TEXT, "%Y-%m-%d %H:%M", &when) == 0)
		out[0] = '\0';
}
