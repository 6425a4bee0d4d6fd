#include "cut.h"

#include "base/json_cursor.h"
#include "base/number.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Which of the paths lead into the value that is read: a bit each. */
typedef uint64_t active_paths;

struct cut {
	struct json_cursor at;
	struct buf *out;
	struct path *const *paths;
	size_t count;
	enum cut_result result;
};

/* A member or an item. */
struct part {
	const char *lead;              /* from behind the one before it, with the comma */
	const struct json_token *name; /* NULL: an item */
	size_t index;
};

static const char *place_of(const struct cut *c)
{
	return (const char *)c->at.at;
}

static void copy_from(struct cut *c, const char *from)
{
	buf_add(c->out, from, (size_t)(place_of(c) - from));
}

static bool is_named(const struct json_token *name, const char *step)
{
	struct buf decoded = {0};
	size_t len = strlen(step);
	bool same;

	if (!name->escaped)
		return name->len == len && memcmp(name->bytes, step, len) == 0;
	json_token_add(&decoded, name);
	same = !buf_ok(&decoded) || /* out of memory: rather too little than too much */
	       (decoded.len == len && memcmp(decoded.data, step, len) == 0);
	buf_free(&decoded);
	return same;
}

static bool is_index(size_t index, const char *step)
{
	int64_t number;

	return number_read(step, strlen(step), INT64_MAX, &number) && (size_t)number == index;
}

/* The paths among `active` whose step `depth` is the part; *ends: one of them ends there. */
static active_paths follow(
	const struct cut *c, active_paths active, size_t depth, const struct part *part, bool *ends)
{
	active_paths inner = 0;

	*ends = false;
	for (size_t i = 0; i < c->count; i++) {
		const char *step;

		if ((active >> i & 1) == 0)
			continue;
		step = path_step(c->paths[i], depth);
		if (part->name != NULL ? !is_named(part->name, step) : !is_index(part->index, step))
			continue;
		inner |= (active_paths)1 << i;
		*ends = *ends || path_count(c->paths[i]) == depth + 1;
	}
	return inner;
}

static bool copy_value(struct cut *c, char first, active_paths active, size_t depth);

/* Also the white space behind it. */
static bool copy_part(
	struct cut *c, active_paths active, size_t depth, const struct part *part, bool *kept)
{
	char first = json_cursor_value(&c->at);
	bool ends;

	if (first == '\0')
		return false;
	active = follow(c, active, depth, part, &ends);
	if (!ends) {
		if (*kept)
			buf_add_char(c->out, ',');
		*kept = true;
		copy_from(c, part->lead + (*part->lead == ','));
	}
	if (ends ? !json_cursor_skip(&c->at, first) : !copy_value(c, first, active, depth + 1))
		return false;
	const char *behind = place_of(c);
	json_cursor_space(&c->at);
	if (!ends)
		copy_from(c, behind);
	return true;
}

/* An object or array that some path leads into. */
static bool copy_parts(struct cut *c, char first, active_paths active, size_t depth)
{
	struct json_token name = {0};
	struct part part = {.lead = place_of(c), .name = first == '{' ? &name : NULL};
	bool kept = false;
	size_t count = 0;

	if (!json_cursor_open(&c->at))
		return false;
	copy_from(c, part.lead);
	for (part.lead = place_of(c); first == '{' ? json_cursor_name(&c->at, &count, &name)
						   : json_cursor_item(&c->at, &count);
		part.lead = place_of(c), part.index++)
		if (!copy_part(c, active, depth, &part, &kept))
			return false;
	copy_from(c, part.lead);
	return c->at.wrong == NULL;
}

/* Paths into a text of JSON would be found by conditions and templates. */
static bool is_text_of_json(const struct json_token *string)
{
	const char *text = string->bytes, *end = text + string->len;

	while (text < end && (strchr(" \t\r\n", *text) != NULL ||
				     (*text == '\\' && strchr("nrt", text[1]) != NULL)))
		text += *text == '\\' ? 2 : 1;
	return text < end && (*text == '{' || *text == '[' || *text == '\\');
}

static bool copy_string(struct cut *c)
{
	const char *from = place_of(c);
	struct json_token string;

	if (!json_cursor_string(&c->at, &string))
		return false;
	if (is_text_of_json(&string)) {
		c->result = CUT_INSIDE_TEXT;
		return false;
	}
	copy_from(c, from);
	return true;
}

/* Recurses along paths only, so PATH_STEPS deep at most. */
static bool copy_value(struct cut *c, char first, active_paths active, size_t depth)
{
	const char *from = place_of(c);

	if (active != 0 && (first == '{' || first == '['))
		return copy_parts(c, first, active, depth);
	if (active != 0 && first == '"')
		return copy_string(c);
	if (!json_cursor_skip(&c->at, first))
		return false;
	copy_from(c, from);
	return true;
}

enum cut_result cut_paths(
	struct buf *out, const char *text, size_t len, struct path *const *paths, size_t count)
{
	struct cut c = {.out = out, .paths = paths, .count = count, .result = CUT_UNREADABLE};
	active_paths all = count == CUT_PATHS ? UINT64_MAX : ((active_paths)1 << count) - 1;
	const char *rest;
	char first;

	json_cursor_begin(&c.at, text, len, JSON_VALUES_MAX);
	first = json_cursor_value(&c.at);
	if (first != '{' && first != '[')
		return CUT_UNREADABLE;
	copy_from(&c, text);
	if (!copy_value(&c, first, all, 0))
		return c.result;
	rest = place_of(&c);
	if (!json_cursor_end(&c.at))
		return CUT_UNREADABLE;
	copy_from(&c, rest);
	return CUT_OK;
}
