#include "changes.h"

#include "base/json.h"
#include "base/secret.h"
#include "diagnose.h"

#include <ctype.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool put(
	struct buf *out, const char *before, const char *body, size_t len, const char *after)
{
	buf_add_text(out, before);
	buf_add(out, body, len);
	buf_add_text(out, after);
	return buf_ok(out);
}

static bool drop_newline(const char *body, size_t len, struct buf *out)
{
	if (len == 0 || body[len - 1] != '\n')
		return false;
	len -= len > 1 && body[len - 2] == '\r' ? 2 : 1;
	return put(out, "", body, len, "");
}

static bool add_newline(const char *body, size_t len, struct buf *out)
{
	return put(out, "", body, len, "\n");
}

static bool add_crlf(const char *body, size_t len, struct buf *out)
{
	return put(out, "", body, len, "\r\n");
}

static bool trim_space(const char *body, size_t len, struct buf *out)
{
	size_t before = len;

	while (len > 0 && isspace((unsigned char)body[len - 1]))
		len--;
	while (len > 0 && isspace((unsigned char)*body)) {
		body++;
		len--;
	}
	return len != before && put(out, "", body, len, "");
}

static bool crlf_to_lf(const char *body, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		if (body[i] != '\r' || i + 1 == len || body[i + 1] != '\n')
			buf_add_char(out, body[i]);
	return buf_ok(out) && out->len != len;
}

static bool lf_to_crlf(const char *body, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		if (body[i] == '\n' && (i == 0 || body[i - 1] != '\r'))
			buf_add_char(out, '\r');
		buf_add_char(out, body[i]);
	}
	return buf_ok(out) && out->len != len;
}

static bool drop_mark(const char *body, size_t len, struct buf *out)
{
	return len >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0 &&
	       put(out, "", body + 3, len - 3, "");
}

static bool add_mark(const char *body, size_t len, struct buf *out)
{
	return put(out, "\xef\xbb\xbf", body, len, "");
}

static bool empty_body(const char *body, size_t len, struct buf *out)
{
	(void)body;
	return len > 0 && put(out, "", "", 0, "");
}

static bool rewrite(const char *body, size_t len, struct buf *out, size_t flags)
{
	json_t *json;
	char *text = json_parse(body, len, JSON_ALLOW_NUL, &json, NULL) && json != NULL
			     ? json_text(json, flags | JSON_REAL_PRECISION(15))
			     : NULL;

	if (text != NULL)
		buf_add_text(out, text);
	free(text);
	json_decref(json);
	return text != NULL && buf_ok(out);
}

static bool rewrite_php(const char *body, size_t len, struct buf *out)
{
	return rewrite(body, len, out, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_ESCAPE_SLASH);
}

static bool rewrite_slash(const char *body, size_t len, struct buf *out)
{
	return rewrite(body, len, out, JSON_COMPACT | JSON_ESCAPE_SLASH);
}

static bool rewrite_ascii(const char *body, size_t len, struct buf *out)
{
	return rewrite(body, len, out, JSON_COMPACT | JSON_ENSURE_ASCII);
}

static bool rewrite_compact(const char *body, size_t len, struct buf *out)
{
	return rewrite(body, len, out, JSON_COMPACT);
}

static bool rewrite_spaced(const char *body, size_t len, struct buf *out)
{
	return rewrite(body, len, out, 0);
}

static bool rewrite_python(const char *body, size_t len, struct buf *out)
{
	return rewrite(body, len, out, JSON_ENSURE_ASCII);
}

static bool rewrite_indent2(const char *body, size_t len, struct buf *out)
{
	return rewrite(body, len, out, JSON_INDENT(2));
}

static bool rewrite_indent4(const char *body, size_t len, struct buf *out)
{
	return rewrite(body, len, out, JSON_INDENT(4));
}

#define REWRITTEN "something on the way parsed the JSON and wrote it anew: keep the raw body"

