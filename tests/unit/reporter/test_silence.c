/* When a source that has gone quiet raises an alarm, and when it does not. */
#include "reporter/silence.h"
#include "store/fixture.h"

#include <jansson.h>

#define HOUR INT64_C(3600000)
#define DAY  (24 * HOUR)
#define NOW  (1000 * DAY + 12 * HOUR) /* noon of some day */

static void arrive(struct fixture *fx, int64_t at)
{
	static unsigned n;
	char key[32];

	(void)snprintf(key, sizeof(key), "id:%u", ++n);
	struct event ev = fx_event(fx, key, "{}", 2);
	ev.received_at = at;
	struct store_put put = {.op.kind = STORE_OP_PUT, .event = &ev};
	assert_int_equal(store_wait(fx->st, &put.op), STORE_OK);
}

/* An event at that hour of each of the `days` days before today. */
static void busy(struct fixture *fx, int days, int64_t hour)
{
	for (int day = 1; day <= days; day++)
		arrive(fx, NOW - 12 * HOUR - day * DAY + hour * HOUR);
}

static struct silence check(
	const struct fixture *fx, const char *source, int64_t now, int64_t after)
{
	char why[STORE_READ_WHY];
	struct store_reader *r = store_reader_open(fx->path, why);
	struct silence s;

	if (r == NULL || !silence_check(r, source, now, after, &s, why))
		fail_msg("%s", why);
	store_reader_close(r);
	return s;
}

static void test_a_usually_busy_hour_without_an_event(void **state)
{
	struct fixture *fx = *state;

	busy(fx, 7, 10);
	struct silence s = check(fx, "fedapay", NOW, 6 * HOUR);
	assert_true(s.alarming);
	assert_int_equal(s.days, 7);
	assert_int_equal(s.last, NOW - DAY - 2 * HOUR);

	arrive(fx, NOW - 6 * HOUR + 1); /* just within */
	s = check(fx, "fedapay", NOW, 6 * HOUR);
	assert_false(s.alarming);
	assert_int_equal(s.last, NOW - 6 * HOUR + 1);
	assert_true(check(fx, "fedapay", NOW + 1, 6 * HOUR).alarming);
}

static void test_a_night_is_no_alarm(void **state)
{
	struct fixture *fx = *state;

	busy(fx, 7, 15); /* nothing ever comes between six and noon */
	struct silence s = check(fx, "fedapay", NOW, 6 * HOUR);
	assert_false(s.alarming);
	assert_int_equal(s.days, 0);
	/* but in the afternoon, when the hour has passed */
	assert_true(check(fx, "fedapay", NOW + 4 * HOUR, 6 * HOUR).alarming);
}

static void test_four_days_of_seven_are_usual(void **state)
{
	struct fixture *fx = *state;

	busy(fx, 3, 10);
	assert_false(check(fx, "fedapay", NOW, 6 * HOUR).alarming);
	arrive(fx, NOW - 7 * DAY - HOUR);
	struct silence s = check(fx, "fedapay", NOW, 6 * HOUR);
	assert_true(s.alarming);
	assert_int_equal(s.days, 4);
}

static void test_what_was_never_there_is_not_missed(void **state)
{
	struct fixture *fx = *state;

	assert_false(check(fx, "fedapay", NOW, 6 * HOUR).alarming);
	assert_int_equal(check(fx, "fedapay", NOW, 6 * HOUR).last, 0);
	busy(fx, 7, 10);
	assert_false(check(fx, "other", NOW, 6 * HOUR).alarming);
	/* two weeks later it is no longer usual */
	assert_false(check(fx, "fedapay", NOW + 14 * DAY, 6 * HOUR).alarming);
}

static void test_one_silence_has_one_id(void **state)
{
	char name[] = "fedapay";
	const struct conf_source source = {.name = name, .sender = sender_find("fedapay")};
	struct silence s = {.alarming = true, .last = NOW - 7 * HOUR, .days = 6};
	struct buf first = {0}, second = {0};
	json_t *a, *b;

	(void)state;
	assert_true(silence_body(&source, &s, NOW, 6 * HOUR, &first));
	assert_true(silence_body(&source, &s, NOW + HOUR, 6 * HOUR, &second));
	a = json_loadb(first.data, first.len, 0, NULL);
	b = json_loadb(second.data, second.len, 0, NULL);
	assert_string_equal(json_string_value(json_object_get(a, "name")), "hookd.silence");
	assert_string_equal(json_string_value(json_object_get(a, "id")),
		json_string_value(json_object_get(b, "id")));
	assert_string_equal(json_string_value(json_object_get(a, "source")), "fedapay");
	assert_int_equal(json_integer_value(json_object_get(a, "after_seconds")), 6 * 3600);
	assert_non_null(strstr(json_string_value(json_object_get(a, "text")), "7 h ago"));
	assert_non_null(strstr(json_string_value(json_object_get(a, "text")), "6 of the last 7"));
	assert_non_null(strstr(json_string_value(json_object_get(a, "subject")), "fedapay"));
	json_decref(a);
	json_decref(b);
	buf_free(&first);
	buf_free(&second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			test_a_usually_busy_hour_without_an_event, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(test_a_night_is_no_alarm, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_four_days_of_seven_are_usual, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			test_what_was_never_there_is_not_missed, fx_make_open, fx_remove),
		cmocka_unit_test(test_one_silence_has_one_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
