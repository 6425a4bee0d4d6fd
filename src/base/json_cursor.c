#include "base/json_cursor.h"

#include "base/utf8.h"

#include <string.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

const char json_too_many[] = "too many values";

static bool fail(struct json_cursor *c, const char *wrong)
{
	if (c->wrong == NULL)
		c->wrong = wrong;
	return false;
}

void json_cursor_space(struct json_cursor *c)
{
	while (c->at < c->end &&
		(*c->at == ' ' || *c->at == '\n' || *c->at == '\r' || *c->at == '\t'))
		c->at++;
}

static bool take(struct json_cursor *c, unsigned char byte)
{
	if (c->at == c->end || *c->at != byte)
		return false;
	c->at++;
	return true;
}

void json_cursor_begin(struct json_cursor *c, const char *text, size_t len, size_t values)
{
	const unsigned char *begin = (const unsigned char *)(text != NULL ? text : "");

	if (text == NULL)
		len = 0;
	*c = (struct json_cursor){begin, begin, begin + len, 0, values, NULL};
	if (len >= 3 && memcmp(begin, BYTE_ORDER_MARK, 3) == 0)
		c->begin = c->at = begin + 3;
}

static bool begins_value(unsigned char c)
{
	switch (c) {
	case '"':
	case '{':
	case '[':
	case '-':
	case 't':
	case 'f':
	case 'n':
		return true;
	default:
		return c >= '0' && c <= '9';
	}
}

char json_cursor_value(struct json_cursor *c)
{
	json_cursor_space(c);
	if (c->at == c->end) {
		(void)fail(c, "it ends where a value is expected");
		return '\0';
	}
	if (c->values == 0) {
		(void)fail(c, json_too_many);
		return '\0';
	}
	c->values--;
	if (!begins_value(*c->at)) {
		(void)fail(c, "expected a value");
		return '\0';
	}
	return (char)*c->at;
}

/* ---- strings ---- */

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits of \uXXXX; -1: they are not that. */
static int read_unit(const unsigned char *at, const unsigned char *end)
{
	int unit = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

/* At a backslash. */
static bool skip_escape(struct json_cursor *c)
{
	unsigned char what = c->end - c->at >= 2 ? c->at[1] : '\0';

	if (what == 'u' && read_unit(c->at + 2, c->end) >= 0) {
		c->at += 6;
		return true;
	}
	if (what == '\0' || strchr("\"\\/bfnrt", what) == NULL)
		return fail(c, "expected \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\uXXXX");
	c->at += 2;
	return true;
}

/* Needs no look in a string: printable ASCII except the quote and the backslash. */
static bool is_plain(unsigned char c)
{
	return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* At what is neither plain nor the closing quote. */
static bool skip_special(struct json_cursor *c, struct json_token *string)
{
	size_t n;

	if (c->at == c->end)
		return fail(c, "it ends inside a string");
	if (*c->at == '\\') {
		string->escaped = true;
		return skip_escape(c);
	}
	if (*c->at < 0x20)
		return fail(c, "a control character in a string");
	n = utf8_sequence(c->at, (size_t)(c->end - c->at));
	c->at += n;
	return n > 0 || fail(c, "a byte that is not UTF-8");
}

bool json_cursor_string(struct json_cursor *c, struct json_token *string)
{
	c->at++;
	*string = (struct json_token){.bytes = (const char *)c->at};
	for (;;) {
		while (c->at < c->end && is_plain(*c->at))
			c->at++;
		if (c->at < c->end && *c->at == '"')
			break;
		if (!skip_special(c, string))
			return false;
	}
	string->len = (size_t)((const char *)c->at - string->bytes);
	c->at++;
	return true;
}

static void add_character(struct buf *out, unsigned code)
{
	char bytes[4];
	size_t n = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
	static const unsigned first[] = {0, 0, 0xc0, 0xe0, 0xf0};

	for (size_t i = n; i-- > 1; code >>= 6)
		bytes[i] = (char)(0x80 | (code & 0x3f));
	bytes[0] = (char)(first[n] | code);
	buf_add(out, bytes, n);
}

/* From after a \u; returns where it ends. */
static const unsigned char *add_unit(
	struct buf *out, const unsigned char *at, const unsigned char *end)
{
	int unit = read_unit(at, end), low;

	at += 4;
	if (unit < 0xd800 || unit > 0xdfff) {
		add_character(out, (unsigned)unit);
		return at;
	}
	low = end - at >= 6 && at[0] == '\\' && at[1] == 'u' ? read_unit(at + 2, end) : -1;
	if (unit > 0xdbff || low < 0xdc00 || low > 0xdfff) {
		buf_add_text(out, UTF8_REPLACEMENT);
		return at;
	}
	add_character(out, 0x10000 + (((unsigned)unit - 0xd800) << 10) + (unsigned)low - 0xdc00);
	return at + 6;
}

void json_token_add(struct buf *out, const struct json_token *string)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const unsigned char *at = (const unsigned char *)string->bytes, *end = at + string->len;

	while (at < end) {
		const unsigned char *back =
			string->escaped ? memchr(at, '\\', (size_t)(end - at)) : NULL;
		size_t n = (size_t)((back != NULL ? back : end) - at);

		buf_add(out, at, n);
		at += n;
		if (back == NULL)
			return;
		if (at[1] == 'u') {
			at = add_unit(out, at + 2, end);
		} else {
			buf_add_char(out, to[strchr(from, at[1]) - from]);
			at += 2;
		}
	}
}

/* ---- numbers and words ---- */

static bool skip_digits(struct json_cursor *c)
{
	const unsigned char *from = c->at;

	while (c->at < c->end && *c->at >= '0' && *c->at <= '9')
		c->at++;
	return c->at > from || fail(c, "expected a digit");
}

bool json_cursor_number(struct json_cursor *c, struct json_token *number)
{
	*number = (struct json_token){.bytes = (const char *)c->at};
	(void)take(c, '-');
	if (take(c, '0')) {
		if (c->at < c->end && *c->at >= '0' && *c->at <= '9')
			return fail(c, "a number with a leading zero");
	} else if (!skip_digits(c)) {
		return false;
	}
	if (take(c, '.') && !skip_digits(c))
		return false;
	if (take(c, 'e') || take(c, 'E')) {
		if (!take(c, '+'))
			(void)take(c, '-');
		if (!skip_digits(c))
			return false;
	}
	number->len = (size_t)((const char *)c->at - number->bytes);
	return true;
}

static bool skip_word(struct json_cursor *c, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(c->end - c->at) < len || memcmp(c->at, word, len) != 0)
		return fail(c, "expected a value");
	c->at += len;
	return true;
}

