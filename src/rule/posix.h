/* rule/posix.h - what POSIX extended expressions and PCRE read differently. `matches` takes
 * PCRE; an expression that was written for POSIX must not silently change its meaning. Any
 * thread. */
#ifndef HOOKD_RULE_POSIX_H
#define HOOKD_RULE_POSIX_H

#include "base/attributes.h"

#include <stdbool.h>

/* Does a pattern that both take mean the same to both? False: `what` says what does not.
 * Also false for what refers to the pattern itself, which only PCRE has: its cost grows
 * with its depth. */
bool posix_agrees(const char *pattern, char what[200]) WARN_UNUSED;

#endif
