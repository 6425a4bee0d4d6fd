/* PROXY protocol headers in pieces and at their limits, and the first bytes of other protocols. */
#include "http/greeting.h"
#include "http/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define V2 "\r\n\r\n\0\r\nQUIT\n"

static enum proxy_result read_header(const char *bytes, size_t len, struct proxy_header *out)
{
	return proxy_header_read((const unsigned char *)bytes, len, out);
}

/* Whole, and with something behind it; in all shorter pieces more is wanted. */
static void assert_header(const char *bytes, size_t len, const char *client)
{
	char more[5000], text[NET_TEXT];
	struct proxy_header h;

	for (size_t n = 0; n < len; n++)
		assert_int_equal(read_header(bytes, n, &h), PROXY_MORE);
	memcpy(more, bytes, len);
	memcpy(more + len, "PROXY ", 6);
	for (size_t n = len; n <= len + 6; n++) {
		assert_int_equal(read_header(more, n, &h), PROXY_WHOLE);
		assert_int_equal(h.len, len);
		assert_int_equal(h.has_client, client != NULL);
	}
	if (client != NULL) {
		net_format(&h.client, text);
		assert_string_equal(text, client);
	}
}

static void headers(void **state)
{
	static const char v1[] = "PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n";
	static const char longest[] = "PROXY UNKNOWN ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
				      "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n";
	static const char v2[] = V2 "\x21\x11\0\x0c\xcb\0\x71\x07\xc0\0\x02\x01\xdc\x04\x01\xbb";
	static const char local[] = V2 "\x20\0\0";
	char large[PROXY_HEADER_MAX] = V2 "\x20\0\x0f\xf0"; /* 4080 bytes behind the first 16 */

	(void)state;
	assert_header(v1, sizeof(v1) - 1, "203.0.113.7");
	assert_int_equal(sizeof(longest) - 1, 107);
	assert_header(longest, sizeof(longest) - 1, NULL);
	assert_header(v2, sizeof(v2) - 1, "203.0.113.7");
	assert_header(local, sizeof(local), NULL);
	assert_header(large, sizeof(large), NULL);
}

static void assert_bad(const char *bytes, size_t len, const char *fault)
{
	struct proxy_header h;

	assert_int_equal(read_header(bytes, len, &h), PROXY_BAD);
	assert_non_null(strstr(h.fault, fault));
}

static void limits(void **state)
{
	char line[108] = "PROXY UNKNOWN ";
	struct proxy_header h;

	(void)state;
	memset(line + 14, 'x', sizeof(line) - 14);
	assert_int_equal(read_header(line, 106, &h), PROXY_MORE);
	assert_bad(line, 107, "too long");
	assert_bad(V2 "\x21\x11\x0f\xf1", 16, "too long");
	assert_bad(V2 "\x21\x11\xff\xff", 16, "too long");
	assert_bad(V2 "\x21\x11\0\x0b", 16, "malformed");
	assert_bad(V2 "\x31\x11\0\x0c", 16, "unknown version");
	assert_int_equal(read_header("PROXYTCP4", 9, &h), PROXY_NONE);
	assert_int_equal(read_header("GET / HTTP/1.1", 14, &h), PROXY_NONE);
}

static void greetings(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		enum greeting means;
	} cases[] = {
		{"", 0, GREETING_MORE},
		{"P", 1, GREETING_MORE},
		{"PROX", 4, GREETING_MORE},
		{"PROPFIND", 8, GREETING_MORE},
		{"PROPFIND ", 9, GREETING_HTTP},
		{"POST ", 5, GREETING_HTTP},
		{"\r\n\r\n", 4, GREETING_MORE},
		{"\r\n\r\nGET /", 9, GREETING_HTTP},
		{"\nGET /", 6, GREETING_HTTP},
		{"GET\t/", 5, GREETING_GARBAGE},
		{" GET /", 6, GREETING_GARBAGE},
		{"GET\r\n", 5, GREETING_GARBAGE},
		{"\x16", 1, GREETING_MORE},
		{"\x16\x03", 2, GREETING_TLS},
		{"\x16\x02", 2, GREETING_GARBAGE},
		{"PRI * HTTP/2.0", 14, GREETING_HTTP2},
		{"PRI * HTTP/1.1", 14, GREETING_HTTP},
		{"PROXY ", 6, GREETING_PROXY_V1},
		{V2, 12, GREETING_PROXY_V2},
		{"\0", 1, GREETING_GARBAGE},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (greeting_read((const unsigned char *)cases[i].bytes, cases[i].len) !=
			cases[i].means)
			fail_msg("case %zu: %s", i, cases[i].bytes);
	assert_null(greeting_fault(GREETING_HTTP, false, true));
	assert_null(greeting_fault(GREETING_TLS, true, false));
	assert_string_equal(
		greeting_fault(GREETING_TLS, false, false), "a TLS hello on a plain port");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(limits),
		cmocka_unit_test(greetings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
