#include "header.h"

#include "base/utf8.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* RFC 2047 allows 76 in a line with encoded words, RFC 5322 recommends 78 for others. */
#define COLUMNS 76

/* An encoded word has at most 75 bytes, these included. */
#define WORD_BASE64   "=?UTF-8?B?"
#define WORD_QUOTED   "=?UTF-8?Q?"
#define WORD_END      "?="
#define WORD_FRAME    (sizeof(WORD_QUOTED WORD_END) - 1)
#define WORD_ROOM     (75 - WORD_FRAME)
#define CHARACTER_MAX 12 /* the most that one character takes: four bytes as =XX */

/* A longer name is encoded, so that it can be folded. */
#define NAME_COLUMNS 70

#define SHOWN 40 /* bytes of a value in a message */

static bool is_control(const unsigned char *p, size_t n)
{
	if (n <= 1)
		return p[0] < 0x20 || p[0] == 0x7f;
	if (n == 2)
		return p[0] == 0xc2 && p[1] < 0xa0;
	return n == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] == 0xa8 || p[2] == 0xa9);
}

bool mail_has_control(const char *bytes, size_t len)
{
	const unsigned char *p = (const unsigned char *)bytes;

	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence(p + i, len - i);

		if (is_control(p + i, n))
			return true;
		i += n > 0 ? n : 1;
	}
	return false;
}

void mail_quote(const char *bytes, size_t len, char out[MAIL_QUOTED])
{
	size_t shown = len < SHOWN ? len : SHOWN;
	struct buf b = {0};

	while (shown > 0 && shown < len && ((unsigned char)bytes[shown] & 0xc0) == 0x80)
		shown--;
	buf_add_escaped(&b, bytes, shown, '"');
	(void)snprintf(
		out, MAIL_QUOTED, "\"%s%s\"", b.data != NULL ? b.data : "", shown < len ? "…" : "");
	buf_free(&b);
}

void mail_header_start(struct mail_header *h, struct buf *out, const char *name)
{
	*h = (struct mail_header){.out = out, .column = strlen(name) + 1, .bare = true};
	buf_add_text(out, name);
	buf_add_char(out, ':');
}

void mail_header_end(struct mail_header *h)
{
	buf_add_text(h->out, "\r\n");
}

void mail_header_token(struct mail_header *h, const char *token, size_t len)
{
	bool fits = h->column + 1 + len <= COLUMNS;

	/* No first line with only the field's name, unless that helps. */
	if (!fits && (!h->bare || 1 + len <= COLUMNS)) {
		buf_add_text(h->out, "\r\n");
		h->column = 0;
	}
	buf_add_char(h->out, ' ');
	buf_add(h->out, token, len);
	h->column += 1 + len;
	h->bare = false;
}

/* May it be literal in a Q word of a phrase (RFC 2047, 5 (3)), the strictest place? */
static bool is_word_safe(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c != '\0' && strchr("!*+-/", c) != NULL);
}

static size_t quoted_size(const char *text, size_t len)
{
	size_t size = 0;

	for (size_t i = 0; i < len; i++)
		size += is_word_safe(text[i]) || text[i] == ' ' ? 1 : 3;
	return size;
}

static size_t base64_size(size_t len)
{
	return (len + 2) / 3 * 4;
}

/* How many bytes of the text (UTF-8) fit into `room`: whole characters. */
static size_t word_length(const char *text, size_t len, bool base64, size_t room)
{
	size_t i = 0, size = 0;

	while (i < len) {
		size_t n = utf8_sequence((const unsigned char *)text + i, len - i);

		size = base64 ? base64_size(i + n) : size + quoted_size(text + i, n);
		if (size > room)
			break;
		i += n;
	}
	return i;
}

static void add_word(struct mail_header *h, const char *text, size_t len, bool base64)
{
	char encoded[sodium_base64_ENCODED_LEN(WORD_ROOM, sodium_base64_VARIANT_ORIGINAL)];
	struct buf word = {0};

	buf_add_text(&word, base64 ? WORD_BASE64 : WORD_QUOTED);
	if (base64)
		buf_add_text(&word,
			sodium_bin2base64(encoded, sizeof(encoded), (const unsigned char *)text,
				len, sodium_base64_VARIANT_ORIGINAL));
	for (size_t i = 0; !base64 && i < len; i++) {
		if (text[i] == ' ')
			buf_add_char(&word, '_');
		else if (is_word_safe(text[i]))
			buf_add_char(&word, text[i]);
		else
			buf_printf(&word, "=%02X", (unsigned char)text[i]);
	}
	buf_add_text(&word, WORD_END);
	if (buf_ok(&word))
		mail_header_token(h, word.data, word.len);
	else
		h->out->failed = true;
	buf_free(&word);
}

