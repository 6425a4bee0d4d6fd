#include "body.h"

#include "base/utf8.h"
#include "header.h"

#include <sodium.h>
#include <string.h>

#define LINE_MAX_7BIT 990 /* RFC 5322 allows 998 */
#define LINE_QUOTED   76
#define FILE_LINE     57 /* bytes that make 76 characters of base64 */

#define BOUNDARY_HEX 32
#define BOUNDARY_MAX (BOUNDARY_HEX + 3)

/* Appends the text as UTF-8 without NUL, each line ended by LF, also the last. */
static void add_clean_text(struct buf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t i = 0, n; i < len; i += n) {
		/* Most of it needs no change: copy that at once. */
		for (n = 0; i + n < len && p[i + n] != '\0' && p[i + n] != '\r' && p[i + n] < 0x80;)
			n++;
		if (n > 0) {
			buf_add(out, text + i, n);
			continue;
		}
		n = utf8_sequence(p + i, len - i);
		if (p[i] == '\r') {
			n = i + 1 < len && p[i + 1] == '\n' ? 2 : 1;
			buf_add_char(out, '\n');
		} else if (n == 0 || p[i] == '\0') {
			n = 1;
			buf_add_text(out, UTF8_REPLACEMENT);
		} else {
			buf_add(out, text + i, n);
		}
	}
	if (out->len > 0 && out->data[out->len - 1] != '\n')
		buf_add_char(out, '\n');
}

static bool starts_with(const char *text, size_t len, const char *what)
{
	return len >= strlen(what) && memcmp(text, what, strlen(what)) == 0;
}

/* A line that a mail program could interpret: "." ends a message for sendmail, "From "
 * starts one in a mailbox. */
static bool is_risky(const char *line, size_t len)
{
	return (len == 1 && line[0] == '.') || starts_with(line, len, "From ");
}

static bool is_7bit(const struct buf *text)
{
	for (size_t i = 0, n; i < text->len; i += n + 1) {
		const char *line = text->data + i;

		n = (size_t)((const char *)memchr(line, '\n', text->len - i) - line);
		if (n > LINE_MAX_7BIT || is_risky(line, n))
			return false;
		for (size_t k = 0; k < n; k++)
			if ((line[k] < 0x20 && line[k] != '\t') || line[k] > 0x7e)
				return false;
	}
	return true;
}

static void add_7bit(struct buf *out, const struct buf *text)
{
	for (size_t i = 0, n; i < text->len; i += n + 1) {
		const char *line = text->data + i;

		n = (size_t)((const char *)memchr(line, '\n', text->len - i) - line);
		buf_add(out, line, n);
		buf_add_text(out, "\r\n");
	}
}

/* May the first byte of the text, whose line ends after `left` bytes, be literal in that
 * column? */
static bool is_literal(const char *text, size_t left, size_t column)
{
	if (column == 0 && (text[0] == '.' || starts_with(text, left, "From ")))
		return false;
	if (text[0] == ' ' || text[0] == '\t')
		return left > 1;
	return text[0] > 0x20 && text[0] < 0x7f && text[0] != '=';
}

static void add_quoted_line(struct buf *out, const char *line, size_t len)
{
	size_t column = 0;

	for (size_t i = 0; i < len; i++) {
		bool literal = is_literal(line + i, len - i, column);
		size_t limit = i + 1 < len ? LINE_QUOTED - 1 : LINE_QUOTED;

		if (column + (literal ? 1 : 3) > limit) {
			buf_add_text(out, "=\r\n");
			column = 0;
			literal = is_literal(line + i, len - i, column);
		}
		if (literal)
			buf_add_char(out, line[i]);
		else
			buf_printf(out, "=%02X", (unsigned char)line[i]);
		column += literal ? 1 : 3;
	}
	buf_add_text(out, "\r\n");
}

static void add_quoted_printable(struct buf *out, const struct buf *text)
{
	for (size_t i = 0, n; i < text->len; i += n + 1) {
		const char *line = text->data + i;

		n = (size_t)((const char *)memchr(line, '\n', text->len - i) - line);
		add_quoted_line(out, line, n);
	}
}

void mail_body_text(struct buf *out, const char *subtype, const char *text, size_t len)
{
	struct buf lf = {0};
	bool plain;

	add_clean_text(&lf, text, len);
	if (!buf_ok(&lf)) {
		out->failed = true;
		buf_free(&lf);
		return;
	}
	plain = is_7bit(&lf);
	buf_printf(out,
		"Content-Type: text/%s; charset=utf-8\r\n"
		"Content-Transfer-Encoding: %s\r\n\r\n",
		subtype, plain ? "7bit" : "quoted-printable");
	if (plain)
		add_7bit(out, &lf);
	else
		add_quoted_printable(out, &lf);
	buf_free(&lf);
}

void mail_body_file(struct buf *out, const struct mail_part *file)
{
	char line[sodium_base64_ENCODED_LEN(FILE_LINE, sodium_base64_VARIANT_ORIGINAL)];
	const unsigned char *bytes = file->bytes;

	buf_printf(out, "Content-Type: %s\r\n", file->type);
	buf_add_text(out, "Content-Disposition: attachment;\r\n filename=");
	mail_header_quoted(out, file->name, strlen(file->name));
	buf_add_text(out, "\r\nContent-Transfer-Encoding: base64\r\n\r\n");
	for (size_t i = 0, n; i < file->len; i += n) {
		n = file->len - i < FILE_LINE ? file->len - i : FILE_LINE;
		buf_add_text(out, sodium_bin2base64(line, sizeof(line), bytes + i, n,
					  sodium_base64_VARIANT_ORIGINAL));
		buf_add_text(out, "\r\n");
	}
}

/* The n-th boundary of a key. "=_" occurs neither in base64 nor in
 * quoted-printable, but it may in a text sent as 7bit. */
static bool make_boundary(char out[BOUNDARY_MAX], const char *subtype, const char *key, unsigned n)
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	struct buf from = {0};
	bool good;

	buf_printf(&from, "%s %u %s", subtype, n, key);
	good = buf_ok(&from);
	if (good) {
		crypto_hash_sha256(hash, (const unsigned char *)from.data, from.len);
		out[0] = '=';
		out[1] = '_';
		sodium_bin2hex(out + 2, BOUNDARY_HEX + 1, hash, BOUNDARY_HEX / 2);
	}
	buf_free(&from);
	return good;
}

static bool occurs(const char *boundary, const struct buf *entities, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (memmem(entities[i].data, entities[i].len, boundary, strlen(boundary)) != NULL)
			return true;
	return false;
}

void mail_body_multipart(struct buf *out, const char *subtype, const char *key,
	const struct buf *entities, size_t count)
{
	char boundary[BOUNDARY_MAX];
	unsigned n = 0;

	for (size_t i = 0; i < count; i++)
		if (!buf_ok(&entities[i]))
			out->failed = true;
	do {
		if (out->failed || !make_boundary(boundary, subtype, key, n++)) {
			out->failed = true;
			return;
		}
	} while (occurs(boundary, entities, count));
	buf_printf(
		out, "Content-Type: multipart/%s;\r\n boundary=\"%s\"\r\n\r\n", subtype, boundary);
	for (size_t i = 0; i < count; i++) {
		buf_printf(out, "--%s\r\n", boundary);
		buf_add(out, entities[i].data, entities[i].len);
		buf_add_text(out, "\r\n");
	}
	buf_printf(out, "--%s--\r\n", boundary);
}
