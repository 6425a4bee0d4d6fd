/* Places of values: what is escaped in each, what is refused there. */
#include "rule/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(rows) (sizeof(rows) / sizeof((rows)[0]))

/* Renders with x as the value of x, y is "why". Returns "" and out; or the reason. */
static const char *render(enum template_kind kind, const char *text, const char *x, struct buf *out)
{
	static char why[TEMPLATE_WHY];
	struct fault fault = {0};
	struct template *t = template_parse(text, strlen(text), kind, &fault);
	json_t *document = json_pack("{s:s, s:s}", "x", x, "y", "why");

	if (t == NULL)
		fail_msg("%s: %s", text, fault.what);
	buf_clear(out);
	if (template_render(t, document, TEMPLATE_REFUSE, out, why) == TEMPLATE_OK)
		assert_string_equal(why, "");
	json_decref(document);
	template_free(t);
	return why;
}

static void expect_parse_fault(
	enum template_kind kind, const char *text, size_t at, const char *part)
{
	struct fault fault = {0};
	struct template *t = template_parse(text, strlen(text), kind, &fault);

	if (t != NULL)
		fail_msg("%s: not refused", text);
	if (fault.at != at || strstr(fault.what, part) == NULL)
		fail_msg("%s: %zu: %s", text, fault.at, fault.what);
}

static void html_where_escaping_is_not_enough(void **state)
{
	static const struct {
		const char *text, *part;
	} rows[] = {
		{"<a href={{x}}>", "without quotes"},
		{"<a href= {{x}}>", "without quotes"},
		{"<img alt=a{{x}} >", "without quotes"},
		{"<p title=\"a\" class={{x | html}}>", "without quotes"},
		{"<p {{x}}>", "in a tag"},
		{"<p a{{x}}=\"1\">", "in a tag"},
		{"<{{x}}>", "in a tag"},
		{"</{{x}}>", "in a tag"},
		{"<p{{x}}>", "in a tag"},
		{"<p a/=\"{{x}}\">", "in a tag"},
		{"<p onclick=\"f('{{x}}')\">", "a program, a style"},
		{"<p ONMouseOver='{{x | url}}'>", "a program, a style"},
		{"<p style=\"color: {{x}}\">", "a program, a style"},
		{"<p title='y' STYLE = '{{x | html}}'>", "a program, a style"},
		{"<img srcset=\"{{x}} 2x\">", "a program, a style"},
		{"<iframe srcdoc=\"{{x}}\">", "a program, a style"},
		{"<meta http-equiv=refresh content=\"0;url={{x}}\">", "a program, a style"},
		{"<script>var a = \"{{x}}\";</script>", "in a script"},
		{"<script>a</scriptx>{{x | json}}</script>", "in a script"},
		{"<STYLE>{{x}}</style>", "in a script"},
		{"<title>a</title><style>\np { color: {{x}} }</style>", "in a script"},
		{"<iframe>{{x}}</iframe>", "in a script"},
		{"<!-- {{x}} -->", "in a comment"},
		{"<!--> --><!-- - -- {{x}}", "in a comment"},
		{"<!doctype {{x}}>", "in a comment"},
		{"<?php {{x}} ?>", "in a comment"},
		{"</ {{x}}>", "in a comment"},
		{"<a href=\"{{x}}\">", "may choose where a link leads"},
		{"<a href=\"{{x | url}}\">", "may choose where a link leads"},
		{"<a href='{{x | html}}'>", "may choose where a link leads"},
		{"<a href=\"https:{{x}}\">", "may choose where a link leads"},
		{"<a href=\"https://{{x | url}}\">", "may choose where a link leads"},
		{"<a href=\"https://{{x}}/a\">", "may choose where a link leads"},
		{"<a href=\"https://shop.example{{x}}\">", "may choose where a link leads"},
		{"<a href=\"https://shop.example&#47;{{x}}\">", "may choose where a link leads"},
		{"<a href=\"//{{x}}\">", "may choose where a link leads"},
		{"<a href=\"/&#47;{{x}}\">", "may choose where a link leads"},
		{"<a href=\"/\t/{{x}}\">", "may choose where a link leads"},
		{"<a href=\"/\\{{x}}\">", "may choose where a link leads"},
		{"<a href=\"javascript:f('{{x}}')\">", "may choose where a link leads"},
		{"<a href=\"data:text/html,{{x}}\">", "may choose where a link leads"},
		{"<IMG SRC = '{{x}}'>", "may choose where a link leads"},
		{"<form action=\"{{x}}\">", "may choose where a link leads"},
		{"<td background=\"{{x}}\">", "may choose where a link leads"},
		{"<svg><use xlink:href=\"{{x}}\"/>", "may choose where a link leads"},
		{"<a href=\"https://shop.example/{{x | html}}\">", "in a link"},
		{"<p {{x | raw | trim}}>", "in a tag"},
	};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++)
		expect_parse_fault(TEMPLATE_HTML, rows[i].text,
			(size_t)(strstr(rows[i].text, "{{") - rows[i].text), rows[i].part);
}

