/* rule/regex.h - the operator `matches`: a PCRE2 expression that either fits a text
 * somewhere or does not. What means one thing as a POSIX extended expression and another
 * as PCRE is refused, so an expression written for either is safe.
 *
 * A match takes at most REGEX_STEPS steps, a few milliseconds, whatever the expression
 * and the text. A struct regex is constant; any thread. */
#ifndef HOOKD_RULE_REGEX_H
#define HOOKD_RULE_REGEX_H

#include "base/attributes.h"

#include <stddef.h>

#define REGEX_STEPS 20000

struct regex;

/* Returns new; NULL: `what` says what is wrong with the pattern, or that we are out of memory. */
struct regex *regex_new(const char *pattern, char what[200]) WARN_UNUSED;

enum regex_result {
	REGEX_MATCH,
	REGEX_NO_MATCH,
	REGEX_LIMIT, /* it takes more steps or memory than allowed: treat it as no match */
	REGEX_NO_MEMORY,
};

/* Only the first CONDITION_SUBJECT bytes of text count; $ does not match where a longer text is
 * cut. */
enum regex_result regex_match(const struct regex *r, const char *text, size_t len) WARN_UNUSED;

/* The same; *steps gets how many it took. */
enum regex_result regex_match_counted(
	const struct regex *r, const char *text, size_t len, size_t *steps) WARN_UNUSED;

void regex_free(struct regex *r); /* NULL is allowed */

#endif
