#include "base/buf.h"

#include "base/character.h"
#include "base/utf8.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool set_capacity(struct buf *b, size_t capacity)
{
	char *data = realloc(b->data, capacity);

	if (data == NULL) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->capacity = capacity;
	return true;
}

/* Room for `more` bytes and a NUL; doubling keeps appending linear. */
static bool reserve(struct buf *b, size_t more)
{
	size_t need, capacity;

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
	return set_capacity(b, capacity);
}

void buf_set_room(struct buf *b, size_t len)
{
	if (b->failed)
		return;
	if (len >= SIZE_MAX / 4)
		b->failed = true;
	else if (set_capacity(b, (len > b->len ? len : b->len) + 1))
		b->data[b->len] = '\0';
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

void buf_add_json_escape(struct buf *b, unsigned code)
{
	if (code >= 0x10000)
		buf_printf(b, "\\u%04x\\u%04x", 0xd800 + ((code - 0x10000) >> 10),
			0xdc00 + ((code - 0x10000) & 0x3ff));
	else
		buf_printf(b, "\\u%04x", code);
}

void buf_add_json(struct buf *b, const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;
	struct shown_text shown = {0};

	buf_add_char(b, '"');
	for (size_t i = 0, n; i<len; i += n> 0 ? n : 1) {
		n = utf8_sequence(p + i, len - i);
		if (!shown_as_it_is(&shown, p + i, n)) {
			if (n > 0)
				buf_add_json_escape(b, character_code(p + i, n));
			else
				buf_add_text(b, UTF8_REPLACEMENT);
			continue;
		}
		if (p[i] == '"' || p[i] == '\\')
			buf_add_char(b, '\\');
		buf_add(b, bytes + i, n);
	}
	buf_add_char(b, '"');
}

static void add_escape(struct buf *b, const unsigned char *p, size_t n)
{
	if (*p == '\n')
		buf_add_text(b, "\\n");
	else if (*p == '\r')
		buf_add_text(b, "\\r");
	else if (*p == '\t')
		buf_add_text(b, "\\t");
	else
		for (size_t i = 0; i < n; i++)
			buf_printf(b, "\\x%02x", p[i]);
}

void buf_add_escaped(struct buf *b, const char *bytes, size_t len, char quote)
{
	const unsigned char *p = (const unsigned char *)bytes;
	struct shown_text shown = {0};

	for (size_t i = 0, n; i<len; i += n> 0 ? n : 1) {
		n = utf8_sequence(p + i, len - i);
		if (!shown_as_it_is(&shown, p + i, n)) {
			add_escape(b, p + i, n > 0 ? n : 1);
			continue;
		}
		if (quote != '\0' && (p[i] == '\\' || bytes[i] == quote))
			buf_add_char(b, '\\');
		buf_add(b, bytes + i, n);
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