static void html_escaped(void **state)
{
	static const struct {
		const char *text, *x, *out; /* out NULL: refused for this value */
	} rows[] = {
		{"<p>{{x}}</p>", "<b>&\"'", "<p>&lt;b&gt;&amp;&quot;&#39;</p>"},
		{"1 < 2 {{x}}", "<", "1 < 2 &lt;"},
		{"<p title=\"{{x}}\" alt='{{x}}'>{{x}}", "\"'>",
			"<p title=\"&quot;&#39;&gt;\" alt='&quot;&#39;&gt;'>&quot;&#39;&gt;"},
		{"<title>{{x}}</title><textarea>{{x}}", "</title>",
			"<title>&lt;/title&gt;</title><textarea>&lt;/title&gt;"},
		{"<script>a</script >{{x}}", "<", "<script>a</script >&lt;"},
		{"<style>p { a: b }</style><!-- a --><p style=\"a: b\">{{x}}", "<",
			"<style>p { a: b }</style><!-- a --><p style=\"a: b\">&lt;"},
		{"<!--[if mso]><p><![endif]-->{{x}}", ">", "<!--[if mso]><p><![endif]-->&gt;"},
		{"<!doctype html><p>{{x}}", "<", "<!doctype html><p>&lt;"},
		{"<a href=\"https://shop.example/{{x}}\">", "a/../b?c&\"",
			"<a href=\"https://shop.example/a%2F..%2Fb%3Fc%26%22\">"},
		{"<a href='HTTPS://shop.example/a?b={{x | url}}#{{y}}'>", "é&='",
			"<a href='HTTPS://shop.example/a?b=%C3%A9%26%3D%27#why'>"},
		{"<a href=\"https://shop.example?{{x}}\">", "a b",
			"<a href=\"https://shop.example?a%20b\">"},
		{"<a href=\"/orders/{{x}}\">", "//evil", "<a href=\"/orders/%2F%2Fevil\">"},
		{"<a href=\"/{{x}}\">", "/evil", "<a href=\"/%2Fevil\">"},
		{"<a href=\"#{{x}}\">", "<", "<a href=\"#%3C\">"},
		{"<a href=\"mailto:{{x}}?subject=a\">", "a@b?bcc=c&body=\"",
			"<a href=\"mailto:a@b%3Fbcc%3Dc%26body%3D%22?subject=a\">"},
		{"<a href=\"tel:{{x}}\">", "+229 1", "<a href=\"tel:+229%201\">"},
		{"<a href=\"https://shop.example/{{x}}/a\">", "..", NULL},
		{"<a href=\"https://shop.example/{{x | url}}/a\">", ".", NULL},
		{"<a href=\"{{x | html | raw}}\">", "https://a/?b&\"",
			"<a href=\"https://a/?b&amp;&quot;\">"},
		{"<p {{x | raw}}>{{x | raw}}", "a", "<p a>a"},
		{"<p>{{x | html | json}}", "\"", "<p>&quot;&amp;quot;&quot;"},
		{"<p>{{x | raw | default: 'z'}}", "<b>", "<p><b>"},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *why = render(TEMPLATE_HTML, rows[i].text, rows[i].x, &out);

		if (rows[i].out == NULL)
			assert_true(why[0] != '\0');
		else if (why[0] != '\0' || strcmp(rows[i].out, out.data) != 0)
			fail_msg("%s: %s: %s", rows[i].text, out.data, why);
	}
	buf_free(&out);
}

