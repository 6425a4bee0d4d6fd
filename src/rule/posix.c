#include "posix.h"

#include "base/number.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

static bool differs(char what[200], const char *how)
{
	(void)snprintf(what, 200, "%s", how);
	return false;
}

/* The length of a repetition in braces at `at`: {3} {3,} {3,5}, and POSIX's {,5} and {,}; 0:
 * it is not one. */
static size_t interval_len(const char *at)
{
	size_t least, len;
	bool comma;

	if (at[0] != '{')
		return 0;
	least = number_digits(at + 1, strlen(at + 1));
	len = 1 + least;
	comma = at[len] == ',';
	if (comma)
		len += 1 + number_digits(at + len + 1, strlen(at + len + 1));
	return at[len] == '}' && (least > 0 || comma) ? len + 1 : 0;
}

/* Each of these moves *at past what it is named for. */

static bool pass_repetition(const char **at, char what[200])
{
	const char *start = *at;
	size_t len = interval_len(start);

	*at += len > 0 ? len : 1;
	if (len == 0 && start[0] == '{')
		return true; /* a literal brace */
	if (len > 0 && start[1] == ',')
		return differs(what, "has {,n}, which is not PCRE: expected {0,n}");
	if (**at == '+')
		return differs(what, "has a + after a repetition, which repeats it in POSIX and "
				     "makes it possessive in PCRE: expected a (group), or no +");
	if (**at == '?' && start[0] != '*' && start[0] != '?')
		return differs(what, "has a ? after a repetition, which makes it optional in POSIX "
				     "and lazy in PCRE: expected a (group), or no ?");
	return true;
}

/* A [list], whose bracket is before *at. */
static bool pass_list(const char **at, char what[200])
{
	*at += **at == '^';
	*at += **at == ']';
	for (; **at != '\0' && **at != ']'; (*at)++) {
		const char *class_end = strncmp(*at, "[:", 2) == 0 ? strstr(*at + 2, ":]") : NULL;

		if (class_end != NULL)
			*at = class_end + 1;
		if (**at == '\\' && *++*at != '\\')
			return differs(what,
				"has a backslash in brackets, which is itself in POSIX and an "
				"escape in PCRE: expected \\\\ for a backslash, or a class such as "
				"[:digit:]");
	}
	*at += **at == ']';
	return true;
}

static bool refers_to_itself(char what[200])
{
	return differs(what, "refers to itself, which can take long: expected an expression "
			     "that does not");
}

/* What a backslash before *at escapes. */
static bool pass_escaped(const char **at, char what[200])
{
	char c = **at;

	*at += c != '\0';
	if (c == '<' || c == '>')
		return differs(what, "has \\< or \\>, which is not PCRE: expected \\b");
	if (c == '`' || c == '\'')
		return differs(what, "has \\` or \\', which is not PCRE: expected ^ or $");
	if (c == 'X')
		return differs(what, "has \\X, which can take long: expected . or \\PM\\pM*");
	return c != 'g' || refers_to_itself(what);
}

/* The ? of one of PCRE's own groups, whose parenthesis is before *at. */
static bool pass_group_sign(const char **at, char what[200])
{
	if (**at == '*')
		return differs(
			what, "has (*, an instruction to PCRE: expected an expression without");
	if (strncmp(*at, "?R", 2) == 0 || strncmp(*at, "?0", 2) == 0)
		return refers_to_itself(what);
	*at += **at == '?';
	return true;
}

bool posix_agrees(const char *pattern, char what[200])
{
	bool agrees = true;

	for (const char *at = pattern; agrees && *at != '\0';) {
		if (strchr("*+?{", *at) != NULL) {
			agrees = pass_repetition(&at, what);
			continue;
		}
		switch (*at++) {
		case '[':
			agrees = pass_list(&at, what);
			break;
		case '\\':
			agrees = pass_escaped(&at, what);
			break;
		case '(':
			agrees = pass_group_sign(&at, what);
			break;
		default:
			break;
		}
	}
	return agrees;
}
