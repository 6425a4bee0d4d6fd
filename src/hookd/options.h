/* hookd/options.h - hookd's command line, and --check. One thread. */
#ifndef HOOKD_OPTIONS_H
#define HOOKD_OPTIONS_H

#include "base/attributes.h"

#include <stdbool.h>

#define EXIT_CONFIG 78 /* EX_CONFIG of sysexits.h */

struct options {
	const char *config;
	bool check;
	bool explain;
};

/* Returns -1 to continue, otherwise the exit code: --help or --version was answered, or an option
 * is wrong. */
int options_read(int argc, char **argv, struct options *o) WARN_UNUSED;

/* Does what --check asks for. Returns the exit code. */
int options_check_config(const struct options *o) WARN_UNUSED;

#endif
