/* hookctl/target_fixture.h - a directory for a backup's target, and what is reported about it. */
#ifndef HOOKD_TARGET_FIXTURE_H
#define HOOKD_TARGET_FIXTURE_H

#include "hookctl/target.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOMEBODY = 4711 /* neither root nor the user who runs the test */ };

static char target_dir[64], target_said[1024];

static inline const char *target_path(const char *name)
{
	static char path[4200];

	(void)snprintf(path, sizeof(path), "%s/%s", target_dir, name);
	return path;
}

static inline int target_make_directory(void **state)
{
	(void)state;
	(void)snprintf(target_dir, sizeof(target_dir), "/tmp/hookctl-target-XXXXXX");
	return mkdtemp(target_dir) != NULL ? 0 : -1;
}

static inline int target_remove_directory(void **state)
{
	char command[96];

	(void)state;
	(void)snprintf(command, sizeof(command), "rm -r '%s'", target_dir);
	return system(command); // NOLINT(cert-env33-c): the name is ours
}

/* How many entries the directory has. */
static inline int target_entries(void)
{
	DIR *dir = opendir(target_dir);
	int n = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
	(void)closedir(dir);
	return n;
}

/* Runs ctl_target_open or ctl_target_finish and keeps what it says. */
static inline bool target_try(struct ctl_target *t, const char *path)
{
	int saved = dup(STDERR_FILENO);
	FILE *file = tmpfile();
	bool good;

	assert_non_null(file);
	(void)dup2(fileno(file), STDERR_FILENO);
	good = path != NULL ? ctl_target_open(t, path) : ctl_target_finish(t);
	(void)dup2(saved, STDERR_FILENO);
	(void)close(saved);
	ssize_t n = pread(fileno(file), target_said, sizeof(target_said) - 1, 0);
	target_said[n > 0 ? n : 0] = '\0';
	(void)fclose(file);
	assert_int_equal(good, target_said[0] == '\0');
	return good;
}

static inline void target_refused(const char *path, const char *reason)
{
	struct ctl_target t;

	assert_false(target_try(&t, path));
	if (strstr(target_said, reason) == NULL)
		fail_msg("%s: \"%s\" instead of \"%s\"", path, target_said, reason);
}

/* ---- tests that hold with and without O_TMPFILE ---- */

static void it_gets_its_name_when_it_is_complete(void **state)
{
	char content[8] = "";
	struct ctl_target t;
	struct stat sb;

	(void)state;
	assert_true(target_try(&t, target_path("copy")));
	assert_int_not_equal(stat(target_path("copy"), &sb), 0);
	assert_int_equal(write(t.file, "backup", 6), 6);
	assert_true(target_try(&t, NULL));
	ctl_target_close(&t);
	assert_int_equal(stat(target_path("copy"), &sb), 0);
	assert_int_equal(sb.st_mode & 07777, 0600);
	assert_int_equal(sb.st_nlink, 1);
	int fd = open(target_path("copy"), O_RDONLY | O_CLOEXEC);
	assert_int_equal(read(fd, content, sizeof(content)), 6);
	(void)close(fd);
	assert_string_equal(content, "backup");
	assert_int_equal(target_entries(), 1);
}

static void what_is_not_complete_leaves_nothing(void **state)
{
	struct ctl_target t;

	(void)state;
	assert_true(target_try(&t, target_path("copy")));
	assert_int_equal(write(t.file, "x", 1), 1);
	ctl_target_close(&t);
	assert_int_equal(target_entries(), 0);
}

static void an_existing_file_is_never_replaced(void **state)
{
	struct ctl_target t;

	(void)state;
	assert_true(target_try(&t, target_path("copy")));
	assert_int_equal(symlink("/nowhere", target_path("copy")), 0);
	assert_false(target_try(&t, NULL));
	assert_non_null(strstr(target_said, "exists already"));
	ctl_target_close(&t);
	assert_int_equal(target_entries(), 1);
	target_refused(target_path("copy"), "exists already: expected the name of a new file");
	target_refused(target_path("."), "exists already");
	target_refused(target_path("none/copy"), "none/copy: cannot be made: No such file");
	target_refused(target_path("copy/"), "cannot be made: Is a directory");
}

#endif