const struct diagnose_body diagnose_bodies[DIAGNOSE_BODIES] = {
	{NULL, NULL, NULL},
	{drop_newline, "the last line end is taken off the body",
		"something on the way, an editor or echo, added it"},
	{add_newline, "a newline is put at the end of the body",
		"something on the way took it off, as $(...) in a shell does"},
	{add_crlf, "a CRLF is put at the end of the body", "something on the way took it off"},
	{trim_space, "the white space at the body's ends is taken off",
		"something on the way added it"},
	{crlf_to_lf, "the body's CRLF line ends are made LF",
		"something on the way made them CRLF, as a Windows editor or FTP does"},
	{lf_to_crlf, "the body's LF line ends are made CRLF",
		"something on the way made them LF, as git or a text-mode copy does"},
	{drop_mark, "the UTF-8 byte order mark is taken off the body", "an editor added it"},
	{add_mark, "a UTF-8 byte order mark is put before the body",
		"something on the way took it off"},
	{rewrite_php, "the body is written as compact JSON with / and accents escaped", REWRITTEN},
	{rewrite_slash, "the body is written as compact JSON with / escaped", REWRITTEN},
	{rewrite_ascii, "the body is written as compact JSON with accents escaped", REWRITTEN},
	{rewrite_compact, "the body is written as compact JSON without escapes", REWRITTEN},
	{rewrite_spaced, "the body is written as JSON with spaces after , and :", REWRITTEN},
	{rewrite_python,
		"the body is written as JSON with spaces after , and : and accents escaped",
		REWRITTEN},
	{rewrite_indent2, "the body is written as JSON indented by 2", REWRITTEN},
	{rewrite_indent4, "the body is written as JSON indented by 4", REWRITTEN},
	{empty_body, "the body is empty",
		"the sender signed nothing, or what was saved is not what it sent"},
};

static size_t wrap(const char *before, const unsigned char *s, size_t len, const char *after,
	unsigned char *out)
{
	size_t b = strlen(before), a = strlen(after);

	memcpy(out, before, b);
	memcpy(out + b, s, len);
	memcpy(out + b + len, after, a);
	return b + len + a;
}

static size_t secret_newline(const unsigned char *s, size_t len, unsigned char *out)
{
	return wrap("", s, len, "\n", out);
}

static size_t secret_crlf(const unsigned char *s, size_t len, unsigned char *out)
{
	return wrap("", s, len, "\r\n", out);
}

static size_t secret_space_after(const unsigned char *s, size_t len, unsigned char *out)
{
	return wrap("", s, len, " ", out);
}

static size_t secret_space_before(const unsigned char *s, size_t len, unsigned char *out)
{
	return wrap(" ", s, len, "", out);
}

static size_t secret_double(const unsigned char *s, size_t len, unsigned char *out)
{
	return wrap("\"", s, len, "\"", out);
}

static size_t secret_single(const unsigned char *s, size_t len, unsigned char *out)
{
	return wrap("'", s, len, "'", out);
}

static size_t secret_unquote(const unsigned char *s, size_t len, unsigned char *out)
{
	size_t from = 0, to = len;

	while (from < to && strchr("\"'`<>", s[from]) != NULL && s[from] != '\0')
		from++;
	while (to > from && strchr("\"'`<>,;", s[to - 1]) != NULL && s[to - 1] != '\0')
		to--;
	return to - from == len ? 0 : wrap("", s + from, to - from, "", out);
}

static size_t secret_trim(const unsigned char *s, size_t len, unsigned char *out)
{
	size_t from = 0, to = len;

	while (from < to && isspace(s[from]))
		from++;
	while (to > from && isspace(s[to - 1]))
		to--;
	return to - from == len ? 0 : wrap("", s + from, to - from, "", out);
}

/* What stands behind FedaPay's prefix, or 0. */
static size_t prefix_len(const unsigned char *s, size_t len)
{
	static const char *const prefixes[] = {"wh_sandbox_", "wh_live_"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t n = strlen(prefixes[i]);

		if (len > n && memcmp(s, prefixes[i], n) == 0)
			return n;
	}
	return 0;
}

static size_t secret_bare(const unsigned char *s, size_t len, unsigned char *out)
{
	size_t skip = prefix_len(s, len);

	return skip == 0 ? 0 : wrap("", s + skip, len - skip, "", out);
}

static size_t decode_hex(const unsigned char *s, size_t len, unsigned char *out)
{
	size_t got = 0;

	if (sodium_hex2bin(out, SECRET_MAX, (const char *)s, len, NULL, &got, NULL) != 0)
		return 0;
	return got * 2 == len ? got : 0;
}

