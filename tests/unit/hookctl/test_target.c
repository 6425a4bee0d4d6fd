/* Where root may write a backup: not where somebody else can rename or create files. */
#include "hookctl/target_fixture.h"

static void as_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* Makes a directory with that owner and mode. */
static void make(const char *name, uid_t owner, mode_t mode)
{
	assert_int_equal(mkdir(target_path(name), 0700), 0);
	assert_int_equal(chown(target_path(name), owner, 0), 0);
	assert_int_equal(chmod(target_path(name), mode), 0);
}

static void make_link(const char *to, const char *name, uid_t owner)
{
	assert_int_equal(symlink(to, target_path(name)), 0);
	assert_int_equal(lchown(target_path(name), owner, 0), 0);
}

static void accepted(const char *path)
{
	struct ctl_target t;

	if (!target_try(&t, path))
		fail_msg("%s", target_said);
	ctl_target_close(&t);
}

static const char others[] = "other users can rename or create files in its directory";

static void a_directory_of_somebody_else_is_refused(void **state)
{
	(void)state;
	as_root();
	make("his", SOMEBODY, 0755);
	make("shared", 0, 0770);
	make("sticky", 0, 01777);
	make("ours", 0, 0755);
	target_refused(target_path("his/copy"), others);
	target_refused(target_path("shared/copy"), others);
	target_refused(target_path("sticky/copy"), others);
	accepted(target_path("ours/copy"));
}

static void the_directories_above_count_too(void **state)
{
	(void)state;
	as_root();
	make("his", SOMEBODY, 0755);
	make("his/ours", 0, 0755);
	make("sticky", 0, 01777);
	make("sticky/ours", 0, 0755);
	make("sticky/his", SOMEBODY, 0755);
	target_refused(target_path("his/ours/copy"), others);
	accepted(target_path("sticky/ours/copy"));
	target_refused(target_path("sticky/his/copy"), others);
	target_refused(target_path("sticky/his/../ours/copy"), others);
}

static void links_are_followed_where_nobody_else_could_make_them(void **state)
{
	char ours[4200];

	(void)state;
	as_root();
	make("ours", 0, 0755);
	make("his", SOMEBODY, 0755);
	make("sticky", 0, 01777);
	make_link("../ours", "his/link", SOMEBODY);
	make_link("../ours", "sticky/his_link", SOMEBODY);
	make_link("../ours", "sticky/our_link", 0);
	make_link("ours", "link", 0);
	(void)snprintf(ours, sizeof(ours), "%s", target_path("ours"));
	make_link(ours, "absolute", 0);
	make_link("absolute", "twice", 0);
	make_link("his", "to_his", 0);
	make_link("circle", "circle", 0);
	target_refused(target_path("his/link/copy"), others);
	target_refused(target_path("sticky/his_link/copy"), "Permission denied");
	accepted(target_path("sticky/our_link/copy"));
	accepted(target_path("link/copy"));
	accepted(target_path("absolute/copy"));
	accepted(target_path("twice/copy"));
	target_refused(target_path("to_his/copy"), others);
	target_refused(target_path("circle/copy"), "Too many levels of symbolic links");
}

static void who_called_sudo_may_write_to_his_own(void **state)
{
	(void)state;
	as_root();
	make("his", SOMEBODY, 0755);
	make("shared", SOMEBODY, 0775);
	assert_int_equal(setenv("SUDO_UID", "4711", 1), 0);
	accepted(target_path("his/copy"));
	target_refused(target_path("shared/copy"), others);
	assert_int_equal(setenv("SUDO_UID", "4712", 1), 0);
	target_refused(target_path("his/copy"), others);
	assert_int_equal(unsetenv("SUDO_UID"), 0);
}

static void relative_paths_begin_here(void **state)
{
	(void)state;
	as_root();
	make("ours", 0, 0755);
	make("his", SOMEBODY, 0755);
	assert_int_equal(chdir(target_dir), 0);
	accepted("copy");
	accepted("ours/copy");
	target_refused("his/copy", others);
	assert_int_equal(chdir("his"), 0);
	target_refused("copy", others);
	assert_int_equal(chdir("/"), 0);
}

static void a_name_that_is_too_long_is_refused(void **state)
{
	char name[600];

	(void)state;
	memset(name, 'a', sizeof(name));
	memcpy(name + 590, "/copy", 6);
	target_refused(target_path(name), "File name too long");
	memset(name + 300, '\0', 1);
	target_refused(target_path(name), "File name too long");
}

#define TEST(name)                                                                                 \
	cmocka_unit_test_setup_teardown(name, target_make_directory, target_remove_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_gets_its_name_when_it_is_complete),
		TEST(what_is_not_complete_leaves_nothing),
		TEST(an_existing_file_is_never_replaced),
		TEST(a_directory_of_somebody_else_is_refused),
		TEST(the_directories_above_count_too),
		TEST(links_are_followed_where_nobody_else_could_make_them),
		TEST(who_called_sudo_may_write_to_his_own),
		TEST(relative_paths_begin_here),
		TEST(a_name_that_is_too_long_is_refused),
	};

	(void)unsetenv("SUDO_UID");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
