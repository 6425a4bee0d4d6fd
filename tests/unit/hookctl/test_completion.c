/* What `hookctl completion hooks` prints goes to a shell that may be root's. */
#include "hookctl/command_fixture.h"

static const char *run_completion(const struct fixture *fx)
{
	char path[128];
	char *argv[] = {(char[]){"completion"}, (char[]){"--store"}, path, (char[]){"hooks"}, NULL};

	(void)snprintf(path, sizeof(path), "%s", fx->path);
	return run_command(&ctl_completion, 4, argv);
}

static void names_of_hooks_are_printed(void **state)
{
	struct fixture *fx = *state;

	(void)fx_name(fx->st, STORE_NAME_HOOK, "alpha/on_failure");
	(void)fx_name(fx->st, STORE_NAME_HOOK, "ship-order_2.b");
	assert_string_equal(
		run_completion(fx), "alpha\nalpha/on_failure\nbeta\ngamma\nship-order_2.b\n");
}

static void nothing_but_names_is_printed(void **state)
{
	static const char *const names[] = {"$(id)", "`id`", "a b", "a;id", "-rf", ".a", "a/", "/a",
		"a/b/c", "a/-b", "a\nid", "\x1b[31m", "caf\xc3\xa9", "",
		"a2345678901234567890123456789012345678901234567890123456789012345"};
	struct fixture *fx = *state;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		(void)fx_name(fx->st, STORE_NAME_HOOK, names[i]);
	assert_string_equal(run_completion(fx), "alpha\nbeta\ngamma\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			names_of_hooks_are_printed, fx_make_open, fx_remove),
		cmocka_unit_test_setup_teardown(
			nothing_but_names_is_printed, fx_make_open, fx_remove),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
