/* An X-Forwarded-For list: with any content, the client is an address, and a peer that is not a
 * trusted proxy stays the client. */
#include "base/net.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct net_range trusted[2];
	struct net_address peer, outsider;
	char text[NET_TEXT];

	if (net_parse_range("10.0.0.0/8", &trusted[0]) != NULL ||
		net_parse_range("2001:db8::/32", &trusted[1]) != NULL ||
		!net_parse("10.0.0.1", 8, &peer) || !net_parse("192.0.2.1", 9, &outsider))
		abort();
	struct net_address client = net_client(&peer, (const char *)data, size, trusted, 2);
	net_format(&client, text);
	struct net_address again;
	if (client.family != AF_UNIX && !net_parse(text, strlen(text), &again))
		abort();
	/* A peer that is not a trusted proxy is never believed. */
	client = net_client(&outsider, (const char *)data, size, trusted, 2);
	if (memcmp(&client, &outsider, sizeof(client)) != 0)
		abort();
	return 0;
}
