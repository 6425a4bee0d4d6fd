#include "failure.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool child_failure_is_shortage(int error)
{
	return error == EAGAIN || error == ENOMEM || error == EMFILE || error == ENFILE ||
	       error == ENOSPC;
}

struct error_text {
	char room[128];
};

static const char *text_of_error(int error, struct error_text *text)
{
	return strerror_r(error, text->room, sizeof(text->room));
}

/* For ENOENT although the program's file exists. */
static void explain_interpreter(const char *program, char why[CHILD_WHY])
{
	char line[256] = "";
	int fd = open(program, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof(line) - 1);
	if (fd >= 0)
		(void)close(fd);

	if (n < 3 || line[0] != '#' || line[1] != '!') {
		(void)snprintf(why, CHILD_WHY,
			"cannot run %s: the loader it was linked for is missing", program);
		return;
	}
	line[n] = '\0';
	const char *name = line + 2 + strspn(line + 2, " \t");
	size_t len = strcspn(name, " \t\r\n");
	(void)snprintf(why, CHILD_WHY, "cannot run %s: its interpreter %.*s is missing%s", program,
		(int)len, name,
		name[len] == '\r' ? ": the #! line ends with a carriage return, as files from "
				    "Windows do"
				  : "");
}

static void explain_program(const struct child_options *o, int error, char why[CHILD_WHY])
{
	const char *program = o->argv[0];
	struct error_text text;
	struct stat st;
	bool exists = stat(program, &st) == 0;

	if (error == ENOENT && exists) {
		explain_interpreter(program, why);
	} else if (error == ENOEXEC) {
		(void)snprintf(why, CHILD_WHY,
			"cannot run %s: it has no #! line and is not a program for this machine",
			program);
	} else if (error == EACCES && exists && S_ISDIR(st.st_mode)) {
		(void)snprintf(why, CHILD_WHY, "cannot run %s: it is a directory", program);
	} else if (error == EACCES && exists && !(st.st_mode & 0111)) {
		(void)snprintf(
			why, CHILD_WHY, "cannot run %s: it is not executable (chmod +x)", program);
	} else if (error == EACCES && o->user && o->user->name) {
		(void)snprintf(why, CHILD_WHY,
			"cannot run %s: user %s may not execute it, or may not enter a directory "
			"of "
			"its path",
			program, o->user->name);
	} else if (error == EACCES) {
		(void)snprintf(why, CHILD_WHY,
			"cannot run %s: hookd's user (uid %u) may not execute it, or may not enter "
			"a directory of its path",
			program, (unsigned)geteuid());
	} else {
		(void)snprintf(
			why, CHILD_WHY, "cannot run %s: %s", program, text_of_error(error, &text));
	}
}

enum child_error child_failure_explain(
	const struct child_options *o, const struct child_failure *failure, char why[CHILD_WHY])
{
	struct error_text text;
	const char *reason = text_of_error(failure->error, &text);
	const char *user = o->user && o->user->name ? o->user->name : NULL;

	switch (failure->stage) {
	case CHILD_STAGE_PROGRAM:
		explain_program(o, failure->error, why);
		return child_failure_is_shortage(failure->error) ? CHILD_NO_RESOURCES
								 : CHILD_NO_PROGRAM;
	case CHILD_STAGE_DIRECTORY:
		(void)snprintf(why, CHILD_WHY, "cannot enter directory %s%s%s: %s", o->directory,
			user ? " as user " : "", user ? user : "", reason);
		return CHILD_NO_SETUP;
	case CHILD_STAGE_USER:
		(void)snprintf(why, CHILD_WHY, "cannot run %s as user %s: %s", o->argv[0],
			user ? user : "?", reason);
		return child_failure_is_shortage(failure->error) ? CHILD_NO_RESOURCES
								 : CHILD_NO_SETUP;
	case CHILD_STAGE_LIMIT:
		(void)snprintf(why, CHILD_WHY, "cannot set the resource limits of %s: %s",
			o->argv[0], reason);
		return CHILD_NO_SETUP;
	case CHILD_STAGE_SANDBOX:
		(void)snprintf(why, CHILD_WHY, "cannot keep %s from hookd's secrets: %s",
			o->argv[0], reason);
		return child_failure_is_shortage(failure->error) ? CHILD_NO_RESOURCES
								 : CHILD_NO_SETUP;
	case CHILD_STAGE_STREAMS:
	case CHILD_STAGE_PARENT:
		break;
	}
	(void)snprintf(why, CHILD_WHY, "cannot start a process for %s: %s", o->argv[0], reason);
	return CHILD_NO_RESOURCES;
}
