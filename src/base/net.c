#include "base/net.h"

#include "base/number.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

static void set_v6(struct net_address *out, const uint8_t bytes[16])
{
	*out = (struct net_address){0};
	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		out->family = AF_INET;
		memcpy(out->bytes, bytes + sizeof(mapped), 4);
	} else {
		out->family = AF_INET6;
		memcpy(out->bytes, bytes, 16);
	}
}

bool net_parse(const char *text, size_t len, struct net_address *out)
{
	char copy[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (inet_pton(AF_INET, copy, bytes) == 1) {
		*out = (struct net_address){.family = AF_INET};
		memcpy(out->bytes, bytes, 4);
		return true;
	}
	if (inet_pton(AF_INET6, copy, bytes) == 1) {
		set_v6(out, bytes);
		return true;
	}
	return false;
}

bool net_parse_port(const char *text, size_t len, uint16_t *port)
{
	int64_t n;

	if (!number_read(text, len, UINT16_MAX, &n))
		return false;
	*port = (uint16_t)n;
	return true;
}

/* The bits of a and b up to prefix are equal. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned prefix)
{
	unsigned whole = prefix / 8, rest = prefix % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

const char *net_parse_range(const char *text, struct net_range *out)
{
	static const char *const expected = "an address or a range such as 10.0.0.0/8 or ::1";
	const char *slash = strchr(text, '/');
	size_t len = slash != NULL ? (size_t)(slash - text) : strlen(text);
	int64_t n;
	unsigned bits, prefix;

	if (!net_parse(text, len, &out->address))
		return expected;
	bits = out->address.family == AF_INET ? 32 : 128;
	out->prefix = bits;
	if (slash == NULL)
		return NULL;
	if (!number_read(slash + 1, strlen(slash + 1), 999, &n))
		return expected;
	prefix = (unsigned)n;
	if (out->address.family == AF_INET && memchr(text, ':', len) != NULL) {
		/* ::ffff:10.0.0.0/104 is 10.0.0.0/8 */
		if (prefix < 96 || prefix > 128)
			return "a prefix from 96 to 128 after an IPv4 address mapped into IPv6";
		prefix -= 96;
	}
	if (prefix > bits)
		return bits == 32 ? "a prefix from 0 to 32 after an IPv4 address"
				  : "a prefix from 0 to 128 after an IPv6 address";
	for (unsigned i = prefix; i < bits; i++)
		if (out->address.bytes[i / 8] & (0x80u >> (i % 8)))
			return "no bits set after the prefix, as in 10.0.0.0/8";
	out->prefix = prefix;
	return NULL;
}

void net_from_bytes(sa_family_t family, const uint8_t *bytes, struct net_address *out)
{
	if (family == AF_INET6) {
		set_v6(out, bytes);
		return;
	}
	*out = (struct net_address){.family = AF_INET};
	memcpy(out->bytes, bytes, 4);
}

void net_from_sockaddr(const struct sockaddr *sa, struct net_address *out)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	*out = (struct net_address){.family = AF_UNIX};
	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		out->family = AF_INET;
		memcpy(out->bytes, &v4.sin_addr, 4);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		set_v6(out, v6.sin6_addr.s6_addr);
	}
}

bool net_within(const struct net_address *a, const struct net_range *ranges, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (a->family != AF_UNIX && a->family == ranges[i].address.family &&
			same_prefix(a->bytes, ranges[i].address.bytes, ranges[i].prefix))
			return true;
	return false;
}

void net_format(const struct net_address *a, char out[NET_TEXT])
{
	if (a->family == AF_UNIX || inet_ntop(a->family, a->bytes, out, NET_TEXT) == NULL)
		snprintf(out, NET_TEXT, "unix");
}

