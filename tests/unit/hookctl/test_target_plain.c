/* The same on a file system that has no files without a name: it answers as a kernel does that does
 * not know O_TMPFILE. */
#include <fcntl.h>
#undef O_TMPFILE
#define O_TMPFILE O_DIRECTORY
#include "hookctl/target.c" // NOLINT(bugprone-suspicious-include)
#include "hookctl/target_fixture.h"

static void it_has_a_temporary_name_meanwhile(void **state)
{
	struct ctl_target t;

	(void)state;
	assert_true(target_try(&t, target_path("copy")));
	assert_memory_equal(t.temporary, ".hookctl-", 9);
	assert_int_equal(target_entries(), 1);
	ctl_target_close(&t);
	assert_int_equal(target_entries(), 0);
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, target_make_directory, target_remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_gets_its_name_when_it_is_complete),
		TEST(what_is_not_complete_leaves_nothing),
		TEST(an_existing_file_is_never_replaced),
		TEST(it_has_a_temporary_name_meanwhile),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
