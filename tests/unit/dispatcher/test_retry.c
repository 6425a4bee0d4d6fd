#include "dispatcher/retry.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define SECOND INT64_C(1000)
#define HOUR   (3600 * SECOND)

static void delays_double_and_vary_by_a_quarter(void **state)
{
	(void)state;
	const struct conf_retry policy = {.attempts = 12, .first = 10 * SECOND, .max = HOUR};
	const int64_t longest[] = {10, 20, 40, 80, 160, 320, 640, 1280, 2560, 3600, 3600};

	for (unsigned i = 0; i < 11; i++) {
		assert_int_equal(retry_delay(&policy, i + 1, 0), longest[i] * SECOND * 3 / 4);
		assert_int_equal(retry_delay(&policy, i + 1, UINT32_MAX), longest[i] * SECOND);
	}
}

static void no_attempt_is_left_after_the_last(void **state)
{
	(void)state;
	const struct conf_retry twelve = {.attempts = 12, .first = 10 * SECOND, .max = HOUR};
	const struct conf_retry once = {.attempts = 1, .first = 10 * SECOND, .max = HOUR};

	assert_true(retry_delay(&twelve, 11, 1) > 0);
	assert_int_equal(retry_delay(&twelve, 12, 1), -1);
	assert_int_equal(retry_delay(&twelve, 13, 1), -1);
	assert_int_equal(retry_delay(&twelve, UINT_MAX, 1), -1);
	assert_int_equal(retry_delay(&once, 1, 1), -1);
}

static void a_first_above_max_is_cut_to_max(void **state)
{
	(void)state;
	const struct conf_retry above = {.attempts = 5, .first = 90 * SECOND, .max = 60 * SECOND};
	const struct conf_retry far = {.attempts = 5, .first = HOUR, .max = SECOND};

	for (unsigned failures = 1; failures < 5; failures++) {
		assert_int_equal(retry_delay(&above, failures, 0), 45 * SECOND);
		assert_int_equal(retry_delay(&above, failures, UINT32_MAX), 60 * SECOND);
		assert_int_equal(retry_delay(&far, failures, 0), SECOND * 3 / 4);
		assert_int_equal(retry_delay(&far, failures, UINT32_MAX), SECOND);
	}
}

static void extremes_do_not_overflow(void **state)
{
	(void)state;
	const struct conf_retry vast = {.attempts = UINT_MAX, .first = 1, .max = INT64_MAX - 1};
	const struct conf_retry zero = {.attempts = 3, .first = 0, .max = 0};

	assert_int_equal(retry_delay(&vast, UINT_MAX - 1, 0), vast.max - vast.max / 4);
	int64_t top = retry_delay(&vast, UINT_MAX - 1, UINT32_MAX);
	assert_true(top > INT64_MAX - (INT64_C(1) << 32) && top <= vast.max);
	assert_int_equal(retry_delay(&zero, 1, UINT32_MAX), 0);
}

/* A tenth of the randoms fall into each tenth of the range. */
static void delays_are_spread_evenly(void **state)
{
	(void)state;
	const struct conf_retry policy = {.attempts = 9, .first = 10 * SECOND, .max = HOUR};
	enum { DRAWS = 100000, PARTS = 10 };
	const int64_t low = 60 * SECOND;
	const int64_t high = 80 * SECOND;
	unsigned hits[PARTS] = {0};

	for (uint32_t i = 0; i < DRAWS; i++) {
		int64_t delay = retry_delay(&policy, 4, i * (UINT32_MAX / DRAWS));
		assert_in_range(delay, low, high);
		hits[(delay - low) * PARTS / (high - low + 1)]++;
	}
	for (unsigned i = 0; i < PARTS; i++)
		assert_in_range(hits[i], DRAWS / PARTS - 10, DRAWS / PARTS + 10);
}

/* What the manual promises of the defaults of conf/keys.c. */
static void the_defaults_last_for_three_days(void **state)
{
	(void)state;
	const struct conf_retry policy = {.attempts = 58, .first = 10 * SECOND, .max = 2 * HOUR};
	int64_t least = 0, most = 0;

	for (unsigned i = 1; i < policy.attempts; i++) {
		least += retry_delay(&policy, i, 0);
		most += retry_delay(&policy, i, UINT32_MAX);
	}
	assert_in_range(least, 72 * HOUR, 73 * HOUR);
	assert_in_range(most, 72 * HOUR, 97 * HOUR);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_double_and_vary_by_a_quarter),
		cmocka_unit_test(no_attempt_is_left_after_the_last),
		cmocka_unit_test(a_first_above_max_is_cut_to_max),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(delays_are_spread_evenly),
		cmocka_unit_test(the_defaults_last_for_three_days),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