/* ---- objects and arrays ---- */

bool json_cursor_open(struct json_cursor *c)
{
	if (c->depth == JSON_DEPTH_MAX)
		return fail(c, "nested too deep");
	c->depth++;
	c->at++;
	return true;
}

/* To the next item. False: it was the last, or wrong is set. */
static bool go_on(struct json_cursor *c, size_t *count, unsigned char close, const char *expected)
{
	json_cursor_space(c);
	if (take(c, close)) {
		c->depth--;
		return false;
	}
	if (*count > 0 && !take(c, ','))
		return fail(c, c->at == c->end ? "it ends inside an object or a list" : expected);
	++*count;
	return true;
}

bool json_cursor_name(struct json_cursor *c, size_t *count, struct json_token *name)
{
	if (!go_on(c, count, '}', "expected , or }"))
		return false;
	json_cursor_space(c);
	if (c->at == c->end || *c->at != '"')
		return fail(c, "expected a name in double quotes");
	if (!json_cursor_string(c, name))
		return false;
	json_cursor_space(c);
	return take(c, ':') || fail(c, "expected a colon after the name");
}

bool json_cursor_item(struct json_cursor *c, size_t *count)
{
	return go_on(c, count, ']', "expected , or ]");
}

static bool skip_object(struct json_cursor *c)
{
	struct json_token name;
	size_t count = 0;

	if (!json_cursor_open(c))
		return false;
	while (json_cursor_name(c, &count, &name))
		if (!json_cursor_skip(c, json_cursor_value(c)))
			return false;
	return c->wrong == NULL;
}

static bool skip_array(struct json_cursor *c)
{
	size_t count = 0;

	if (!json_cursor_open(c))
		return false;
	while (json_cursor_item(c, &count))
		if (!json_cursor_skip(c, json_cursor_value(c)))
			return false;
	return c->wrong == NULL;
}

bool json_cursor_skip(struct json_cursor *c, char first)
{
	struct json_token token;

	switch (first) {
	case '\0':
		return false;
	case '{':
		return skip_object(c);
	case '[':
		return skip_array(c);
	case '"':
		return json_cursor_string(c, &token);
	case 't':
		return skip_word(c, "true");
	case 'f':
		return skip_word(c, "false");
	case 'n':
		return skip_word(c, "null");
	default:
		return json_cursor_number(c, &token);
	}
}

bool json_cursor_end(struct json_cursor *c)
{
	json_cursor_space(c);
	return c->at == c->end || fail(c, "something behind the value");
}

void json_cursor_explain(const struct json_cursor *c, struct json_wrong *wrong)
{
	*wrong = (struct json_wrong){1, 1, c->wrong};
	for (const unsigned char *p = c->begin; p < c->at; p++) {
		wrong->column += (*p & 0xc0) != 0x80;
		if (*p == '\n') {
			wrong->line++;
			wrong->column = 1;
		}
	}
}
