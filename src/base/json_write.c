/* base/json_write.c - writes a tree as text; numbers with their digits. */
#include "base/character.h"
#include "base/json.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PRECISION(flags) ((int)((flags) >> 11 & 0x1f)) /* of JSON_REAL_PRECISION */

_Static_assert(PRECISION(JSON_REAL_PRECISION(15)) == 15, "as in jansson.h");

/* As a double: 1.10 is 1.1, and 12.00 is 12.0. */
static void write_double(struct buf *out, const json_t *real, int precision)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%.*g", precision, json_real_value(real));
	buf_add_text(out, text);
	if (strpbrk(text, ".e") == NULL)
		buf_add_text(out, ".0");
}

static void write_number(struct buf *out, const json_t *number, size_t flags)
{
	char room[JSON_NUMBER];

	if (json_is_real(number) && PRECISION(flags) > 0)
		write_double(out, number, PRECISION(flags));
	else
		buf_add_text(out, json_number_text(number, room));
}

static void write_escaped(struct buf *out, unsigned code)
{
	static const char from[] = "\"\\/\b\f\n\r\t", to[] = "\"\\/bfnrt";
	const char *simple = code < 0x80 && code > 0 ? strchr(from, (int)code) : NULL;

	if (simple != NULL)
		buf_printf(out, "\\%c", to[simple - from]);
	else
		buf_add_json_escape(out, code);
}

static bool needs_escape(unsigned char c, size_t flags)
{
	return c < 0x20 || c == '"' || c == '\\' ||
	       (c == '/' && (flags & JSON_ESCAPE_SLASH) != 0) ||
	       (c >= 0x80 && (flags & JSON_ENSURE_ASCII) != 0);
}

/* The tree's texts are UTF-8; of other bytes this takes one at a time. */
static void write_string(struct buf *out, const char *text, size_t len, size_t flags)
{
	const unsigned char *at = (const unsigned char *)text, *end = at + len, *from = at;

	buf_add_char(out, '"');
	while (at < end) {
		size_t n = utf8_sequence(at, (size_t)(end - at));

		if (n == 0 || needs_escape(*at, flags)) {
			buf_add(out, from, (size_t)(at - from));
			write_escaped(out, n > 0 ? character_code(at, n) : 0xfffd);
			from = at + (n > 0 ? n : 1);
		}
		at += n > 0 ? n : 1;
	}
	buf_add(out, from, (size_t)(end - from));
	buf_add_char(out, '"');
}

static void write_array(struct buf *out, const json_t *array, size_t flags)
{
	buf_add_char(out, '[');
	for (size_t i = 0; i < json_array_size(array); i++) {
		if (i > 0)
			buf_add_text(out, (flags & JSON_COMPACT) != 0 ? "," : ", ");
		json_write(out, json_array_get(array, i), flags);
	}
	buf_add_char(out, ']');
}

static void write_object(struct buf *out, const json_t *object, size_t flags)
{
	json_t *tree =
		(json_t *)(uintptr_t)object; /* for jansson's iterators, which change nothing */
	const char *name, *comma = "";
	json_t *value;

	buf_add_char(out, '{');
	json_object_foreach(tree, name, value)
	{
		buf_add_text(out, comma);
		write_string(out, name, strlen(name), flags);
		buf_add_text(out, (flags & JSON_COMPACT) != 0 ? ":" : ": ");
		json_write(out, value, flags);
		comma = (flags & JSON_COMPACT) != 0 ? "," : ", ";
	}
	buf_add_char(out, '}');
}

void json_write(struct buf *out, const json_t *json, size_t flags)
{
	switch (json_typeof(json)) {
	case JSON_OBJECT:
		write_object(out, json, flags);
		break;
	case JSON_ARRAY:
		write_array(out, json, flags);
		break;
	case JSON_STRING:
		write_string(out, json_string_value(json), json_string_length(json), flags);
		break;
	case JSON_INTEGER:
	case JSON_REAL:
		write_number(out, json, flags);
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		buf_add_text(out, json_is_true(json) ? "true" : "false");
		break;
	case JSON_NULL:
		buf_add_text(out, "null");
		break;
	}
}

char *json_text(const json_t *json, size_t flags)
{
	struct buf out = {0};

	json_write(&out, json, flags);
	return buf_take(&out);
}
