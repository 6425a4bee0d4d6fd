/* The first bytes of a connection: a PROXY protocol header, and what may follow it. However they
 * come, the verdict is that on the whole; a header is within its limits, and its client is one of
 * its own bytes or words. */
#include "http/greeting.h"
#include "http/proxy_header.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

static void check_whole(const unsigned char *data, size_t size, const struct proxy_header *h)
{
	char text[NET_TEXT];

	if (h->len == 0 || h->len > size || h->len > PROXY_HEADER_MAX || h->fault != NULL)
		abort();
	if (!h->has_client)
		return;
	if (h->client.family != AF_INET && h->client.family != AF_INET6)
		abort();
	net_format(&h->client, text);
	/* Of version 2 the bytes themselves. */
	if (data[0] == '\r' && data[13] == 0x11 && memcmp(h->client.bytes, data + 16, 4) != 0)
		abort();
}

/* In pieces: no verdict before the last one, and none that changes. */
static void check_pieces(const unsigned char *data, size_t size, enum proxy_result whole)
{
	for (size_t len = 0; len < size && len < 300; len++) {
		unsigned char *piece = malloc(len + 1); /* of its exact size, for the sanitizer */
		struct proxy_header h;
		enum proxy_result r;

		if (piece == NULL)
			abort();
		memcpy(piece, data, len);
		r = proxy_header_read(piece, len, &h);
		if (r != PROXY_MORE && r != whole)
			abort();
		enum greeting g = greeting_read(piece, len);
		if (g != GREETING_MORE && g != greeting_read(data, size))
			abort();
		free(piece);
	}
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct proxy_header h;
	enum proxy_result r = proxy_header_read(data, size, &h);

	if (r == PROXY_WHOLE)
		check_whole(data, size, &h);
	if (r == PROXY_BAD && h.fault == NULL)
		abort();
	if (r == PROXY_MORE && size >= PROXY_HEADER_MAX + 16)
		abort();
	check_pieces(data, size, r);
	for (int tls = 0; tls < 2; tls++)
		for (int after = 0; after < 2; after++)
			(void)greeting_fault(greeting_read(data, size), tls != 0, after != 0);
	return 0;
}
