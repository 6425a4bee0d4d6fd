#include "clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#define UNTOUCHED INT64_C(-987654321)

static void check_time(const char *text, int64_t expected)
{
	int64_t ms = UNTOUCHED;

	if (!clock_parse(text, strlen(text), &ms))
		fail_msg("\"%s\" was refused", text);
	if (ms != expected)
		fail_msg("\"%s\": %lld, expected %lld", text, (long long)ms, (long long)expected);
}

static void check_refused(const char *text)
{
	int64_t ms = UNTOUCHED;

	if (clock_parse(text, strlen(text), &ms))
		fail_msg("\"%s\" was taken as %lld", text, (long long)ms);
	assert_true(ms == UNTOUCHED);
}

/* The expected values are those of GNU date(1). */
static void times_of_rfc_3339_are_read(void **state)
{
	(void)state;
	check_time("1970-01-01T00:00:00Z", 0);
	check_time("2026-06-30T22:50:29.001Z", INT64_C(1782859829001));
	check_time("2026-06-30T22:50:29Z", INT64_C(1782859829000));
	check_time("2026-06-30t22:50:29z", INT64_C(1782859829000));
	check_time("2026-06-30 22:50:29Z", INT64_C(1782859829000));
	check_time("2000-02-29T12:00:00Z", INT64_C(951825600000));
	check_time("2024-02-29T23:59:59Z", INT64_C(1709251199000));
	check_time("2038-01-19T03:14:08Z", INT64_C(2147483648000));
	check_time("9999-12-31T23:59:59.999Z", INT64_C(253402300799999));
}

static void offsets_are_taken_off(void **state)
{
	(void)state;
	check_time("2026-06-30T23:50:29+01:00", INT64_C(1782859829000));
	check_time("2026-06-30T17:20:29-05:30", INT64_C(1782859829000));
	check_time("2026-07-01T00:50:29.5+02:00", INT64_C(1782859829500));
	check_time("2026-06-30T22:50:29-00:00", INT64_C(1782859829000));
}

static void fractions_are_cut_to_milliseconds(void **state)
{
	(void)state;
	check_time("1970-01-01T00:00:01.5Z", 1500);
	check_time("1970-01-01T00:00:01.05Z", 1050);
	check_time("1970-01-01T00:00:01.9999Z", 1999);
	check_time("1970-01-01T00:00:01.000999999999999999999999999999999Z", 1000);
}

static void what_is_no_such_time_is_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"Z",
		"2026",
		"2026-06-30",
		"2026-06-30T",
		"2026-06-30T22:50:29",
		"2026-06-30T22:50Z",
		"2026-06-30T22:50:29.Z",
		"2026-06-30T22:50:29,5Z",
		"2026-06-30T22:50:29ZZ",
		"2026-06-30T22:50:29Z ",
		" 2026-06-30T22:50:29Z",
		"2026-06-30T22:50:29+1:00",
		"2026-06-30T22:50:29+0100",
		"2026-06-30T22:50:29+24:00",
		"2026-06-30T22:50:29+01:60",
		"2026-06-30T22:50:29+",
		"2026-6-30T22:50:29Z",
		"2026-00-30T22:50:29Z",
		"2026-13-30T22:50:29Z",
		"2026-06-00T22:50:29Z",
		"2026-06-31T22:50:29Z",
		"2023-02-29T00:00:00Z",
		"2100-02-29T00:00:00Z",
		"2026-06-30T24:00:00Z",
		"2026-06-30T22:60:29Z",
		"2026-06-30T22:50:60Z",
		"1969-12-31T23:59:59Z",
		"-026-06-30T22:50:29Z",
		"+026-06-30T22:50:29Z",
		"2026/06/30T22:50:29Z",
		"12026-06-30T22:50:29Z",
		"1782859829",
		"null",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		check_refused(texts[i]);
}

