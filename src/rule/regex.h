/* rule/regex.h - the expressions of `matches`: POSIX extended ones, by glibc, which
 * an event must not be able to keep busy. Private to condition*.c. Any thread. */
#ifndef HOOKD_CONDITION_REGEX_H
#define HOOKD_CONDITION_REGEX_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

/* Is it an expression, and one that neither takes long to compile nor to match? False:
 * `what` says why not, to stand behind the expression. */
bool condition_regex_check(const char *pattern, char what[200]) WARN_UNUSED;

/* Is a match of the checked `pattern` in the first CONDITION_SUBJECT bytes of a text, in
 * which NULs may be? Sets *no_memory when it could not be found out for want of it. */
bool condition_regex_fits(
	const char *pattern, const char *text, size_t len, bool *no_memory) WARN_UNUSED;

#endif
