/* hookd/options.h - the words hookd is started with. One thread. */
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

/* -1: go on; else the exit code: a question was answered, or a word was wrong. */
int options_read(int argc, char **argv, struct options *o) WARN_UNUSED;

/* Does what --check asks; returns the exit code. */
int options_check_config(const struct options *o) WARN_UNUSED;

#endif
