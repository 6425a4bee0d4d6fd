/* rule/posix.h - finds what means one thing as a POSIX extended expression and another
 * as PCRE. `matches` takes PCRE; an expression written for POSIX must not silently
 * change its meaning. Any thread. */
#ifndef HOOKD_RULE_POSIX_H
#define HOOKD_RULE_POSIX_H

#include "base/attributes.h"

#include <stdbool.h>

/* Does a pattern that is valid for both mean the same to both? False: `what` says what
 * differs. Also false for a pattern that refers to itself, which only PCRE has: the cost
 * of each step would grow with the depth. */
bool posix_agrees(const char *pattern, char what[200]) WARN_UNUSED;

#endif
