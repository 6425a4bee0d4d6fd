/* RFC 3339 times, read and written; the steady clock. */
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

static void times_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{"1970-01-01T00:00:00Z", 0},
		{"2026-06-30T22:50:29.001Z", 1782859829001},
		{"2026-06-30t22:50:29.001z", 1782859829001},
		{"2026-06-30 22:50:29Z", 1782859829000},
		{"2026-06-30T23:50:29+01:00", 1782859829000},
		{"2026-06-30T17:20:29-05:30", 1782859829000},
		{"2026-06-30T22:50:29.1Z", 1782859829100},
		{"2026-06-30T22:50:29.123999999Z", 1782859829123},
		{"2024-02-29T00:00:00Z", 1709164800000},
		{"2000-02-29T00:00:00Z", 951782400000},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t ms = -1;

		assert_true(clock_parse(rows[i].text, strlen(rows[i].text), &ms));
		assert_int_equal(ms, rows[i].ms);
	}
}

static void bad_times_are_refused(void **state)
{
	(void)state;
	static const char *const rows[] = {
		"",
		"2026",
		"2026-06-30",
		"2026-06-30T22:50",
		"2026-06-30T22:50:29",
		"2026-06-30T22:50:29.Z",
		"2026-06-30T22:50:29+1:00",
		"2026-06-30T22:50:29+24:00",
		"2026-06-30T22:50:29Z ",
		" 2026-06-30T22:50:29Z",
		"2026-13-30T22:50:29Z",
		"2026-00-30T22:50:29Z",
		"2026-06-31T22:50:29Z",
		"2026-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2026-06-30T24:00:00Z",
		"2026-06-30T22:60:29Z",
		"2026-06-30T22:50:60Z",
		"1969-12-31T23:59:59Z",
		"2026-6-30T22:50:29Z",
		"+026-06-30T22:50:29Z",
		"2026-06-30T22:50:29X",
		"9999-12-31T23:59:59.999-00:01",
		"1970-01-01T00:00:00+00:01",
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int64_t ms;

		assert_false(clock_parse(rows[i], strlen(rows[i]), &ms));
	}
	int64_t ms;
	assert_true(clock_parse("2026-06-30T22:50:29Z and more", 20, &ms)); /* len counts */
	assert_false(clock_parse("2026-06-30T22:50:29Z", 19, &ms));
}

static void short_times_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms;
	} rows[] = {
		{"2026-06-30", 1782774000000}, /* 23:00 on the 29th in UTC */
		{"2026-06-30 23:50", 1782859800000},
		{"2026-06-30T23:50", 1782859800000},
		{"2026-06-30 23:50:29", 1782859829000},
		{"2026-06-30 23:50:29.5", 1782859829500},
		{"2026-06-30 22:50Z", 1782859800000},
		{"2026-06-30 22:50+00:00", 1782859800000},
		{"2026-06-30T22:50:29.001Z", 1782859829001},
	};
	static const char *const bad[] = {"", "2026", "2026-06", "2026-06-31", "2026-6-30",
		"2026-06-30T", "2026-06-30 ", "2026-06-30 22", "2026-06-30 24:00",
		"2026-06-30 22:50:", "2026-06-30 22:50:60", "2026-06-30 22:50x", "2026-06-30Z",
		"30.06.2026", "06/30/2026", "yesterday"};
	int64_t ms = -1;

	assert_int_equal(setenv("TZ", "WAT-1", 1), 0);
	tzset();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_true(clock_parse_short(rows[i].text, strlen(rows[i].text), &ms));
		assert_int_equal(ms, rows[i].ms);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(clock_parse_short(bad[i], strlen(bad[i]), &ms));
	assert_int_equal(unsetenv("TZ"), 0);
	tzset();
}

static void times_are_written(void **state)
{
	(void)state;
	char text[CLOCK_TEXT];

	clock_format(1782859829001, text);
	assert_string_equal(text, "2026-06-30T22:50:29.001Z");
	clock_format(0, text);
	assert_string_equal(text, "1970-01-01T00:00:00.000Z");
	clock_format(-1, text);
	assert_string_equal(text, "1969-12-31T23:59:59.999Z");
	clock_format(INT64_MAX, text); /* beyond any calendar: no overrun */
	clock_format(INT64_MIN, text);
}

static void the_steady_clock_does_not_go_back(void **state)
{
	(void)state;
	int64_t last = clock_steady();

	for (int i = 0; i < 1000; i++) {
		int64_t now = clock_steady();

		assert_true(now >= last);
		last = now;
	}
	assert_true(clock_wall() > 1700000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_are_read),
		cmocka_unit_test(bad_times_are_refused),
		cmocka_unit_test(short_times_are_read),
		cmocka_unit_test(times_are_written),
		cmocka_unit_test(the_steady_clock_does_not_go_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
