/* The machine's name, in a UTS namespace of the test's own. */
#include "transfer/hostname.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void set_name(const char *name)
{
	assert_int_equal(sethostname(name, strlen(name)), 0);
}

/* In this order: a full name is remembered. */
static void test_short_odd_and_full(void **state)
{
	char found[HOSTNAME_ROOM];

	(void)state;
	if (unshare(CLONE_NEWUTS) != 0)
		skip();
	set_name("nobody-knows-this-4711");
	hostname_find(found);
	assert_string_equal(found, "nobody-knows-this-4711");
	set_name("no name/at all");
	hostname_find(found);
	assert_string_equal(found, "");
	set_name("shop.example.com");
	hostname_find(found);
	assert_string_equal(found, "shop.example.com");
	set_name("other");
	hostname_find(found);
	assert_string_equal(found, "shop.example.com");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_short_odd_and_full),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
