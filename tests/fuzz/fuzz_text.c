/* Bytes from outside on their way out: into JSON, onto a terminal, into a shell's word, and
 * what a script prints on its way into its attempt. */
#include "action/output.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/utf8.h"
#include "hookctl/curl_command.h"
#include "hookctl/output.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

/* With U+FFFD for what jansson does not accept as UTF-8. */
static void add_valid(struct buf *out, const char *text, size_t len)
{
	for (size_t at = 0, n; at < len; at += n) {
		json_t *one = NULL;

		for (n = 1; n <= 4 && n <= len - at && one == NULL; n++)
			one = json_stringn(text + at, n);
		n = one != NULL ? n - 1 : 1;
		if (one != NULL)
			buf_add(out, text + at, n);
		else
			buf_add_text(out, UTF8_REPLACEMENT);
		json_decref(one);
	}
}

static void try_json(const char *text, size_t len)
{
	struct buf out = {0}, valid = {0};
	json_t *back;

	buf_add_json(&out, text, len);
	add_valid(&valid, text, len);
	back = json_loadb(out.data, out.len, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	if (!json_is_string(back) || json_string_length(back) != valid.len ||
		(valid.len > 0 && memcmp(json_string_value(back), valid.data, valid.len) != 0))
		abort();
	json_decref(back);
	buf_free(&out);
	buf_free(&valid);
}

/* Printable UTF-8, no control character (C0, DEL, C1), on `lines` lines. */
static void check_printable(const struct buf *b, size_t lines)
{
	for (size_t i = 0; i < b->len;) {
		const unsigned char *p = (const unsigned char *)b->data + i;
		size_t n = utf8_sequence(p, b->len - i);

		if (n == 0 || (*p < ' ' && *p != '\n') || *p == 0x7f ||
			(n == 2 && p[0] == 0xc2 && p[1] < 0xa0) || (*p == '\n' && lines-- == 0))
			abort();
		i += n;
	}
}

static size_t lines_in(const char *text, size_t len)
{
	size_t lines = 1;

	for (size_t i = 0; i < len; i++)
		lines += text[i] == '\n';
	return lines;
}

static void try_escaped(const char *text, size_t len)
{
	struct buf out = {0};

	buf_add_escaped(&out, text, len, '"');
	check_printable(&out, 0);
	for (size_t i = 0; i < out.len; i++) {
		if (out.data[i] == '"')
			abort(); /* it would end there */
		i += out.data[i] == '\\';
	}
	buf_clear(&out);
	buf_add_escaped(&out, text, len, '\0');
	check_printable(&out, 0);
	buf_clear(&out);
	ctl_add_output(&out, "  | ", text, len);
	check_printable(&out, lines_in(text, len));
	buf_free(&out);
}

/* Reads one word as a POSIX shell does; returns what is after it. */
static const char *read_word(struct buf *out, const char *p)
{
	bool quoted = false;

	for (; *p != '\0' && (quoted || *p != ' '); p++) {
		if (*p == '\'')
			quoted = !quoted;
		else if (!quoted && *p == '\\' && p[1] != '\0')
			buf_add_char(out, *++p);
		else if (!quoted && strchr("$`\"\\|&;<>()*?[]#~!{}\n\t", *p) != NULL)
			abort(); /* special to a shell */
		else
			buf_add_char(out, *p);
	}
	if (quoted)
		abort();
	return p;
}

static void try_shell(const char *text, size_t len)
{
	struct buf out = {0}, back = {0};

	if (!curl_command_fits(text, len))
		return;
	curl_command_quote(&out, text, len);
	if (*read_word(&back, out.data) != '\0' || back.len != len ||
		(len > 0 && memcmp(back.data, text, len) != 0))
		abort();
	buf_free(&out);
	buf_free(&back);
}

/* In pieces, with little room: the first quarter and the end of it are kept. */
static void try_output(const char *text, size_t len, size_t cap)
{
	struct action_output o;
	size_t kept, head = cap / 4, tail = cap - head, piece = 1 + len % 5;
	char *out;

	action_output_init(&o, cap, 1, "hook", 1);
	for (size_t at = 0; at < len; at += piece)
		action_output_add(&o, text + at, len - at < piece ? len - at : piece);
	out = action_output_take(&o, &kept);
	if (len == 0 ? out != NULL : out == NULL)
		abort();
	if (len <= cap && (kept != len || (len > 0 && memcmp(out, text, len) != 0)))
		abort();
	if (len > cap && (kept < cap || memcmp(out, text, head) != 0 ||
				 memcmp(out + kept - tail, text + len - tail, tail) != 0))
		abort();
	free(out);
	action_output_free(&o);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	const char *text = (const char *)data + 1;

	if (size == 0)
		return 0;
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	try_json(text, size - 1);
	try_escaped(text, size - 1);
	try_shell(text, size - 1);
	try_output(text, size - 1, 1 + data[0]);
	return 0;
}
