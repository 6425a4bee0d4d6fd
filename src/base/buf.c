#include "base/buf.h"

#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for `more` bytes and a NUL; doubling keeps appending linear. */
static bool reserve(struct buf *b, size_t more)
{
	size_t need, capacity;
	char *data;

	if (b->failed)
		return false;
	if (more > SIZE_MAX / 4 - b->len) {
		b->failed = true;
		return false;
	}
	need = b->len + more + 1;
	if (need <= b->capacity)
		return true;
	for (capacity = b->capacity != 0 ? b->capacity : 64; capacity < need; capacity *= 2)
		;
	data = realloc(b->data, capacity);
	if (data == NULL) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->capacity = capacity;
	return true;
}

void buf_add(struct buf *b, const void *bytes, size_t len)
{
	if (!reserve(b, len))
		return;
	if (len > 0)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
}

void buf_add_text(struct buf *b, const char *text)
{
	buf_add(b, text, strlen(text));
}

void buf_add_char(struct buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_vprintf(struct buf *b, const char *format, va_list args)
{
	va_list again;
	int n;

	va_copy(again, args);
	n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	if (n < 0) {
		b->failed = true;
		return;
	}
	if (!reserve(b, (size_t)n))
		return;
	vsnprintf(b->data + b->len, (size_t)n + 1, format, args);
	b->len += (size_t)n;
}

void buf_printf(struct buf *b, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	buf_vprintf(b, format, args);
	va_end(args);
}

/* C1 controls (U+0080-U+009F) steer terminals too, and the bidirectional
 * controls (U+202A-202E, U+2066-2069) reorder what a person reads. */
static bool hidden(const unsigned char *p, size_t n)
{
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	if (n == 3 && p[0] == 0xe2)
		return (p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
		       (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9);
	return false;
}

/* The code point of a valid sequence of 2 or 3 bytes. */
static unsigned code_point(const unsigned char *p, size_t n)
{
	return n == 2 ? (p[0] & 0x1fU) << 6 | (p[1] & 0x3fU)
		      : (p[0] & 0x0fU) << 12 | (p[1] & 0x3fU) << 6 | (p[2] & 0x3fU);
}

void buf_add_json(struct buf *b, const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;

	buf_add_char(b, '"');
	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(p + i, len - i);

		if (n == 0) {
			buf_add_text(b, UTF8_REPLACEMENT);
			i++;
			continue;
		}
		if (p[i] == '"' || p[i] == '\\') {
			buf_add_char(b, '\\');
			buf_add_char(b, bytes[i]);
		} else if (p[i] < 0x20 || p[i] == 0x7f) {
			buf_printf(b, "\\u%04x", p[i]);
		} else if (hidden(p + i, n)) {
			buf_printf(b, "\\u%04x", code_point(p + i, n));
		} else {
			buf_add(b, bytes + i, n);
		}
		i += n;
	}
	buf_add_char(b, '"');
}

void buf_add_escaped(struct buf *b, const char *bytes, size_t len, char quote)
{
	const unsigned char *p = (const unsigned char *)bytes;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(p + i, len - i);

		if (n <= 1 && (p[i] < 0x20 || p[i] >= 0x7f)) {
			if (p[i] == '\n')
				buf_add_text(b, "\\n");
			else if (p[i] == '\r')
				buf_add_text(b, "\\r");
			else if (p[i] == '\t')
				buf_add_text(b, "\\t");
			else
				buf_printf(b, "\\x%02x", p[i]);
			i++;
			continue;
		}
		if (hidden(p + i, n)) {
			for (size_t k = 0; k < n; k++)
				buf_printf(b, "\\x%02x", p[i + k]);
		} else {
			if (quote != '\0' && (p[i] == '\\' || bytes[i] == quote))
				buf_add_char(b, '\\');
			buf_add(b, bytes + i, n);
		}
		i += n;
	}
}

bool buf_ok(const struct buf *b)
{
	return !b->failed;
}

char *buf_take(struct buf *b)
{
	char *text = NULL;

	buf_add(b, "", 0);
	if (b->failed)
		free(b->data);
	else
		text = b->data;
	*b = (struct buf){0};
	return text;
}

void buf_clear(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void buf_free(struct buf *b)
{
	free(b->data);
	*b = (struct buf){0};
}