static size_t decode_base64(const unsigned char *s, size_t len, unsigned char *out)
{
	static const int variants[] = {sodium_base64_VARIANT_ORIGINAL,
		sodium_base64_VARIANT_ORIGINAL_NO_PADDING, sodium_base64_VARIANT_URLSAFE,
		sodium_base64_VARIANT_URLSAFE_NO_PADDING};

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		size_t got = 0;

		if (sodium_base642bin(out, SECRET_MAX, (const char *)s, len, NULL, &got, NULL,
			    variants[i]) == 0)
			return got;
	}
	return 0;
}

static size_t secret_hex(const unsigned char *s, size_t len, unsigned char *out)
{
	size_t skip = prefix_len(s, len);

	return decode_hex(s + skip, len - skip, out);
}

static size_t secret_base64(const unsigned char *s, size_t len, unsigned char *out)
{
	size_t skip = prefix_len(s, len);

	return decode_base64(s + skip, len - skip, out);
}

const struct diagnose_secret diagnose_secrets[DIAGNOSE_SECRETS] = {
	{NULL, NULL, NULL},
	{secret_trim, "the white space at the secret's ends is taken off", "it was copied along"},
	{secret_unquote, "the quotes at the secret's ends are taken off", "they were copied along"},
	{secret_newline, "a newline is put behind the secret",
		"the sender's secret ends in one: printf '%s' instead of echo"},
	{secret_crlf, "a CRLF is put behind the secret", "the sender's secret ends in one"},
	{secret_space_after, "a space is put behind the secret", "the sender's secret ends in one"},
	{secret_space_before, "a space is put before the secret",
		"the sender's secret begins with one"},
	{secret_double, "double quotes are put around the secret", "the sender's secret has them"},
	{secret_single, "single quotes are put around the secret", "the sender's secret has them"},
	{secret_hex, "the secret is decoded from hex",
		"the sender decodes it; FedaPay uses it as the text it is"},
	{secret_base64, "the secret is decoded from base64",
		"the sender decodes it; FedaPay uses it as the text it is"},
	{secret_bare, "the secret's prefix, up to the second _, is left out",
		"the sender leaves it out; FedaPay uses the whole"},
};

static bool scale_t(const char *header, size_t len, struct buf *out, bool down)
{
	struct diagnose_header h;
	int64_t t = 0;

	diagnose_header(header, len, &h);
	if (!h.t_number || h.t_len > 15)
		return false;
	for (size_t i = 0; i < h.t_len; i++)
		t = t * 10 + (h.t[i] - '0');
	if (down != (t >= DIAGNOSE_MILLISECONDS))
		return false;
	buf_add(out, header, (size_t)(h.t - header));
	buf_printf(out, "%" PRId64, down ? t / 1000 : t * 1000);
	buf_add(out, h.t + h.t_len, (size_t)(header + len - h.t) - h.t_len);
	return buf_ok(out);
}

static bool t_to_seconds(const char *header, size_t len, struct buf *out)
{
	return scale_t(header, len, out, true);
}

static bool t_to_milliseconds(const char *header, size_t len, struct buf *out)
{
	return scale_t(header, len, out, false);
}

static bool lower_case(const char *header, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		buf_add_char(out, (char)tolower((unsigned char)header[i]));
	return buf_ok(out) && len > 0 && memcmp(out->data, header, len) != 0;
}

static bool drop_spaces(const char *header, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++)
		if (strchr(" \t\r\n\"'", header[i]) == NULL || header[i] == '\0')
			buf_add_char(out, header[i]);
	return buf_ok(out) && out->len != len;
}

const struct diagnose_header_change diagnose_headers[DIAGNOSE_HEADERS] = {
	{NULL, false, NULL, NULL},
	{drop_spaces, false, "white space and quotes are taken out of the header",
		"they were copied along"},
	{lower_case, false, "the header is written in lower case",
		"the sender writes hex in upper case; FedaPay writes lower case"},
	{t_to_seconds, false, "the header's t is divided by 1000",
		"it is in milliseconds, but the signature was made over seconds"},
	{t_to_milliseconds, false, "the header's t is multiplied by 1000",
		"the signature was made over milliseconds, but t is in seconds"},
	{NULL, true, "the signature is over the body alone, without \"t.\" before it",
		"the sender signs in another way than FedaPay"},
};
