/* event/scan.c - reads JSON (RFC 8259) once from front to back. It leaves unusual input to jansson:
 * escapes other than the simple ones where a value is wanted, numbers that could overflow, a text
 * where an object is wanted, deep nesting. What it accepts must be JSON to jansson too, and mean
 * the same; tests/fuzz/fuzz_event.c compares the two. */
#include "scan.h"

#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum {
	DEPTH_MAX = 64,
	DIGITS_MAX = 18, /* fit into 64 bits */
	REAL_MAX = 40,   /* characters of a number that cannot overflow without an exponent */
};

struct scan {
	const unsigned char *at, *end;
	struct event_fields *f;
};

static void skip_space(struct scan *s)
{
	while (s->at < s->end &&
		(*s->at == ' ' || *s->at == '\n' || *s->at == '\r' || *s->at == '\t'))
		s->at++;
}

static bool take(struct scan *s, unsigned char c)
{
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

static bool is_digit(const struct scan *s)
{
	return s->at < s->end && *s->at >= '0' && *s->at <= '9';
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \uXXXX, except surrogates, which only mean something in pairs. */
static bool skip_unicode(struct scan *s)
{
	unsigned code = 0;

	if (s->end - s->at < 4)
		return false;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(*s->at++);

		if (digit < 0)
			return false;
		code = code << 4 | (unsigned)digit;
	}
	return code < 0xd800 || code > 0xdfff;
}

/* Needs no decoding in a string: printable ASCII except the quote and the backslash. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* A string, from after its opening quote to after its closing one. */
static bool skip_string(struct scan *s, bool *escaped)
{
	*escaped = false;
	while (s->at < s->end) {
		size_t n;

		while (s->at < s->end && is_plain(*s->at))
			s->at++;
		if (s->at == s->end)
			return false;
		if (*s->at == '"') {
			s->at++;
			return true;
		}
		if (*s->at == '\\') {
			*escaped = true;
			if (s->end - s->at < 2)
				return false;
			s->at += 2;
			if (s->at[-1] == 'u' ? !skip_unicode(s)
					     : strchr("\"\\/bfnrt", s->at[-1]) == NULL ||
						       s->at[-1] == '\0')
				return false;
			continue;
		}
		n = *s->at < 0x80 ? 0 : utf8_sequence(s->at, (size_t)(s->end - s->at));
		if (n == 0)
			return false;
		s->at += n;
	}
	return false;
}

static bool skip_number(struct scan *s, bool *integer)
{
	const unsigned char *start = s->at;
	size_t digits = 0;

	(void)take(s, '-');
	if (take(s, '0')) {
		digits = 1;
	} else {
		for (; is_digit(s); s->at++)
			digits++;
	}
	*integer = s->at == s->end || *s->at != '.';
	if (digits == 0 || digits > DIGITS_MAX)
		return false;
	if (!*integer) {
		s->at++;
		if (!is_digit(s))
			return false;
		while (is_digit(s))
			s->at++;
	}
	if (s->at < s->end && (*s->at | 0x20) == 'e')
		return false;
	/* jansson reads -0 as 0. */
	return s->at - start <= REAL_MAX && !(*integer && *start == '-' && start[1] == '0');
}

static bool skip_word(struct scan *s, const char *word, size_t len)
{
	if ((size_t)(s->end - s->at) < len || memcmp(s->at, word, len) != 0)
		return false;
	s->at += len;
	return true;
}

static bool skip_value(struct scan *s, unsigned depth);
static bool scan_object(struct scan *s, const struct event_member *wanted, unsigned depth);

static bool skip_array(struct scan *s, unsigned depth)
{
	skip_space(s);
	if (take(s, ']'))
		return true;
	do {
		if (!skip_value(s, depth))
			return false;
		skip_space(s);
	} while (take(s, ','));
	return take(s, ']');
}

static bool skip_value(struct scan *s, unsigned depth)
{
	static const struct event_member nothing = EVENT_END;
	bool ignored;

	skip_space(s);
	if (s->at == s->end || depth == DEPTH_MAX)
		return false;
	switch (*s->at) {
	case '{':
		s->at++;
		return scan_object(s, &nothing, depth + 1);
	case '[':
		s->at++;
		return skip_array(s, depth + 1);
	case '"':
		s->at++;
		return skip_string(s, &ignored);
	case 't':
		return skip_word(s, "true", 4);
	case 'f':
		return skip_word(s, "false", 5);
	case 'n':
		return skip_word(s, "null", 4);
	default:
		return skip_number(s, &ignored);
	}
}

/* A string's text where it has simple escapes only, as PHP's "v1\/transaction". */
static bool unescape(struct event_fields *f, const char *text, size_t len, struct event_value *v)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char *out = f->room + f->used;

	if (len > sizeof(f->room) - f->used)
		return false;
	v->bytes = out;
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '\\') {
			i++;
			if (text[i] == 'u')
				return false;
			*out++ = to[strchr(from, text[i]) - from];
		} else {
			*out++ = text[i];
		}
	}
	v->len = (size_t)(out - v->bytes);
	f->used += v->len;
	return true;
}

