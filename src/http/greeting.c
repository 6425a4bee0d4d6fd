#include "greeting.h"

#include <string.h>

struct opening {
	enum greeting means;
	size_t len;
	const char *bytes;
};

static const struct opening openings[] = {
	{GREETING_PROXY_V1, 6, "PROXY "},
	{GREETING_PROXY_V2, 12, "\r\n\r\n\0\r\nQUIT\n"},
	{GREETING_HTTP2, 14, "PRI * HTTP/2.0"},
	{GREETING_TLS, 2, "\x16\x03"},
};

/* A character of a token (RFC 9110, 5.6.2), which a method is. */
static bool is_token_char(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* An empty line before the request is no fault (RFC 9112, 2.2). */
static enum greeting read_method(const unsigned char *bytes, size_t len)
{
	size_t i = 0;

	while (i < len && (bytes[i] == '\r' || bytes[i] == '\n'))
		i++;
	size_t method = i;

	while (i < len && is_token_char(bytes[i]))
		i++;
	if (i == len)
		return len < GREETING_MAX ? GREETING_MORE : GREETING_GARBAGE;
	return i > method && bytes[i] == ' ' ? GREETING_HTTP : GREETING_GARBAGE;
}

enum greeting greeting_read(const unsigned char *bytes, size_t len)
{
	if (len > GREETING_MAX)
		len = GREETING_MAX;
	for (size_t i = 0; i < sizeof(openings) / sizeof(openings[0]); i++) {
		const struct opening *o = &openings[i];

		if (memcmp(bytes, o->bytes, len < o->len ? len : o->len) == 0)
			return len < o->len ? GREETING_MORE : o->means;
	}
	return read_method(bytes, len);
}

const char *greeting_fault(enum greeting g, bool tls, bool after_header)
{
	switch (g) {
	case GREETING_PROXY_V1:
		return after_header ? "a second PROXY protocol header"
				    : "a PROXY protocol v1 header; set proxy_protocol: true";
	case GREETING_PROXY_V2:
		return after_header ? "a second PROXY protocol header"
				    : "a PROXY protocol v2 header; set proxy_protocol: true";
	case GREETING_HTTP2:
		return tls ? "plain HTTP on a TLS port"
			   : "an HTTP/2 preface; hookd speaks HTTP/1.1";
	case GREETING_TLS:
		return tls ? NULL : "a TLS hello on a plain port";
	case GREETING_HTTP:
		return tls ? "plain HTTP on a TLS port" : NULL;
	default:
		return tls ? "garbage, no TLS hello" : "garbage, no HTTP request";
	}
}
