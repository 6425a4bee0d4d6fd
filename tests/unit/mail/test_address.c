#include "mail/mail.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LABEL_50 "abcdefghijabcdefghijabcdefghijabcdefghijabcdefghij"
#define LABEL_63 LABEL_50 "abcdefghijklm"

/* "name|mailbox" of each address, each with a line end. */
static char *listed(const struct mail_addresses *a)
{
	struct buf b = {0};

	for (size_t i = 0; i < a->count; i++)
		buf_printf(&b, "%s|%s\n", a->list[i].name != NULL ? a->list[i].name : "-",
			a->list[i].mailbox);
	return buf_take(&b);
}

static void check_list(const char *text, size_t len, const char *expected)
{
	struct mail_addresses a = {0};
	char why[MAIL_WHY] = "", *got;

	if (!mail_addresses_add(&a, text, len, why))
		fail_msg("%s: %s", text, why);
	got = listed(&a);
	assert_string_equal(got, expected);
	free(got);
	mail_addresses_free(&a);
	assert_null(a.list);
}

static void addresses_are_read(void **state)
{
	(void)state;
	static const char *const rows[][2] = {
		{"", ""},
		{"   ", ""},
		{" , ,", ""},
		{"awa@example.com", "-|awa@example.com\n"},
		{"  awa@example.com  ", "-|awa@example.com\n"},
		{"<awa@example.com>", "-|awa@example.com\n"},
		{"< awa@example.com >", "-|awa@example.com\n"},
		{"Awa Dossou <awa@example.com>", "Awa Dossou|awa@example.com\n"},
		{"Awa<awa@example.com>", "Awa|awa@example.com\n"},
		{"J. R. D'Almeida <j@example.com>", "J. R. D'Almeida|j@example.com\n"},
		{"\"Dossou, Awa\" <awa@example.com>", "Dossou, Awa|awa@example.com\n"},
		{"\"a \\\"b\\\" \\\\c\" <a@b.c>", "a \"b\" \\c|a@b.c\n"},
		{"\"x <y@z.com>\" <a@b.c>", "x <y@z.com>|a@b.c\n"},
		{"\"\" <a@b.c>", "-|a@b.c\n"},
		{"\"  \" <a@b.c>", "-|a@b.c\n"},
		{"Ganiou Adébáyọ̀ <a@b.c>", "Ganiou Adébáyọ̀|a@b.c\n"},
		{"\"é\\é\" <a@b.c>", "éé|a@b.c\n"},
		{"a@b.c,d@e.f", "-|a@b.c\n-|d@e.f\n"},
		{"a@b.c, , D <d@e.f>,", "-|a@b.c\nD|d@e.f\n"},
		{"\"A, B\" <a@b.c>, \"C\" <c@d.e>", "A, B|a@b.c\nC|c@d.e\n"},
		{"root@localhost", "-|root@localhost\n"},
		{"a.b+c@x-y.example", "-|a.b+c@x-y.example\n"},
		{"!#$%&'*+-/=?^_`{|}~@example.com", "-|!#$%&'*+-/=?^_`{|}~@example.com\n"},
		{"\"a b\"@example.com", "-|\"a b\"@example.com\n"},
		{"\"a@b,<c>\"@example.com", "-|\"a@b,<c>\"@example.com\n"},
		{"\"a\\\"b\"@example.com", "-|\"a\\\"b\"@example.com\n"},
		{"A <\"a b\"@example.com>", "A|\"a b\"@example.com\n"},
		{"a@xn--bnin-bpa.example", "-|a@xn--bnin-bpa.example\n"},
		{"awa@bénin.example", "-|awa@xn--bnin-bpa.example\n"},
		{"A <awa@BÉNIN.Example>", "A|awa@xn--bnin-bpa.example\n"},
		{"éa@bénin.example", "-|éa@xn--bnin-bpa.example\n"},
		{"a@1.2.3.example", "-|a@1.2.3.example\n"},
		{"a@" LABEL_63 ".example", "-|a@" LABEL_63 ".example\n"},
		{"=?utf-8?Q?x?= <a@b.c>", "=?utf-8?Q?x?=|a@b.c\n"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_list(rows[i][0], strlen(rows[i][0]), rows[i][1]);
}

static void names_become_valid_utf8(void **state)
{
	(void)state;

	static const char *const rows[][2] = {
		{"J\xe9r\xf4me <a@b.c>", "J\xef\xbf\xbdr\xef\xbf\xbdme|a@b.c\n"},
		{"\"\xc0\x8a\" <a@b.c>", "\xef\xbf\xbd\xef\xbf\xbd|a@b.c\n"},
		{"\"\\\xc3\" <a@b.c>", "\xef\xbf\xbd|a@b.c\n"},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_list(rows[i][0], strlen(rows[i][0]), rows[i][1]);
}

static void check_refused_bytes(const char *text, size_t len, const char *expected)
{
	struct mail_addresses a = {0};
	char why[MAIL_WHY] = "";

	assert_true(mail_addresses_add(&a, "first@example.com", 17, why));
	if (mail_addresses_add(&a, text, len, why))
		fail_msg("%s was taken", text);
	if (strstr(why, expected) == NULL)
		fail_msg("%s: expected \"%s\"", why, expected);
	for (const char *p = why; *p != '\0'; p++)
		assert_false((unsigned char)*p < 0x20 || *p == 0x7f);
	/* the list is unchanged */
	assert_int_equal(a.count, 1);
	assert_string_equal(a.list[0].mailbox, "first@example.com");
	mail_addresses_free(&a);
}

static void check_refused(const char *text, const char *expected)
{
	check_refused_bytes(text, strlen(text), expected);
}

static void errors_are_explained(void **state)
{
	(void)state;

	check_refused("awa", "\"awa\" has no @: expected an address such as name@example.com");
	check_refused("good@example.com, awa", "\"awa\" has no @");
	check_refused("Dossou, Awa <a@b.c>", "\"Dossou\" has no @");
	check_refused("a b@example.com", "\"a b@example.com\" has a space before its @");
	check_refused("@example.com", "\"@example.com\" has a bad part before its @");
	check_refused(".a@b.c", "bad part before");
	check_refused("a.@b.c", "bad part before");
	check_refused("a..b@c.d", "bad part before");
	check_refused("a\"b@c.d", "has a double quote without the closing one");
	check_refused("\"a\"b@c.d", "bad part before");
	check_refused("a(comment)@b.c", "bad part before");
	check_refused("=?x?q?a=40b=3e?=@c.d", "bad part before");
	check_refused("a@", "bad domain: expected letters, digits, hyphens and dots");
	check_refused("a@b c", "bad domain");
	check_refused("a@b@c", "bad domain");
	check_refused("a@b.", "bad domain");
	check_refused("a@.b", "bad domain");
	check_refused("a@b..c", "bad domain");
	check_refused("a@-b.c", "bad domain");
	check_refused("a@b-.c", "bad domain");
	check_refused("a@b_c.d", "bad domain");
	check_refused("a@[192.0.2.1]", "bad domain");
	check_refused("a@192.0.2.1", "bad domain");
	check_refused("a@b.c (Awa)", "bad domain");
	check_refused("a@b.c; d@e.f", "bad domain");
	check_refused("a@" LABEL_63 "x.example", "bad domain");
	check_refused("-oQ/tmp@example.com", "starts with \"-\"");
	check_refused("A <-f@example.com>", "starts with \"-\"");
	check_refused("\"-f\"@example.com", "starts with \"-\"");
	check_refused("awa@bé nin.example", "bad domain");
	check_refused("awa@bé\xe3\x80\x80nin.example", "has a character that cannot be seen");
	check_refused("awa@bé..example", "domain");
	check_refused("awa@é.\xef\xbc\x91", "bad domain");
	check_refused("awa@\xe2\x98\x83.example", "has a domain that is none in IDNA");
	check_refused("a\xe2\x80\x8b@example.com", "has a character that cannot be seen");
	check_refused("a\xff@example.com", "is not UTF-8");
	check_refused("é a@example.com", "has a space before its @");
	check_refused("A <a@b.c", "has no > at its end");
	check_refused("A <a@b.c> B", "has no > at its end");
	check_refused("A <>", "has nothing between < and >");
	check_refused("A <", "has no > at its end");
	check_refused("<@a.example:b@c.d>", "bad part before");
	check_refused("Friends: a@b.c, d@e.f;", "has a space before its @");
	check_refused("A (B) <a@b.c>", "has a name that needs double quotes around it");
	check_refused("A @ B <a@b.c>", "has a name that needs double quotes around it");
	check_refused("\"A\" B <a@b.c>", "has text between its quoted name and its <");
	check_refused("A \"B\" <a@b.c>", "has a name that needs double quotes around it");
	check_refused("\"A <a@b.c>", "has a double quote without the closing one");
	check_refused("\"A\\\" <a@b.c>", "has a double quote without the closing one");
	check_refused("A <a@b.c> <d@e.f>", "bad domain");
}

static void too_long_is_refused(void **state)
{
	(void)state;
	static const char domain[] = "@" LABEL_50 "." LABEL_50 "." LABEL_50 ".example"; /* 161 */
	char text[600];
	struct mail_addresses a = {0};
	char why[MAIL_WHY];

	memset(text, 'a', sizeof(text));
	memcpy(text + 254 - strlen(domain), domain, sizeof(domain));
	assert_true(mail_addresses_add(&a, text, 254, why));
	assert_int_equal(strlen(a.list[0].mailbox), 254);
	mail_addresses_free(&a);

	memset(text, 'a', sizeof(text));
	memcpy(text + 255 - strlen(domain), domain, sizeof(domain));
	check_refused(text, "aaa…\" is longer than 254 bytes");

	memcpy(text, "a@", 2);
	for (size_t i = 0; i < 254; i++)
		text[2 + i] = i % 50 == 49 ? '.' : 'b';
	check_refused_bytes(text, 2 + 254, "bad domain");
}

/* Everything that a parser of headers or SMTP, or a terminal, takes for a line break or a command,
 * in each place of an address. */
static void control_characters_are_refused(void **state)
{
	(void)state;
	static const char *const controls[] = {"\r\n", "\r", "\n", "\t", "\x01", "\x1b[2J", "\x7f",
		"\xc2\x80", "\xc2\x85", "\xc2\x9f", "\xe2\x80\xa8", "\xe2\x80\xa9"};
	static const char *const places[] = {"%sa@b.c", "a%sb@c.d", "a@b%s.c", "a@b.c%s",
		"\"a%sb\"@c.d", "A%s <a@b.c>", "\"A%sB\" <a@b.c>", "\"A\\%s\" <a@b.c>",
		"A <a@b.c%s>", "a@b.c,%sd@e.f"};
	char text[100];

	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		for (size_t k = 0; k < sizeof(places) / sizeof(places[0]); k++) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
			(void)snprintf(text, sizeof(text), places[k], controls[i]);
#pragma GCC diagnostic pop
			check_refused(text, "has a control character");
		}
	}
	check_refused_bytes("a@b.c\0", 6, "\"a@b.c\\x00\" has a control character");
	check_refused_bytes("a\0@b.c", 6, "has a control character");
	check_refused("a@b.c\r\nBcc: x@y.z", "\"a@b.c\\r\\nBcc: x@y.z\" has a control");
}

static void there_is_a_limit_to_their_number(void **state)
{
	(void)state;
	struct mail_addresses a = {0};
	struct buf text = {0};
	char why[MAIL_WHY] = "";

	for (int i = 0; i < MAIL_ADDRESSES; i++)
		buf_printf(&text, "a%d@example.com,", i);
	assert_true(mail_addresses_add(&a, text.data, text.len, why));
	assert_int_equal(a.count, MAIL_ADDRESSES);
	assert_false(mail_addresses_add(&a, "more@example.com", 16, why));
	assert_string_equal(why, "\"more@example.com\" is one address too many");
	assert_int_equal(a.count, MAIL_ADDRESSES);
	mail_addresses_free(&a);

	buf_add_text(&text, "more@example.com");
	assert_false(mail_addresses_add(&a, text.data, text.len, why));
	assert_int_equal(a.count, 0);
	mail_addresses_free(&a);
	buf_free(&text);
}

static void a_huge_text_fails_softly(void **state)
{
	(void)state;
	size_t len = (size_t)1 << 20;
	char *text = malloc(len);

	assert_non_null(text);
	memset(text, 'a', len);
	check_refused_bytes(text, len, "aaa…\" has no @");
	memset(text, '"', len);
	check_refused_bytes(text, len, "has no @");
	memset(text, '<', len);
	check_refused_bytes(text, len, "has no > at its end");
	memset(text, ',', len);
	check_list(text, len, "");
	memset(text, '\xc3', len);
	check_refused_bytes(text, len, "is not UTF-8");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses_are_read),
		cmocka_unit_test(names_become_valid_utf8),
		cmocka_unit_test(errors_are_explained),
		cmocka_unit_test(too_long_is_refused),
		cmocka_unit_test(control_characters_are_refused),
		cmocka_unit_test(there_is_a_limit_to_their_number),
		cmocka_unit_test(a_huge_text_fails_softly),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