static bool scan_wanted(struct scan *s, unsigned depth, struct event_value *v)
{
	const char *start;
	bool escaped, integer;

	*v = (struct event_value){0};
	skip_space(s);
	if (s->at == s->end)
		return false;
	start = (const char *)s->at;
	if (*s->at == '"') {
		s->at++;
		start++;
		if (!skip_string(s, &escaped))
			return false;
		*v = (struct event_value){start, (size_t)((const char *)s->at - 1 - start), false};
		return !escaped || unescape(s->f, start, v->len, v);
	}
	if (*s->at != '-' && !is_digit(s))
		return skip_value(s, depth);
	if (!skip_number(s, &integer))
		return false;
	if (integer)
		*v = (struct event_value){start, (size_t)((const char *)s->at - start), true};
	return true;
}

/* If a member's name occurs twice, the last one counts, as with jansson: an object replaces
 * everything that an earlier one had. */
static void forget(struct event_fields *f, const struct event_member *members)
{
	for (; members->name != NULL; members++) {
		if (members->members != NULL)
			forget(f, members->members);
		else
			f->values[members->field] = (struct event_value){0};
	}
}

static bool scan_inner(struct scan *s, const struct event_member *members, unsigned depth)
{
	forget(s->f, members);
	skip_space(s);
	if (s->at == s->end || *s->at == '"')
		return false;
	if (!take(s, '{'))
		return skip_value(s, depth);
	return scan_object(s, members, depth + 1);
}

static bool scan_member(struct scan *s, const struct event_member *wanted, unsigned depth,
	const char *name, size_t len)
{
	for (; wanted->name != NULL; wanted++) {
		if (wanted->len != len || memcmp(wanted->name, name, len) != 0)
			continue;
		return wanted->members != NULL
			       ? scan_inner(s, wanted->members, depth)
			       : scan_wanted(s, depth, &s->f->values[wanted->field]);
	}
	return skip_value(s, depth);
}

/* From after the opening brace to after the closing one. */
static bool scan_object(struct scan *s, const struct event_member *wanted, unsigned depth)
{
	skip_space(s);
	if (take(s, '}'))
		return true;
	do {
		const char *name;
		size_t len;
		bool escaped;

		skip_space(s);
		if (!take(s, '"'))
			return false;
		name = (const char *)s->at;
		if (!skip_string(s, &escaped) || escaped)
			return false;
		len = (size_t)((const char *)s->at - 1 - name);
		skip_space(s);
		if (!take(s, ':') || !scan_member(s, wanted, depth, name, len))
			return false;
		skip_space(s);
	} while (take(s, ','));
	return take(s, '}');
}

bool event_scan(
	struct event_fields *f, const struct event_shape *shape, const char *body, size_t len)
{
	struct scan s;

	memset(f->values, 0, sizeof(f->values));
	f->is_object = true;
	f->used = 0;
	s = (struct scan){(const unsigned char *)body, (const unsigned char *)body + len, f};
	skip_space(&s);
	if (!take(&s, '{') || !scan_object(&s, shape->members, 1))
		return false;
	skip_space(&s);
	return s.at == s.end;
}

static struct event_value value_of(struct event_fields *f, const json_t *json)
{
	struct event_value v = {0};
	size_t room = sizeof(f->room) - f->used;

	if (json_is_string(json)) {
		v.bytes = json_string_value(json);
		v.len = json_string_length(json);
	} else if (json_is_integer(json)) {
		v.integer = true;
		v.bytes = f->room + f->used;
		v.len = (size_t)snprintf(
			f->room + f->used, room, "%" JSON_INTEGER_FORMAT, json_integer_value(json));
		f->used += v.len;
	}
	return v;
}

static void read_members(
	struct event_fields *f, const struct event_member *members, const json_t *object)
{
	for (; members->name != NULL; members++) {
		const json_t *value = json_object_get(object, members->name);

		if (members->members != NULL)
			read_members(f, members->members, value);
		else
			f->values[members->field] = value_of(f, value);
	}
}

void event_fields_of(struct event_fields *f, const struct event_shape *shape, const json_t *root)
{
	memset(f->values, 0, sizeof(f->values));
	f->is_object = json_is_object(root);
	f->used = 0;
	read_members(f, shape->members, root);
}