/* The text comes from JSON: it has a length, and may have NULs or more behind it. */
static void only_len_bytes_are_looked_at(void **state)
{
	static const char long_text[] = "2026-06-30T22:50:29Z9Z";
	static const char with_nul[] = "2026-06-30T22:50:29\0Z";
	const size_t whole = strlen("2026-06-30T22:50:29Z");
	int64_t ms = UNTOUCHED;

	(void)state;
	assert_true(clock_parse(long_text, whole, &ms));
	assert_true(ms == INT64_C(1782859829000));
	for (size_t len = 0; len < whole; len++)
		assert_false(clock_parse(long_text, len, &ms));
	assert_false(clock_parse(long_text, whole + 1, &ms));
	assert_false(clock_parse(with_nul, sizeof(with_nul) - 1, &ms));
}

static void check_format(int64_t ms, const char *expected)
{
	char text[CLOCK_TEXT];

	clock_format(ms, text);
	assert_string_equal(text, expected);
}

static void times_are_written_in_utc(void **state)
{
	(void)state;
	check_format(0, "1970-01-01T00:00:00.000Z");
	check_format(INT64_C(1782859829001), "2026-06-30T22:50:29.001Z");
	check_format(INT64_C(1709251199999), "2024-02-29T23:59:59.999Z");
	check_format(INT64_C(253402300799999), "9999-12-31T23:59:59.999Z");
	check_format(-1, "1969-12-31T23:59:59.999Z");
	check_format(-1000, "1969-12-31T23:59:59.000Z");
}

static void the_local_time_zone_does_not_matter(void **state)
{
	(void)state;
	assert_int_equal(setenv("TZ", "Pacific/Kiritimati", 1), 0);
	tzset();
	check_format(INT64_C(1782859829001), "2026-06-30T22:50:29.001Z");
	check_time("2026-06-30T22:50:29.001Z", INT64_C(1782859829001));
	unsetenv("TZ");
	tzset();
}

/* A year may have ten digits, or there may be no such year for the C library. */
static void no_time_overflows_the_text(void **state)
{
	static const int64_t extremes[] = {INT64_MIN, INT64_MIN + 999, INT64_MAX,
		INT64_C(67768036191676799999), INT64_C(67768036191676800000), -INT64_C(67768040609740800),
		-INT64_C(67768040609740801)};

	(void)state;
	for (size_t i = 0; i < sizeof(extremes) / sizeof(extremes[0]); i++) {
		char guarded[CLOCK_TEXT + 8];

		memset(guarded, '#', sizeof(guarded));
		clock_format(extremes[i], guarded);
		assert_true(memchr(guarded, '\0', CLOCK_TEXT) != NULL);
		assert_memory_equal(guarded + CLOCK_TEXT, "########", 8);
	}
}

static void what_is_written_reads_back(void **state)
{
	(void)state;
	for (int64_t ms = 0; ms < INT64_C(253402300800000); ms += INT64_C(12345678901)) {
		char text[CLOCK_TEXT];

		clock_format(ms, text);
		check_time(text, ms);
	}
}

static void the_steady_clock_never_goes_back(void **state)
{
	int64_t last = clock_steady();

	(void)state;
	assert_true(last > 0);
	for (int i = 0; i < 100000; i++) {
		int64_t next = clock_steady();

		assert_true(next >= last);
		last = next;
	}
}

static void the_wall_clock_is_unix_milliseconds(void **state)
{
	int64_t before = (int64_t)time(NULL), now = clock_wall(), after = (int64_t)time(NULL);

	/* time(2) may read a coarser clock, which lags by a tick. */
	(void)state;
	assert_true(now / 1000 >= before && now / 1000 <= after + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(times_of_rfc_3339_are_read),
		cmocka_unit_test(offsets_are_taken_off),
		cmocka_unit_test(fractions_are_cut_to_milliseconds),
		cmocka_unit_test(what_is_no_such_time_is_refused),
		cmocka_unit_test(only_len_bytes_are_looked_at),
		cmocka_unit_test(times_are_written_in_utc),
		cmocka_unit_test(the_local_time_zone_does_not_matter),
		cmocka_unit_test(no_time_overflows_the_text),
		cmocka_unit_test(what_is_written_reads_back),
		cmocka_unit_test(the_steady_clock_never_goes_back),
		cmocka_unit_test(the_wall_clock_is_unix_milliseconds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
