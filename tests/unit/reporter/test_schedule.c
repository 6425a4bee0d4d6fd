/* A time of day, also on days on which clocks are changed. */
#include "base/clock.h"
#include "reporter/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static int64_t at(const char *text)
{
	int64_t ms;

	assert_true(clock_parse(text, strlen(text), &ms));
	return ms;
}

static void times_of_day(void **state)
{
	static const struct {
		const char *zone, *now;
		unsigned minutes;
		const char *last, *next;
	} rows[] = {
		{"UTC", "2026-11-24T10:00:00Z", 480, "2026-11-24T08:00:00Z",
			"2026-11-25T08:00:00Z"},
		{"UTC", "2026-11-24T07:59:59.999Z", 480, "2026-11-23T08:00:00Z",
			"2026-11-24T08:00:00Z"},
		{"UTC", "2026-11-24T08:00:00Z", 480, "2026-11-24T08:00:00Z",
			"2026-11-25T08:00:00Z"},
		{"UTC", "2026-01-01T00:30:00Z", 1439, "2025-12-31T23:59:00Z",
			"2026-01-01T23:59:00Z"},
		{"UTC", "2026-03-01T00:00:00Z", 0, "2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z"},
		/* one hour ahead of UTC, all year */
		{"Africa/Porto-Novo", "2026-06-30T23:30:00Z", 480, "2026-06-30T07:00:00Z",
			"2026-07-01T07:00:00Z"},
		/* clocks go from 02:00 to 03:00 on 29 March 2026, and back on 25 October */
		{"Europe/Paris", "2026-03-29T12:00:00Z", 480, "2026-03-29T06:00:00Z",
			"2026-03-30T06:00:00Z"},
		{"Europe/Paris", "2026-03-28T12:00:00Z", 480, "2026-03-28T07:00:00Z",
			"2026-03-29T06:00:00Z"},
		{"Europe/Paris", "2026-10-25T12:00:00Z", 480, "2026-10-25T07:00:00Z",
			"2026-10-26T07:00:00Z"},
		{"Europe/Paris", "2026-03-28T12:00:00Z", 150, "2026-03-28T01:30:00Z",
			"2026-03-29T01:30:00Z"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char last[CLOCK_TEXT], next[CLOCK_TEXT], wanted[CLOCK_TEXT];

		(void)setenv("TZ", rows[i].zone, 1);
		tzset();
		clock_format(schedule_last(at(rows[i].now), rows[i].minutes), last);
		clock_format(schedule_next(at(rows[i].now), rows[i].minutes), next);
		clock_format(at(rows[i].last), wanted);
		assert_string_equal(last, wanted);
		clock_format(at(rows[i].next), wanted);
		assert_string_equal(next, wanted);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_of_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
