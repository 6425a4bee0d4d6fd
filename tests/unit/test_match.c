#include "match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static char approved[] = "transaction.approved", all[] = "*", transactions[] = "transaction.*",
	    customers[] = "customer.*";

static void globs(void **state)
{
	(void)state;
	assert_true(match_type("transaction.approved", "transaction.approved"));
	assert_false(match_type("transaction.approved", "transaction.approved2"));
	assert_true(match_type("transaction.*", "transaction.approved"));
	assert_true(match_type("*", "a.b.c"));
	assert_true(match_type("*.approved", "a.b.approved"));
	assert_false(match_type("transaction.*", "transaction"));
	assert_true(match_type("payout.[cs]*", "payout.sent"));
	assert_false(match_type("Transaction.*", "transaction.approved"));
}

static void hooks_of_the_source_that_want_the_type(void **state)
{
	(void)state;
	struct conf_source sources[2] = {{.store_id = 1}, {.store_id = 2}};
	char *both[] = {customers, approved};
	char *any[] = {all}, *some[] = {transactions}, *others[] = {customers};
	struct conf_hook hooks[] = {
		{.source = &sources[0], .on = any, .on_count = 1, .store_id = 11},
		{.source = &sources[1], .on = any, .on_count = 1, .store_id = 12},
		{.source = &sources[0], .on = others, .on_count = 1, .store_id = 13},
		{.source = &sources[0], .on = some, .on_count = 1, .store_id = 14},
		{.source = &sources[0], .on = both, .on_count = 2, .store_id = 15},
	};
	struct conf conf = {.hooks = hooks, .hook_count = 5};
	struct event ev = {.type = approved};
	int64_t ids[5];

	assert_int_equal(match_hooks(&conf, &sources[0], &ev, ids), 3);
	assert_int_equal(ids[0], 11);
	assert_int_equal(ids[1], 14);
	assert_int_equal(ids[2], 15);
	assert_int_equal(match_hooks(&conf, &sources[1], &ev, ids), 1);
	assert_int_equal(ids[0], 12);
	ev.quarantined = "no type";
	assert_int_equal(match_hooks(&conf, &sources[0], &ev, ids), 0);
	ev = (struct event){0};
	assert_int_equal(match_hooks(&conf, &sources[0], &ev, ids), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globs),
		cmocka_unit_test(hooks_of_the_source_that_want_the_type),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
