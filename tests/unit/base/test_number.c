/* Whole numbers, with and without units, durations and ports: what is one, and what
 * is too large. */
#include "base/duration.h"
#include "base/net.h"
#include "base/number.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

static void digits_alone(void **state)
{
	static const struct {
		const char *text;
		int64_t max, value; /* value -1: not one */
	} rows[] = {
		{"0", 0, 0},
		{"7", 7, 7},
		{"8", 7, -1},
		{"007", 7, 7},
		{"", 9, -1},
		{"-1", 9, -1},
		{"+1", 9, -1},
		{" 1", 9, -1},
		{"1 ", 9, -1},
		{"1.0", 9, -1},
		{"0x1", 9, -1},
		{"1e1", 99, -1},
		{"9223372036854775807", INT64_MAX, INT64_MAX},
		{"9223372036854775806", INT64_MAX, INT64_MAX - 1},
		{"99999999999999999999999999", INT64_MAX - 1, -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t n = 4711;
		bool good = number_read(rows[i].text, strlen(rows[i].text), rows[i].max, &n);

		if (good != (rows[i].value >= 0) || n != (good ? rows[i].value : 4711))
			fail_msg("%s: %d, %lld", rows[i].text, good, (long long)n);
	}
	int64_t n;
	assert_true(number_read("1234", 2, 99, &n) && n == 12);
	assert_false(number_read("1\0", 2, 99, &n));
	assert_int_equal(number_digits("12a4", 4), 2);
	assert_int_equal(number_digits("1234", 3), 3);
	assert_int_equal(number_digits("", 0), 0);
}

static void durations(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: not one */
	} rows[] = {
		{"500ms", 500},
		{"10s", 10000},
		{"5m", 300000},
		{"2h", 7200000},
		{"90d", 90 * INT64_C(86400000)},
		{"0", 0},
		{"000", 0},
		{"0d", 0},
		{"106751991167d", INT64_C(106751991167) * 86400000},
		{"106751991168d", INT64_MAX},
		{"99999999999999999999ms", INT64_MAX},
		{"99999999999999999999d", INT64_MAX},
		{"", -1},
		{"s", -1},
		{"10", -1},
		{"10 s", -1},
		{"-10s", -1},
		{"+10s", -1},
		{"1.5s", -1},
		{"10S", -1},
		{"10sec", -1},
		{"1h30m", -1},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		int64_t ms = -1;
		bool good = duration_read(rows[i].text, &ms);

		if (good != (rows[i].ms >= 0) || (good && ms != rows[i].ms))
			fail_msg("%s: %d, %lld", rows[i].text, good, (long long)ms);
	}
}

static void durations_written(void **state)
{
	static const struct {
		int64_t ms;
		const char *text;
	} rows[] = {
		{0, "0"},
		{1, "1ms"},
		{1500, "1500ms"},
		{90000, "90s"},
		{120000, "2m"},
		{86400000, "1d"},
		{INT64_MAX, "9223372036854775807ms"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		struct buf out = {0};

		duration_add(&out, rows[i].ms);
		assert_true(buf_ok(&out));
		assert_string_equal(out.data, rows[i].text);
		buf_free(&out);
	}
}

static void ports(void **state)
{
	static const char *const none[] = {"", "-1", "65536", "99999999999999999999", "8o", " 80"};
	uint16_t port = 0;

	(void)state;
	assert_true(net_parse_port("0", 1, &port) && port == 0);
	assert_true(net_parse_port("65535", 5, &port) && port == 65535);
	assert_true(net_parse_port("8080/x", 4, &port) && port == 8080);
	for (size_t i = 0; i < COUNT(none); i++)
		assert_false(net_parse_port(none[i], strlen(none[i]), &port));
	assert_int_equal(port, 8080);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digits_alone),
		cmocka_unit_test(durations),
		cmocka_unit_test(durations_written),
		cmocka_unit_test(ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
