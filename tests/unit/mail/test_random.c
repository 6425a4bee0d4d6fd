/* What is true of every mail: its form, and that it decodes to what was put in. */
#include "fixture.h"

#include <jansson.h>

#define TEN   "0123456789"
#define FIFTY TEN TEN TEN TEN TEN

/* Reads one =XX. */
static char read_hex(const char *at)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *high = strchr(digits, at[1]), *low;

	assert_true(high != NULL && *high != '\0');
	low = strchr(digits, at[2]);
	assert_true(low != NULL && *low != '\0');
	return (char)((high - digits) << 4 | (low - digits));
}

/* Decodes base64 without white space. */
static void decode_base64(struct buf *out, const char *text, size_t len)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	unsigned bits = 0, count = 0;

	assert_int_equal(len % 4, 0);
	for (size_t i = 0; i < len && text[i] != '='; i++) {
		const char *at = strchr(digits, text[i]);

		assert_non_null(at);
		bits = (bits << 6 | (unsigned)(at - digits)) & 0xffff;
		count += 6;
		if (count >= 8) {
			count -= 8;
			buf_add_char(out, (char)(bits >> count));
		}
	}
}

/* Length of the character at p, by code that is not ours; 0: not UTF-8. */
static size_t character(const char *p, size_t left)
{
	for (size_t n = 1; n <= 4 && n <= left; n++) {
		json_t *text = json_stringn(p, n);

		if (text != NULL) {
			json_decref(text);
			return n;
		}
	}
	return 0;
}

/* Decodes encoded words, and removes the spaces between two of them. Each word has at most
 * 75 bytes and is UTF-8 by itself. */
static void decode_words(struct buf *out, const char *text)
{
	while (*text != '\0') {
		const char *end =
			strncmp(text, "=?UTF-8?", 8) == 0 ? strstr(text + 10, "?=") : NULL;
		struct buf word = {0};

		if (end == NULL) {
			buf_add_char(out, *text++);
			continue;
		}
		assert_in_range(end + 2 - text, 13, 75);
		if (text[8] == 'B')
			decode_base64(&word, text + 10, (size_t)(end - text) - 10);
		for (const char *p = text + 10; text[8] == 'Q' && p < end; p++) {
			assert_int_not_equal(*p, ' ');
			buf_add_char(&word, *p == '=' ? read_hex(p) : *p == '_' ? ' ' : *p);
			p += *p == '=' ? 2 : 0;
		}
		for (size_t i = 0, n; i < word.len; i += n)
			assert_int_not_equal(n = character(word.data + i, word.len - i), 0);
		buf_add(out, word.data, word.len);
		buf_free(&word);
		text = end + 2;
		if (strncmp(text, " =?UTF-8?", 9) == 0)
			text++;
	}
}

static void decode_quoted_printable(struct buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text != '=') {
			buf_add_char(out, *text);
		} else if (strncmp(text, "=\r\n", 3) == 0) {
			text += 2;
		} else {
			buf_add_char(out, read_hex(text));
			text += 2;
		}
	}
}

/* What a reader must see: U+FFFD for each byte that is not UTF-8; in a body also for NUL,
 * and CRLF line ends. */
static void expected_text(struct buf *out, const char *text, size_t len, bool body)
{
	for (size_t i = 0, n; i < len; i += n) {
		size_t known = character(text + i, len - i);

		n = known > 0 ? known : 1;
		if (body && text[i] == '\r' && i + 1 < len && text[i + 1] == '\n')
			n = 2;
		if (body && (text[i] == '\r' || text[i] == '\n'))
			buf_add_text(out, "\r\n");
		else if (known == 0 || text[i] == '\0')
			buf_add_text(out, "\xef\xbf\xbd");
		else
			buf_add(out, text + i, n);
	}
	if (body && out->len > 0 && out->data[out->len - 1] != '\n')
		buf_add_text(out, "\r\n");
}

/* Splits off the header fields: "Name: value\n", unfolded. Returns the body. */
static const char *read_head(struct buf *fields, const char *message)
{
	const char *end = strstr(message, "\r\n\r\n");

	assert_non_null(end);
	for (const char *p = message; p < end; p++) {
		if (p[0] == '\r' && p[2] == ' ')
			p++;
		else if (p[0] == '\r')
			buf_add_char(fields, *++p);
		else
			buf_add_char(fields, *p);
	}
	buf_add_char(fields, '\n');
	return end + 4;
}

