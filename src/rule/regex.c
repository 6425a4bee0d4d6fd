#include "regex.h"

#include "rule/condition.h"

#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATTERN_MAX 256  /* bytes */
#define NODES_MAX   1000 /* see measure() */

/* A part of an expression. */
struct part {
	unsigned long nodes; /* see measure() */
	bool empty;          /* it matches nothing, too */
};

/* Leaves *at behind a [list], whose bracket it stands behind. */
static void skip_list(const char **at)
{
	if (**at == '^')
		(*at)++;
	if (**at == ']')
		(*at)++;
	for (; **at != '\0' && **at != ']'; (*at)++) {
		const char kind = (*at)[0] == '[' ? (*at)[1] : '\0';
		const char *end = NULL;

		if (kind == ':' || kind == '.' || kind == '=')
			end = strstr(*at + 2, (const char[]){kind, ']', '\0'});
		if (end != NULL)
			*at = end + 1;
	}
	if (**at == ']')
		(*at)++;
}

static unsigned long at_most(unsigned long n)
{
	return n < NODES_MAX + 1 ? n : NODES_MAX + 1;
}

/* The repetition `op` behind a part, *at behind that; leaves it behind the whole. */
static void repeat(const char **at, char op, struct part *p)
{
	unsigned long least = op == '+', most = least + 1;
	char *end;

	if (op == '{') {
		least = most = strtoul(*at, &end, 10);
		if (*end == ',')
			most = end[1] == '}' ? least + 1 : strtoul(end + 1, &end, 10);
		*at += strcspn(*at, "}");
		if (**at == '}')
			(*at)++;
	}
	if (most < least || most == 0)
		most = least > 0 ? least : 1; /* glibc makes it before it minds */
	p->nodes = at_most(p->nodes * at_most(most) + 1);
	p->empty = p->empty || least == 0;
}

static bool measure(const char **at, unsigned depth, struct part *whole);

/* A character, a [list], a (group) or an anchor. */
static bool measure_one(const char **at, unsigned depth, struct part *p)
{
	char c = *(*at)++;

	*p = (struct part){.nodes = 1, .empty = c == '^' || c == '$'};
	if (c == '(') {
		if (!measure(at, depth + 1, p))
			return false;
		p->nodes++;
		if (**at == ')')
			(*at)++;
	} else if (c == '[') {
		skip_list(at);
	} else if (c == '\\' && **at != '\0') {
		p->empty = strchr("bB<>`'", *(*at)++) != NULL;
	}
	return true;
}

/* How many nodes glibc's tree of the expression has, up to the bracket that closes it, once
 * its repetitions are written out as glibc does: a{3} is aaa, and a+ is aa*, so that n of
 * them within each other make 2 to the power of n. False: what may be empty is repeated;
 * glibc follows each way through that, and they double with each repetition. */
static bool measure(const char **at, unsigned depth, struct part *whole)
{
	const struct part nothing = {.empty = true};
	struct part before = nothing, last = nothing; /* of this branch */

	*whole = (struct part){0};
	while (**at != '\0' && (**at != ')' || depth == 0)) {
		char c = **at;

		if (strchr("*+{", c) != NULL && last.empty && last.nodes > 0)
			return false;
		if (c == '|') {
			(*at)++;
			whole->nodes = at_most(whole->nodes + before.nodes + last.nodes + 1);
			whole->empty = whole->empty || (before.empty && last.empty);
			before = last = nothing;
		} else if (strchr("*+?{", c) != NULL) {
			(*at)++;
			repeat(at, c, &last);
		} else {
			before.nodes = at_most(before.nodes + last.nodes);
			before.empty = before.empty && last.empty;
			if (!measure_one(at, depth, &last))
				return false;
		}
	}
	whole->nodes = at_most(whole->nodes + before.nodes + last.nodes);
	whole->empty = whole->empty || (before.empty && last.empty);
	return true;
}

/* What would let an event take long to match is not compiled at all. Without
 * back-references glibc never goes back and forth; but .*a.{40}c makes a state of
 * nearly each byte, which takes seconds for CONDITION_SUBJECT bytes made for it. */
bool condition_regex_check(const char *pattern, char what[200])
{
	const char *rest = pattern;
	struct part whole;
	regex_t regex;
	int error;

	for (const char *at = strchr(pattern, '\\'); at != NULL; at = strchr(at + 2, '\\')) {
		if (at[1] >= '1' && at[1] <= '9') {
			(void)snprintf(what, 200,
				"has a back-reference (\\%c), which can take for ever: expected "
				"an expression without",
				at[1]);
			return false;
		}
		if (at[1] == '\0')
			break;
	}
	bool too_long = strlen(pattern) > PATTERN_MAX;
	if (!too_long && !measure(&rest, 0, &whole)) {
		(void)snprintf(what, 200,
			"repeats at byte %td what may be empty, which can take for ever: expected "
			"a repetition of something",
			rest - pattern);
		return false;
	}
	if (too_long || whole.nodes > NODES_MAX) {
		(void)snprintf(what, 200,
			"is too large: expected at most %d bytes, and %d characters and signs with "
			"each {n} written out and each + twice",
			PATTERN_MAX, NODES_MAX);
		return false;
	}
	error = regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB);
	if (error != 0) {
		char text[100];

		(void)regerror(error, &regex, text, sizeof(text));
		(void)snprintf(what, 200, "is no POSIX extended regular expression: %s", text);
		return false;
	}
	regfree(&regex);
	return true;
}

/* Compiled each time: what glibc finds out while it matches it keeps with the
 * expression, so events could make one that lives on grow without end. */
bool condition_regex_fits(const char *pattern, const char *text, size_t len, bool *no_memory)
{
	bool cut = len > CONDITION_SUBJECT;
	regmatch_t subject = {.rm_so = 0, .rm_eo = cut ? CONDITION_SUBJECT : (regoff_t)len};
	regex_t regex;
	int result;

	/* It was compiled when the config was read: now only memory can be missing. */
	if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB) != 0) {
		*no_memory = true;
		return false;
	}
	result = regexec(&regex, text, 1, &subject, REG_STARTEND | (cut ? REG_NOTEOL : 0));
	regfree(&regex);
	if (result != 0 && result != REG_NOMATCH)
		*no_memory = true;
	return result == 0;
}