static void urls(void **state)
{
	static const struct {
		const char *text, *x, *out, *why;
	} rows[] = {
		{"http://h/a/{{x}}/b?c={{x}}#{{x}}", "/?#&=é",
			"http://h/a/%2F%3F%23%26%3D%C3%A9/b?c=%2F%3F%23%26%3D%C3%A9#%2F%3F%23%26%3D"
			"%C3%A9",
			""},
		{"http://h/a/{{x}}/paid", "", NULL, "x is empty"},
		{"http://h/a/{{x}}", "", NULL, "x is empty"},
		{"http://h/{{x}}?a", "", NULL, "x is empty"},
		{"http://h/a/{{x | trim}}/b", "  ", NULL, "x is empty"},
		{"http://h/a/{{x | default: ''}}/b", "", NULL, "x is empty"},
		{"http://h/a/{{x | raw}}/b", "", NULL, "x is empty"},
		{"http://h/a/{{x}}{{x}}/b", "", NULL, "x is empty"},
		{"http://{{y}}/a/{{x}}/b", "", NULL, "x is empty"},
		{"{{y}}/a/{{x}}/b", "", NULL, "x is empty"},
		{"http://h/a/{{x | default: 'none'}}/b", "", "http://h/a/none/b", ""},
		{"http://h/a-{{x}}/b?c={{x}}", "", "http://h/a-/b?c=", ""},
		{"http://h//a/{{y}}/", "", "http://h//a/why/", ""},
		{"http://h/a/{{x}}/b", ".", NULL, "a segment . or .."},
		{"http://h/a/{{x}}/b", "..", NULL, "a segment . or .."},
		{"http://h/a/{{x}}./b", ".", NULL, "a segment . or .."},
		{"http://h/a/%2e{{x}}/b", ".", NULL, "a segment . or .."},
		{"http://h/a/{{x}}{{x}}/b", ".", NULL, "a segment . or .."},
		{"http://h/a/.{{x}}", "", NULL, "a segment . or .."},
		{"http://h/a/{{x | raw}}", "b/../c", NULL, "a segment . or .."},
		{"http://h/a/{{x | raw}}", "%2E%2e/c", NULL, "a segment . or .."},
		{"http://h/a/{{x | raw}}", "b/?../c", "http://h/a/b/?../c", ""},
		{"http://h/a/{{x}}/b", "...", "http://h/a/.../b", ""},
		{"http://h/?a={{x}}", "..", "http://h/?a=..", ""},
		{"http://{{x}}:8080/a", "a.example", "http://a.example:8080/a", ""},
		{"http://{{x}}/a", "é.example", "http://é.example/a", ""},
		{"http://{{x}}:80/a", "[::1]", "http://[::1]:80/a", ""},
		{"http://{{x}}/a", "b/c", NULL, "no host or port"},
		{"http://{{x}}/a", "b?c", NULL, "no host or port"},
		{"http://{{x}}/a", "b@c", NULL, "no host or port"},
		{"http://{{x}}/a", "b#", NULL, "no host or port"},
		{"http://{{x}}/a", "b\\c", NULL, "no host or port"},
		{"http://a:{{x}}/", "80/b", NULL, "no host or port"},
		{"{{x}}", "https://a/b//c?d", "https://a/b//c?d", ""},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *why = render(TEMPLATE_URL, rows[i].text, rows[i].x, &out);

		if (strstr(why, rows[i].why) == NULL || (rows[i].why[0] == '\0' && why[0] != '\0'))
			fail_msg("%s of \"%s\": %s (%s)", rows[i].text, rows[i].x, why, out.data);
		if (rows[i].out != NULL)
			assert_string_equal(out.data, rows[i].out);
	}
	buf_free(&out);
}

