#include "secret_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_space(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool starts(const unsigned char *bytes, size_t len, const char *with)
{
	size_t n = strlen(with);

	return len >= n && memcmp(bytes, with, n) == 0;
}

/* Characters that nobody sees: blanks other than the ordinary one, joiners, marks of direction and
 * of byte order. */
static bool has_invisible(const unsigned char *bytes, size_t len)
{
	static const struct {
		char first[4]; /* UTF-8 without the last byte */
		unsigned char from, to;
	} ranges[] = {{"\xc2", 0x80, 0xa0}, {"\xc2", 0xad, 0xad}, {"\xe1\x9a", 0x80, 0x80},
		{"\xe2\x80", 0x80, 0x8f}, {"\xe2\x80", 0xa8, 0xaf}, {"\xe2\x81", 0x9f, 0xaf},
		{"\xe3\x80", 0x80, 0x80}, {"\xef\xbb", 0xbf, 0xbf}};

	for (size_t i = 0; i < len; i++)
		for (size_t k = 0; k < sizeof(ranges) / sizeof(ranges[0]); k++) {
			size_t n = strlen(ranges[k].first);

			if (starts(bytes + i, len - i, ranges[k].first) && i + n < len &&
				bytes[i + n] >= ranges[k].from && bytes[i + n] <= ranges[k].to)
				return true;
		}
	return false;
}

static bool has_control(const unsigned char *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (bytes[i] < ' ' || bytes[i] == 0x7f)
			return true;
	return false;
}

static bool has_line_end(const unsigned char *bytes, size_t len)
{
	return memchr(bytes, '\n', len) != NULL || memchr(bytes, '\r', len) != NULL;
}

/* "…", '…', `…`, and those that text processors make. */
static bool is_quoted(const unsigned char *bytes, size_t len)
{
	static const char *const quotes[][2] = {{"\"", "\""}, {"'", "'"}, {"`", "`"},
		{"\xe2\x80\x9c", "\xe2\x80\x9d"}, {"\xe2\x80\x98", "\xe2\x80\x99"},
		{"\xc2\xab", "\xc2\xbb"}};

	for (size_t i = 0; i < sizeof(quotes) / sizeof(quotes[0]); i++) {
		size_t n = strlen(quotes[i][1]);

		if (len > 2 * n && starts(bytes, len, quotes[i][0]) &&
			starts(bytes + len - n, n, quotes[i][1]))
			return true;
	}
	return false;
}

/* A line of an environment file: SHOP_SECRET=…, export SECRET=… Random letters have no _ among
 * them and a = only at their end. */
static bool is_assignment(const unsigned char *bytes, size_t len)
{
	bool export = starts(bytes, len, "export "), underscore = false;
	size_t i = export ? strlen("export ") : 0, first = i;

	for (; i < len; i++) {
		if (bytes[i] == '_')
			underscore = true;
		else if (!(bytes[i] >= 'A' && bytes[i] <= 'Z') &&
			 !(i > first && bytes[i] >= '0' && bytes[i] <= '9'))
			break;
	}
	return i > first && i + 1 < len && bytes[i] == '=' && bytes[i + 1] != '=' &&
	       (export || underscore);
}

const char *secret_text_fault(const unsigned char *bytes, size_t len)
{
	if (memchr(bytes, '\0', len) != NULL)
		return "has a NUL byte in it: expected a secret as plain text, not UTF-16";
	if (starts(bytes, len, "\xef\xbb\xbf"))
		return "begins with a byte order mark, which an editor has added: expected a file "
		       "saved as UTF-8 without one";
	if (is_space(bytes[0]) || is_space(bytes[len - 1]))
		return "begins or ends with white space: expected the secret as its sender shows "
		       "it, with at most one line end after it";
	if (has_line_end(bytes, len))
		return "has more than one line: expected the secret alone";
	if (has_control(bytes, len))
		return "has a control character in it: expected the secret alone";
	if (has_invisible(bytes, len))
		return "has an invisible character in it, such as a no-break or zero-width space: "
		       "expected the secret alone, copied again or typed";
	if (is_quoted(bytes, len))
		return "is in quotes: expected the secret without them";
	if (is_assignment(bytes, len))
		return "is a NAME=VALUE: expected the value alone";
	return NULL;
}