static const struct net_range internal[] = {
	{{AF_INET, {0}}, 8},                        /* this network; 0.0.0.0 is this host */
	{{AF_INET, {10}}, 8},                       /* private */
	{{AF_INET, {100, 64}}, 10},                 /* carrier-grade NAT */
	{{AF_INET, {127}}, 8},                      /* loopback */
	{{AF_INET, {169, 254}}, 16},                /* link-local, and the clouds' metadata */
	{{AF_INET, {172, 16}}, 12},                 /* private */
	{{AF_INET, {192, 0, 0}}, 24},               /* protocol assignments */
	{{AF_INET, {192, 0, 2}}, 24},               /* documentation */
	{{AF_INET, {192, 168}}, 16},                /* private */
	{{AF_INET, {198, 18}}, 15},                 /* benchmarking */
	{{AF_INET, {198, 51, 100}}, 24},            /* documentation */
	{{AF_INET, {203, 0, 113}}, 24},             /* documentation */
	{{AF_INET, {224}}, 4},                      /* multicast */
	{{AF_INET, {240}}, 4},                      /* reserved, broadcast */
	{{AF_INET6, {0x20, 0x01}}, 23},             /* protocol assignments; Teredo: IPv4 inside */
	{{AF_INET6, {0x20, 0x01, 0x0d, 0xb8}}, 32}, /* documentation */
	{{AF_INET6, {0x3f, 0xff}}, 20},             /* documentation */
};

/* All public IPv6 addresses that IANA has allocated are in this range, except the first
 * carrier below. */
static const struct net_range unicast = {{AF_INET6, {0x20}}, 3};

/* Where an IPv6 address carries an IPv4 one: NAT64 (RFC 6052), 6to4. */
static const struct {
	struct net_range range;
	size_t at;
} carriers[] = {
	{{{AF_INET6, {0, 0x64, 0xff, 0x9b}}, 96}, 12},
	{{{AF_INET6, {0x20, 0x02}}, 16}, 2},
};

bool net_is_internal(const struct net_address *a)
{
	if (a->family != AF_INET && a->family != AF_INET6)
		return true;
	if (net_within(a, internal, sizeof(internal) / sizeof(internal[0])))
		return true;
	for (size_t i = 0; i < sizeof(carriers) / sizeof(carriers[0]); i++) {
		struct net_address inner = {.family = AF_INET};

		if (!net_within(a, &carriers[i].range, 1))
			continue;
		memcpy(inner.bytes, a->bytes + carriers[i].at, 4);
		return net_is_internal(&inner);
	}
	return a->family == AF_INET6 && !net_within(a, &unicast, 1);
}

/* ":4711", or nothing. */
static bool is_port(const char *text, size_t len)
{
	uint16_t port;

	return len == 0 || (text[0] == ':' && net_parse_port(text + 1, len - 1, &port));
}

/* One part of X-Forwarded-For. Proxies write 192.0.2.7, 2001:db8::1, and some
 * 192.0.2.7:4711, [2001:db8::1] or [2001:db8::1]:4711. */
static bool parse_hop(const char *text, size_t len, struct net_address *out)
{
	const char *end;

	while (len > 0 && (text[0] == ' ' || text[0] == '\t')) {
		text++;
		len--;
	}
	while (len > 0 && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (len > 0 && text[0] == '[') {
		end = memchr(text, ']', len);
		return end != NULL && is_port(end + 1, (size_t)(text + len - end) - 1) &&
		       net_parse(text + 1, (size_t)(end - text) - 1, out);
	}
	end = memchr(text, ':', len);
	if (end != NULL && memchr(text, '.', (size_t)(end - text)) != NULL) {
		if (!is_port(end, (size_t)(text + len - end)))
			return false;
		len = (size_t)(end - text);
	}
	return net_parse(text, len, out);
}

struct net_address net_client(const struct net_address *peer, const char *list, size_t len,
	const struct net_range *trusted, size_t trusted_count)
{
	struct net_address client = *peer, hop;

	for (unsigned hops = 0; hops < NET_HOPS_MAX && len > 0; hops++) {
		size_t start = len;

		if (client.family != AF_UNIX && !net_within(&client, trusted, trusted_count))
			break;
		while (start > 0 && list[start - 1] != ',')
			start--;
		if (!parse_hop(list + start, len - start, &hop))
			break;
		client = hop;
		len = start > 0 ? start - 1 : 0;
	}
	return client;
}

#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif

void net_refuse_descriptors(int fd)
{
	const int off = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_PASSRIGHTS, &off, sizeof(off));
}
