#include "proxy_header.h"

#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

static enum proxy_result bad(struct proxy_header *out, const char *fault)
{
	out->fault = fault;
	return PROXY_BAD;
}

/* ---- version 1: one line of text ---- */

#define V1_MAX 107 /* bytes, with CR LF */

static const char v1_name[] = "PROXY ";
#define V1_NAME (sizeof(v1_name) - 1)

/* Takes the word up to the next blank, or the rest. NULL: there is none. */
static const char *next_word(const char **at, const char *end, size_t *len)
{
	const char *word = *at, *blank;

	if (word == NULL || word == end)
		return NULL;
	blank = memchr(word, ' ', (size_t)(end - word));
	*len = (size_t)((blank != NULL ? blank : end) - word);
	*at = blank != NULL ? blank + 1 : NULL;
	return word;
}

static bool read_address(
	const char **at, const char *end, sa_family_t family, struct net_address *out)
{
	size_t len = 0;
	const char *word = next_word(at, end, &len);
	bool colon = word != NULL && memchr(word, ':', len) != NULL;

	/* ::ffff:192.0.2.1 is IPv6 as it is written, and IPv4 for net_parse. */
	return word != NULL && colon == (family == AF_INET6) && net_parse(word, len, out);
}

static bool read_port(const char **at, const char *end)
{
	size_t len = 0;
	const char *word = next_word(at, end, &len);
	uint16_t port;

	return word != NULL && net_parse_port(word, len, &port);
}

/* What follows "PROXY " in its line. */
static bool read_line(const char *at, const char *end, struct proxy_header *out)
{
	size_t len = 0;
	const char *kind = next_word(&at, end, &len);
	struct net_address local;
	sa_family_t family;

	if (kind == NULL)
		return false;
	if (len == 7 && memcmp(kind, "UNKNOWN", 7) == 0)
		return true; /* whatever is behind it */
	if (len != 4 || memcmp(kind, "TCP", 3) != 0 || (kind[3] != '4' && kind[3] != '6'))
		return false;
	family = kind[3] == '4' ? AF_INET : AF_INET6;
	out->has_client = read_address(&at, end, family, &out->client) &&
			  read_address(&at, end, family, &local) && read_port(&at, end) &&
			  read_port(&at, end) && at == NULL;
	return out->has_client;
}

static enum proxy_result read_v1(const char *text, size_t len, struct proxy_header *out)
{
	const char *end = memchr(text, '\n', len < V1_MAX ? len : V1_MAX);

	if (end == NULL)
		return len < V1_MAX ? PROXY_MORE
				    : bad(out, "a PROXY protocol header that is too long");
	if (end[-1] != '\r' || !read_line(text + V1_NAME, end - 1, out))
		return bad(out, "a malformed PROXY protocol v1 header");
	out->len = (size_t)(end + 1 - text);
	return PROXY_WHOLE;
}

/* ---- version 2: binary ---- */

#define V2_FIXED 16 /* bytes before the addresses */
#define V2_LOCAL 0x20
#define V2_PROXY 0x21
#define V2_TCP4  0x11
#define V2_TCP6  0x21

/* Of each address family, by the upper half of its byte: bytes of both addresses. */
static const size_t v2_addresses[] = {0, 12, 36, 216};

#define TLV_CRC32C 0x03
#define TLV_HEAD   3 /* bytes: its type, its length */

static const unsigned char v2_name[12] = "\r\n\r\n\0\r\nQUIT\n";

static size_t read_16(const unsigned char *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static uint32_t read_32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Of the whole header, the four bytes at `sum` taken for zeros. */
static uint32_t crc32c(const unsigned char *bytes, size_t len, size_t sum)
{
	uint32_t crc = UINT32_MAX;

	for (size_t i = 0; i < len; i++) {
		crc ^= i >= sum && i < sum + 4 ? 0u : bytes[i];
		for (unsigned bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ ((crc & 1) != 0 ? UINT32_C(0x82f63b78) : 0);
	}
	return ~crc;
}

/* Are the family and transport known, and is there room for the family's addresses? */
static bool has_addresses(const unsigned char *header, size_t end)
{
	size_t family = header[13] >> 4;

	return family < sizeof(v2_addresses) / sizeof(v2_addresses[0]) && (header[13] & 15) <= 2 &&
	       V2_FIXED + v2_addresses[family] <= end;
}

/* NULL: the additional fields behind the addresses are sound. */
static const char *fault_in_fields(const unsigned char *header, size_t end)
{
	size_t at = V2_FIXED + v2_addresses[header[13] >> 4];

	while (at < end) {
		size_t value = at + TLV_HEAD, len;

		if (end - at < TLV_HEAD)
			return "a malformed PROXY protocol v2 header";
		len = read_16(header + at + 1);
		if (len > end - value)
			return "a malformed PROXY protocol v2 header";
		if (header[at] == TLV_CRC32C &&
			(len != 4 || read_32(header + value) != crc32c(header, end, value)))
			return "a PROXY protocol header whose checksum is wrong";
		at = value + len;
	}
	return NULL;
}

static void read_v2_client(const unsigned char *header, struct proxy_header *out)
{
	unsigned char kind = header[13];

	if (header[12] != V2_PROXY || (kind != V2_TCP4 && kind != V2_TCP6))
		return;
	out->has_client = true;
	net_from_bytes(kind == V2_TCP4 ? AF_INET : AF_INET6, header + V2_FIXED, &out->client);
}

static enum proxy_result read_v2(const unsigned char *bytes, size_t len, struct proxy_header *out)
{
	const char *fault;
	size_t whole;

	if (len < V2_FIXED)
		return PROXY_MORE;
	whole = V2_FIXED + read_16(bytes + 14);
	if (bytes[12] != V2_LOCAL && bytes[12] != V2_PROXY)
		return bad(out, "a PROXY protocol header of an unknown version or command");
	if (whole > PROXY_HEADER_MAX)
		return bad(out, "a PROXY protocol header that is too long");
	/* What LOCAL has behind its fixed part is to be ignored. */
	if (bytes[12] == V2_PROXY && !has_addresses(bytes, whole))
		return bad(out, "a malformed PROXY protocol v2 header");
	if (len < whole)
		return PROXY_MORE;
	fault = bytes[12] == V2_PROXY ? fault_in_fields(bytes, whole) : NULL;
	if (fault != NULL)
		return bad(out, fault);
	read_v2_client(bytes, out);
	out->len = whole;
	return PROXY_WHOLE;
}

/* ---- both ---- */

static bool begins(const unsigned char *bytes, size_t len, const void *name, size_t name_len)
{
	return memcmp(bytes, name, len < name_len ? len : name_len) == 0;
}

enum proxy_result proxy_header_read(
	const unsigned char *bytes, size_t len, struct proxy_header *out)
{
	*out = (struct proxy_header){0};
	if (len == 0)
		return PROXY_MORE;
	if (begins(bytes, len, v1_name, V1_NAME))
		return len < V1_NAME ? PROXY_MORE : read_v1((const char *)bytes, len, out);
	if (begins(bytes, len, v2_name, sizeof(v2_name)))
		return read_v2(bytes, len, out);
	return PROXY_NONE;
}