static void add_words(struct mail_header *h, const char *text, size_t len)
{
	/* Q if most of it stays readable, as RFC 2047 (4) recommends. */
	bool base64 = quoted_size(text, len) > 2 * len;
	size_t size = base64 ? base64_size(len) : quoted_size(text, len);

	/* What fits into one word is one word, on a new line if necessary. */
	if (size <= WORD_ROOM && !h->bare) {
		add_word(h, text, len, base64);
		return;
	}
	for (size_t i = 0, n; i < len; i += n) {
		size_t used = h->column + 1 + WORD_FRAME;
		size_t room = used + CHARACTER_MAX <= COLUMNS ? COLUMNS - used : WORD_ROOM;

		n = word_length(text + i, len - i, base64, room < WORD_ROOM ? room : WORD_ROOM);
		add_word(h, text + i, n, base64);
	}
}

/* Adds the text in encoded words, with U+FFFD for each byte that is not UTF-8. */
static void add_encoded(struct mail_header *h, const char *text, size_t len)
{
	struct buf clean = {0};

	for (size_t i = 0; i < len;) {
		size_t n = utf8_sequence((const unsigned char *)text + i, len - i);

		if (n > 0)
			buf_add(&clean, text + i, n);
		else
			buf_add_text(&clean, UTF8_REPLACEMENT);
		i += n > 0 ? n : 1;
	}
	if (buf_ok(&clean))
		add_words(h, clean.data, clean.len);
	else
		h->out->failed = true;
	buf_free(&clean);
}

/* Can it be written without encoding? Not if it looks like an encoded word: a reader would
 * decode that. */
static bool needs_no_encoding(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x20 || text[i] > 0x7e)
			return false;
	return len == 0 || memmem(text, len, "=?", 2) == NULL;
}

/* Length of the next word with the spaces before it. */
static size_t next_word(const char *text, size_t len)
{
	size_t n = 0;

	while (n < len && text[n] == ' ')
		n++;
	while (n < len && text[n] != ' ')
		n++;
	return n;
}

/* Does each word, with the spaces before it, fit into a line? Spaces at either end would be
 * lost, and a line of only spaces is forbidden. */
static bool can_fold(const char *text, size_t len, size_t column)
{
	if (len > 0 && (text[0] == ' ' || text[len - 1] == ' '))
		return false;
	for (size_t i = 0, n; i < len; i += n) {
		n = next_word(text + i, len - i);
		if ((i == 0 ? column + 1 : 0) + n > COLUMNS)
			return false;
	}
	return true;
}

void mail_header_text(struct mail_header *h, const char *text, size_t len)
{
	if (!needs_no_encoding(text, len) || !can_fold(text, len, h->column)) {
		add_encoded(h, text, len);
		return;
	}
	for (size_t i = 0, n; i < len; i += n) {
		/* mail_header_token adds the first space */
		size_t space = i > 0 ? 1 : 0;

		n = next_word(text + i, len - i);
		mail_header_token(h, text + i + space, n - space);
	}
}

/* Is it a phrase that needs no quotes: words with single spaces between them? */
static bool is_phrase(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (name[i] == ' ') {
			if (i == 0 || i + 1 == len || name[i - 1] == ' ')
				return false;
		} else if (strchr("()<>[]:;@\\,.\"", name[i]) != NULL) {
			return false;
		}
	}
	return true;
}

void mail_header_quoted(struct buf *out, const char *text, size_t len)
{
	buf_add_char(out, '"');
	for (size_t i = 0; i < len; i++) {
		if (text[i] == '"' || text[i] == '\\')
			buf_add_char(out, '\\');
		buf_add_char(out, text[i]);
	}
	buf_add_char(out, '"');
}

void mail_header_name(struct mail_header *h, const char *name, size_t len)
{
	struct buf quoted = {0};

	if (!needs_no_encoding(name, len) || len > NAME_COLUMNS) {
		add_encoded(h, name, len);
		return;
	}
	if (is_phrase(name, len)) {
		mail_header_token(h, name, len);
		return;
	}
	mail_header_quoted(&quoted, name, len);
	if (!buf_ok(&quoted))
		h->out->failed = true;
	else if (quoted.len > NAME_COLUMNS)
		add_encoded(h, name, len);
	else
		mail_header_token(h, quoted.data, quoted.len);
	buf_free(&quoted);
}
