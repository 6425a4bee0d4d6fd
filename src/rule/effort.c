#include "effort.h"

#include "base/number.h"

#include <stdbool.h>
#include <string.h>

#define COUNT_MAX 65535 /* of a repetition: PCRE2's limit */
#define CHARACTER 3     /* bytes of one beyond ASCII, usually at most */

/* The largest number that a brace is followed by, since {n} need not be the first: a comment
 * or a literal brace may be before it. */
static uint32_t largest_count(const char *item, size_t len)
{
	uint32_t largest = 1;

	for (size_t i = 0; i + 1 < len; i++) {
		size_t digits = number_digits(item + i + 1, len - i - 1);
		int64_t count;

		if (item[i] != '{' || digits == 0)
			continue;
		if (!number_read(item + i + 1, digits, COUNT_MAX, &count))
			return COUNT_MAX;
		if (count > largest)
			largest = (uint32_t)count;
	}
	return largest;
}

static bool is_ascii(const char *item, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((item[i] & 0x80) != 0)
			return false;
	return true;
}

struct effort effort_of(const char *item, size_t len)
{
	/* the repetitions of a group are reported one by one */
	if (len == 0 || item[0] == '(' || item[0] == ')' || item[0] == '|')
		return (struct effort){.weight = 1};
	if (item[0] == '[' && !is_ascii(item, len)) /* searched from its first to its last */
		return (struct effort){.least = CHARACTER * largest_count(item, len),
			.weight = (uint32_t)(4 + len / 16)};
	return (struct effort){.least = largest_count(item, len),
		.weight = item[0] == '[' || item[0] == '\\' ? 2 : 1};
}