static void addresses(void **state)
{
	static const struct {
		const char *text, *x, *out; /* out NULL: refused for this value */
	} rows[] = {
		{"{{x}}", "a@b", "a@b"},
		{"{{x}}, {{y}}", "a, c", "a, c\n why"},
		{"{{x}} <a@b>", "Dupont, Jean", "\"Dupont, Jean\" <a@b>"},
		{"{{x}} <a@b>", "a\", \\", "\"a\\\", \\\\\" <a@b>"},
		{"{{x}} <a@b>", "c <d@e>", NULL},
		{"\"{{x}}\" <a@b>", "c\" <d@e>", NULL},
		{"c@d,{{x}}<a@b>", "e", "c@d\n\"e\"<a@b>"},
		{"{{x}} <a@b>", "", " <a@b>"},
		{"\"The {{x}}, Ltd\" <a@b>", "\"a\\", "\"The \\\"a\\\\, Ltd\" <a@b>"},
		{"\"a\\\"{{x}}, b\" <a@b>", "\"", "\"a\\\"\\\", b\" <a@b>"},
		{"{{x}}", "a\r\nb", NULL},
		{"{{x}} <a@b>", "a\nb", NULL},
		{"\"{{x}}\" <a@b>", "a\x7f", NULL},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *why = render(TEMPLATE_ADDRESSES, rows[i].text, rows[i].x, &out);

		if (rows[i].out == NULL)
			assert_true(why[0] != '\0');
		else if (why[0] != '\0' || strcmp(rows[i].out, out.data) != 0)
			fail_msg("%s: %s: %s", rows[i].text, out.data, why);
	}
	buf_free(&out);
}

static void lines_of_a_text(void **state)
{
	static const struct {
		const char *text, *x, *out;
	} rows[] = {
		{"a {{x}}.", "b\nc", "a b c."},
		{"a {{x}}.", "b \r\n\r\n c", "a b c."},
		{"a {{x}}.", "\n\tb\v\f", "a b."},
		{"a {{x}}.",
			"b\u2028c\u2029d\xc2\x85"
			"e\x1b[31m",
			"a b c d e [31m."},
		{"a {{x}}.", "b\u202ec\u2066d\u2069", "a bcd."},
		{"a {{x}}.", "b  c\xc2\xa0", "a b  c\xc2\xa0."},
		{"a {{x}}.", "\n\u202e \n", "a ."},
		{"a {{x | raw}}.", "b\nc", "a b\nc."},
		{"a {{x | raw | trim}}.", "b\nc", "a b c."},
		{"a {{x | json}}.", "b\nc", "a \"b\\nc\"."},
		{"a {{x | default: '1\\n2'}}.", "", "a 1\n2."},
		{"a\n{{x | line | truncate: 3}}.", "b\nc\nd", "a\nb …."},
	};
	struct buf out = {0};

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		const char *why = render(TEMPLATE_BODY, rows[i].text, rows[i].x, &out);

		if (why[0] != '\0' || strcmp(rows[i].out, out.data) != 0)
			fail_msg("%s: %s: %s", rows[i].text, out.data, why);
	}
	assert_string_equal(render(TEMPLATE_TEXT, "{{x}}", "b\nc", &out), "");
	assert_string_equal(out.data, "b\nc");
	assert_string_equal(render(TEMPLATE_TEXT, "{{x | line}}", "\r\nb\nc", &out), "");
	assert_string_equal(out.data, "b c");
	buf_free(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(html_where_escaping_is_not_enough),
		cmocka_unit_test(html_escaped),
		cmocka_unit_test(urls),
		cmocka_unit_test(addresses),
		cmocka_unit_test(lines_of_a_text),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
