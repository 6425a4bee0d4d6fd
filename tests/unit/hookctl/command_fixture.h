/* hookctl/command_fixture.h - runs a command of hookctl in this process and keeps what it prints.
 */
#ifndef HOOKD_COMMAND_FIXTURE_H
#define HOOKD_COMMAND_FIXTURE_H

#include "hookctl/commands/commands.h"
#include "store/fixture.h"

#include <getopt.h>

/* What the command prints to stdout; it must exit with CTL_OK. argv[0] is its name. Valid until
 * the next call. */
static inline const char *run_command(const struct ctl_command *command, int argc, char **argv)
{
	static char text[16384];
	struct ctl ctl = {.config = "/nowhere"};
	FILE *file = tmpfile();

	assert_non_null(file);
	(void)fflush(stdout);
	int saved = dup(STDOUT_FILENO);
	(void)dup2(fileno(file), STDOUT_FILENO);
	optind = 0;
	int status = command->run(&ctl, argc, argv);
	(void)fflush(stdout);
	(void)dup2(saved, STDOUT_FILENO);
	(void)close(saved);
	ssize_t n = pread(fileno(file), text, sizeof(text) - 1, 0);
	text[n > 0 ? n : 0] = '\0';
	(void)fclose(file);
	assert_int_equal(status, CTL_OK);
	return text;
}

#endif
