/* How fast an API is asked. */
#include "catchup/pace.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_a_burst_then_one_a_second(void **state)
{
	struct pace pace = {0};
	int64_t now = 1000000;

	(void)state;
	for (int i = 0; i < PACE_BURST; i++) {
		assert_int_equal(pace_wait(&pace, now), 0);
		pace_take(&pace, now);
	}
	for (int i = 0; i < 20; i++) {
		assert_int_equal(pace_wait(&pace, now), 1000);
		now += 1000;
		assert_int_equal(pace_wait(&pace, now), 0);
		pace_take(&pace, now);
	}
	now += 3600000; /* the bucket holds no more than a burst */
	for (int i = 0; i < PACE_BURST; i++)
		pace_take(&pace, now);
	assert_int_equal(pace_wait(&pace, now), 1000);
}

static void test_what_the_api_asks_for(void **state)
{
	struct pace pace = {0};

	(void)state;
	pace_busy(&pace, 0, 2000);
	assert_int_equal(pace_wait(&pace, 500), 1500);
	pace_busy(&pace, 0, 86400000);
	assert_int_equal(pace_wait(&pace, 0), PACE_ASKED_MAX);
	pace_busy(&pace, 0, 1000); /* does not shorten it */
	assert_int_equal(pace_wait(&pace, 0), PACE_ASKED_MAX);
}

static void test_busy_without_a_time(void **state)
{
	struct pace pace = {0};

	(void)state;
	pace_busy(&pace, 0, 0);
	assert_int_equal(pace_wait(&pace, 0), 60000);
	pace_busy(&pace, 60000, 0);
	assert_int_equal(pace_wait(&pace, 60000), 120000);
	for (int i = 0; i < 20; i++)
		pace_busy(&pace, 1000000, 0);
	assert_int_equal(pace_wait(&pace, 1000000), PACE_ASKED_MAX);
	pace_answered(&pace);
	pace_busy(&pace, 1000000 + PACE_ASKED_MAX, 0);
	assert_int_equal(pace_wait(&pace, 1000000 + PACE_ASKED_MAX), 60000);
}

static void test_backoff(void **state)
{
	(void)state;
	assert_int_equal(pace_backoff(1, 2000, 8000, UINT32_MAX), 2000);
	assert_int_equal(pace_backoff(2, 2000, 8000, UINT32_MAX), 4000);
	assert_int_equal(pace_backoff(3, 2000, 8000, UINT32_MAX), 8000);
	assert_int_equal(pace_backoff(UINT_MAX, 2000, 900000, UINT32_MAX), 900000);
	assert_int_equal(pace_backoff(3, 2000, 8000, 0), 0);
	assert_in_range(pace_backoff(3, 2000, 8000, UINT32_MAX / 2), 3999, 4000);
	assert_int_equal(pace_backoff(0, 2000, 8000, UINT32_MAX), 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_burst_then_one_a_second),
		cmocka_unit_test(test_what_the_api_asks_for),
		cmocka_unit_test(test_busy_without_a_time),
		cmocka_unit_test(test_backoff),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