static void check_lines(const struct buf *message)
{
	size_t column = 0;
	bool head = true;

	assert_int_equal(strlen(message->data), message->len);
	assert_true(message->len >= 2 && message->data[message->len - 1] == '\n');
	for (size_t i = 0; i < message->len; i++) {
		unsigned char c = (unsigned char)message->data[i];

		assert_true(c == '\r' || c == '\n' || c == '\t' || (c >= 0x20 && c < 0x7f));
		if (c == '\n') {
			assert_true(i > 0 && message->data[i - 1] == '\r');
			head = head && column > 1;
			column = 0;
			continue;
		}
		assert_true(c != '\r' || message->data[i + 1] == '\n');
		column++;
		assert_in_range(column, 0, head ? 76 + 1 : 998 + 1); /* with its CR */
	}
}

/* The names of the fields, in order. */
static void check_fields(const char *fields, bool subject)
{
	static const char *const names[] = {"Date", "From", "To", "Message-ID", "Subject",
		"Auto-Submitted", "MIME-Version", "Content-Type", "Content-Transfer-Encoding"};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t len = strlen(names[i]);

		if (!subject && i == 4)
			continue;
		assert_memory_equal(fields, names[i], len);
		assert_memory_equal(fields + len, ": ", 2);
		assert_int_not_equal(fields[len + 2], '\n');
		fields = strchr(fields, '\n') + 1;
	}
	assert_string_equal(fields, "");
}

static void check_value(const char *fields, const char *name, const struct buf *expected)
{
	struct buf start = {0}, value = {0}, decoded = {0};
	const char *at;

	buf_printf(&start, "\n%s: ", name);
	at = strstr(fields, start.data);
	assert_non_null(at);
	at += start.len;
	buf_add(&value, at, (size_t)(strchr(at, '\n') - at));
	decode_words(&decoded, value.data);
	assert_string_equal(decoded.data, expected->data);
	buf_free(&start);
	buf_free(&value);
	buf_free(&decoded);
}

static unsigned roll(unsigned *seed)
{
	*seed = *seed * 1664525U + 1013904223U;
	return *seed >> 8;
}

/* Pieces that break careless writers, and random bytes. */
static void add_random(struct buf *out, unsigned *seed, bool header)
{
	static const char *const pieces[] = {"é", "日本", "😀", "=?", "?=", "=?UTF-8?Q?=0A?=", " ",
		"  ", ".", "=", "_", "\"", "\\", "<", ">", ",", "@", "word", "a-rather-long-word",
		FIFTY, "\xff", "\xc3", "\xed\xa0\x80", "\xf0\x9f\x98", "Bcc: x@y.z",
		/* not in a header */
		"\r", "\n", "\r\n", "\n.\n", "\r.\r", "\n.\r\n", ".\r\n", "From ", "\nFrom ", "\t",
		"\x01", "\x7f", "\xc2\x85", "\xe2\x80\xa8", FIFTY FIFTY FIFTY FIFTY FIFTY};
	size_t count = header ? 25 : sizeof(pieces) / sizeof(pieces[0]);

	for (unsigned n = roll(seed) % 40; n > 0; n--) {
		if (roll(seed) % 4 == 0) {
			unsigned c = roll(seed) % 256;

			if (!header || (c >= 0x20 && c != 0x7f && (c < 0x80 || c >= 0xa0)))
				buf_add_char(out, (char)c);
		} else {
			buf_add_text(out, pieces[roll(seed) % count]);
		}
	}
	buf_add(out, "", 0); /* not NULL */
}

/* In a header field, random bytes may contain a control character; then it is refused. */
static bool is_refused(const struct buf *text)
{
	for (size_t i = 0; i + 1 < text->len; i++) {
		const unsigned char *p = (const unsigned char *)text->data + i;

		if (p[0] == 0xc2 && p[1] >= 0x80 && p[1] < 0xa0)
			return true;
		if (i + 2 < text->len && p[0] == 0xe2 && p[1] == 0x80 &&
			(p[2] == 0xa8 || p[2] == 0xa9))
			return true;
	}
	return false;
}

