/* rule/effort.h - what the items of a regular expression can cost. PCRE2 reports each item before
 * it tries it (a callout), but not the characters that a repetition of one item takes between
 * two reports: these are charged by what is known of the item. Constant data; any thread. */
#ifndef HOOKD_RULE_EFFORT_H
#define HOOKD_RULE_EFFORT_H

#include <stddef.h>
#include <stdint.h>

struct effort {
	uint32_t least;  /* bytes that it may take and then fail, unreported */
	uint32_t weight; /* steps for EFFORT_BYTES bytes */
};

#define EFFORT_BYTES 16

/* Of an item, as it is in the pattern: with its quantifier, and with comments after it. */
struct effort effort_of(const char *item, size_t len);

#endif
