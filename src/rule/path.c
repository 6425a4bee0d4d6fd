#include "rule/path.h"

#include "base/number.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NO_INDEX  SIZE_MAX
#define INDEX_MAX 999999999 /* more than any array has */

struct step {
	char *name;
	size_t index; /* NO_INDEX: the name is not a whole number */
};

struct path {
	char *text;
	size_t count;
	struct step steps[PATH_STEPS];
};

static bool set_fault(struct fault *fault, size_t at, const char *format, ...) PRINTF(3, 4);

static bool set_fault(struct fault *fault, size_t at, const char *format, ...)
{
	va_list args;

	fault->at = at;
	va_start(args, format);
	(void)vsnprintf(fault->what, sizeof(fault->what), format, args);
	va_end(args);
	return false;
}

static bool set_character_fault(struct fault *fault, size_t at)
{
	return set_fault(fault, at,
		"has a character that is not allowed in a step: expected letters, digits, _ - $ @ "
		": / or "
		"a \"quoted step\"");
}

static bool is_plain(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("_-$@:/", c) != NULL) || (unsigned char)c >= 0x80;
}

/* A step as an index into an array: no sign and no leading zero. */
static size_t index_of(const char *name)
{
	size_t len = strlen(name);
	int64_t n;

	if ((name[0] == '0' && len > 1) || !number_read(name, len, INDEX_MAX, &n))
		return NO_INDEX;
	return (size_t)n;
}

static bool add_step(struct path *p, const char *name, size_t len, struct fault *fault, size_t at)
{
	char *copy;

	if (p->count == PATH_STEPS)
		return set_fault(fault, at, "has more than %d steps", PATH_STEPS);
	copy = strndup(name, len);
	if (copy == NULL)
		return set_fault(fault, at, "out of memory");
	p->steps[p->count++] = (struct step){copy, index_of(copy)};
	return true;
}

/* A quoted step; *at is after its first quote, and afterwards after the last. */
static bool parse_quoted(
	struct path *p, const char *text, size_t len, size_t *at, struct fault *fault)
{
	size_t first = *at - 1, n = 0, i = *at;
	char name[PATH_TEXT];

	for (; i < len && text[i] != '"'; i++) {
		if (text[i] == '\\' &&
			(i + 1 == len || (text[i + 1] != '"' && text[i + 1] != '\\')))
			return set_fault(fault, i, "has a \\ before something other than \" or \\");
		if (text[i] == '\\')
			i++;
		name[n++] = text[i];
	}
	if (i == len)
		return set_fault(fault, first, "has an unclosed \"");
	*at = i + 1;
	return add_step(p, name, n, fault, first);
}

static bool parse_step(
	struct path *p, const char *text, size_t len, size_t *at, struct fault *fault)
{
	size_t first = *at;

	if (first < len && text[first] == '"') {
		(*at)++;
		return parse_quoted(p, text, len, at, fault);
	}
	while (*at < len && is_plain(text[*at]))
		(*at)++;
	if (*at > first)
		return add_step(p, text + first, *at - first, fault, first);
	if (first == len || text[first] == '.')
		return set_fault(fault, first,
			"has an empty step: expected a path such as entity.customer.email");
	return set_character_fault(fault, first);
}

static bool parse_steps(struct path *p, const char *text, size_t len, struct fault *fault)
{
	size_t at = 0;

	while (parse_step(p, text, len, &at, fault)) {
		if (at == len)
			return true;
		if (text[at] == '"' || is_plain(text[at]))
			return set_fault(fault, at, "has no dot between two steps");
		if (text[at] != '.')
			return set_character_fault(fault, at);
		at++;
	}
	return false;
}

struct path *path_parse(const char *text, size_t len, struct fault *fault)
{
	struct path *p;

	if (len > PATH_TEXT || memchr(text, '\0', len) != NULL) {
		(void)set_fault(fault, 0,
			"is not a path: expected at most %d bytes, none of them NUL", PATH_TEXT);
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (p != NULL)
		p->text = strndup(text, len);
	if (p == NULL || p->text == NULL) {
		(void)set_fault(fault, 0, "out of memory");
	} else if (parse_steps(p, text, len, fault)) {
		return p;
	}
	path_free(p);
	return NULL;
}

const json_t *path_find(const struct path *path, const json_t *root)
{
	const json_t *at = root;

	for (size_t i = 0; i < path->count && at != NULL; i++) {
		const struct step *step = &path->steps[i];

		if (json_is_object(at))
			at = json_object_get(at, step->name);
		else if (json_is_array(at) && step->index != NO_INDEX)
			at = json_array_get(at, step->index);
		else
			at = NULL;
	}
	return at;
}

const char *path_text(const struct path *path)
{
	return path->text;
}

size_t path_count(const struct path *path)
{
	return path->count;
}

const char *path_step(const struct path *path, size_t i)
{
	return path->steps[i].name;
}

void path_free(struct path *path)
{
	if (path == NULL)
		return;
	for (size_t i = 0; i < path->count; i++)
		free(path->steps[i].name);
	free(path->text);
	free(path);
}