/* A mail with random contents has the right form, and reads back. */
static void check_random(unsigned *seed)
{
	struct buf subject = {0}, name = {0}, text = {0}, fields = {0}, got = {0}, expected = {0};
	struct fixture f;
	const char *body;

	start(&f);
	add_random(&subject, seed, true);
	add_random(&name, seed, true);
	add_random(&text, seed, false);
	buf_add_text(&name, "é"); /* makes it encoded; quoted names are tested elsewhere */
	f.mail.subject = subject.data;
	f.mail.subject_len = subject.len;
	f.mail.text = text.data;
	f.mail.text_len = text.len;
	f.mail.from.name = name.data;
	if (is_refused(&subject) || is_refused(&name)) {
		assert_false(mail_write(&f.mail, &f.out, f.why));
		goto out;
	}
	write_mail(&f);
	check_lines(&f.out);
	body = read_head(&fields, f.out.data);
	check_fields(fields.data, strspn(subject.data, " ") < subject.len);
	if (strspn(subject.data, " ") < subject.len) {
		expected_text(&expected, subject.data, subject.len, false);
		check_value(fields.data, "Subject", &expected);
	}
	buf_clear(&expected);
	expected_text(&expected, name.data, name.len, false);
	buf_add_text(&expected, " <no-reply@example.com>");
	check_value(fields.data, "From", &expected);

	buf_clear(&expected);
	expected_text(&expected, text.data, text.len, true);
	if (strstr(fields.data, "quoted-printable") != NULL)
		decode_quoted_printable(&got, body);
	else
		buf_add_text(&got, body);
	assert_int_equal(got.len, expected.len);
	if (got.len > 0)
		assert_memory_equal(got.data, expected.data, got.len);
	for (const char *p = f.out.data; (p = strstr(p, "\r\n")) != NULL; p += 2)
		assert_true(strncmp(p + 2, ".\r\n", 3) != 0 && strncmp(p + 2, "From ", 5) != 0);
out:
	buf_free(&subject);
	buf_free(&name);
	buf_free(&text);
	buf_free(&fields);
	buf_free(&got);
	buf_free(&expected);
	finish(&f);
}

static void any_mail_reads_back(void **state)
{
	(void)state;
	unsigned seed = 42;

	for (int i = 0; i < 3000; i++)
		check_random(&seed);
}

static void a_huge_mail_keeps_to_the_rules(void **state)
{
	(void)state;
	static const char *const fills[] = {"x", "é", "\n", "\r", ".", "\xff", "a b ", ".\n", "=?"};
	size_t len = (size_t)1 << 20;
	char *text = malloc(len);

	assert_non_null(text);
	for (size_t i = 0; i < sizeof(fills) / sizeof(fills[0]); i++) {
		struct fixture f;
		struct buf got = {0}, expected = {0};
		const char *body;

		for (size_t k = 0; k < len; k++)
			text[k] = fills[i][k % strlen(fills[i])];
		start(&f);
		f.mail.text = text;
		f.mail.text_len = len;
		if (strpbrk(fills[i], "\r\n") == NULL) {
			f.mail.subject = text;
			f.mail.subject_len = len;
		}
		write_mail(&f);
		check_lines(&f.out);
		body = strstr(f.out.data, "\r\n\r\n") + 4;
		if (strstr(f.out.data, "quoted-printable") != NULL)
			decode_quoted_printable(&got, body);
		else
			buf_add_text(&got, body);
		expected_text(&expected, text, len, true);
		assert_int_equal(got.len, expected.len);
		assert_memory_equal(got.data, expected.data, got.len);
		buf_free(&got);
		buf_free(&expected);
		finish(&f);
	}
	free(text);
}

static void a_huge_file_reads_back(void **state)
{
	(void)state;
	size_t len = ((size_t)1 << 20) + 1;
	char *bytes = malloc(len), *at;
	struct buf got = {0};
	struct fixture f;

	assert_non_null(bytes);
	for (size_t i = 0; i < len; i++)
		bytes[i] = (char)(i * 7 + i / 251);
	start(&f);
	set_file(&f, bytes, len);
	write_mail(&f);
	check_lines(&f.out);
	at = strstr(f.out.data, "base64\r\n\r\n");
	assert_non_null(at);
	for (at += strlen("base64\r\n\r\n"); *at != '\r'; at = strstr(at, "\r\n") + 2) {
		size_t columns = strcspn(at, "\r");

		assert_in_range(columns, 1, 76);
		decode_base64(&got, at, columns);
	}
	assert_int_equal(got.len, len);
	assert_memory_equal(got.data, bytes, len);
	buf_free(&got);
	free(bytes);
	finish(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_mail_reads_back),
		cmocka_unit_test(a_huge_mail_keeps_to_the_rules),
		cmocka_unit_test(a_huge_file_reads_back),
	};
	setenv("TZ", "WAT-1", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
