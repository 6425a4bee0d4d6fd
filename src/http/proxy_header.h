/* http/proxy_header.h - the header by which a balancer names its client in front of everything
 * else of a connection: the PROXY protocol, versions 1 and 2, as HAProxy's proxy-protocol.txt
 * defines it. A pure reading of bytes. Any thread. */
#ifndef HOOKD_HTTP_PROXY_HEADER_H
#define HOOKD_HTTP_PROXY_HEADER_H

#include "base/attributes.h"
#include "base/net.h"

#include <stdbool.h>
#include <stddef.h>

/* Bytes of the longest header that is taken. A TLV may hold a client certificate; addresses alone
 * are at most 232 bytes. */
#define PROXY_HEADER_MAX 4096

enum proxy_result {
	PROXY_MORE,  /* the bytes may become a header */
	PROXY_NONE,  /* they are no header, whatever follows */
	PROXY_WHOLE, /* *out is filled in */
	PROXY_BAD,   /* a header that must not be believed: out->fault */
};

struct proxy_header {
	size_t len;      /* of the header; what follows is the client's */
	bool has_client; /* false: the connection is the balancer's own (LOCAL, UNKNOWN), or the
			  * client's address is of a kind other than TCP over IPv4 and IPv6 */
	struct net_address client;
	const char *fault; /* a constant */
};

enum proxy_result proxy_header_read(
	const unsigned char *bytes, size_t len, struct proxy_header *out) WARN_UNUSED;

#endif
