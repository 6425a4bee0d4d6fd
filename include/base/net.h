/* base/net.h - addresses and address ranges: 10.0.0.0/8, ::1, 192.0.2.7. An IPv4
 * address mapped into IPv6 (::ffff:192.0.2.7) is the IPv4 address everywhere.
 * Any thread. */
#ifndef HOOKD_NET_H
#define HOOKD_NET_H

#include "attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct net_address {
	sa_family_t family; /* AF_INET, AF_INET6, or AF_UNIX for a local peer without an address */
	uint8_t bytes[16];  /* network order; the first 4 for AF_INET */
};

struct net_range {
	struct net_address address;
	unsigned prefix; /* bits that must be equal */
};

#define NET_TEXT 48

/* A bare address of len bytes, no port, no brackets, no zone. */
bool net_parse(const char *text, size_t len, struct net_address *out) WARN_UNUSED;

/* A port number of len digits, 0 to 65535; a caller to whom 0 means nothing refuses it.
 * False: not a port; *port is as before. */
bool net_parse_port(const char *text, size_t len, uint16_t *port) WARN_UNUSED;

/* "address" or "address/prefix"; bits after the prefix must be 0. NULL: valid; else what
 * was expected (a literal). */
const char *net_parse_range(const char *text, struct net_range *out) WARN_UNUSED;

/* From the address that accept(2) has returned. */
void net_from_sockaddr(const struct sockaddr *sa, struct net_address *out);

/* From 4 bytes (AF_INET) or 16 (AF_INET6) in network order. */
void net_from_bytes(sa_family_t family, const uint8_t *bytes, struct net_address *out);

bool net_within(const struct net_address *a, const struct net_range *ranges, size_t count);
void net_format(const struct net_address *a, char out[NET_TEXT]); /* "unix" for AF_UNIX */

/* Connections to this Unix socket, which does not listen yet, take no descriptors (SCM_RIGHTS):
 * the process that receives one closes it, and the close of a TCP socket may block for as long as
 * its sender likes. Kernels before Linux 6.16 cannot do this. */
void net_refuse_descriptors(int fd);

/* Is the address outside the public Internet: this host, a link, a private network, multicast,
 * documentation, reserved (of IPv6 all outside of 2000::/3), or an IPv6 address that contains such
 * an IPv4 one? (IANA's special-purpose address registries, RFC 6890.) */
bool net_is_internal(const struct net_address *a);

/* The client behind a chain of proxies: the X-Forwarded-For value `list` (all such
 * headers joined by commas, len bytes) is read from its right end for as long as the
 * address found so far is within `trusted`; what is further left was written by the
 * client and is ignored. A part that is not an address, or more than NET_HOPS_MAX parts,
 * ends the walk at the last good address. A local peer (AF_UNIX) counts as trusted: the
 * socket's file mode decides who may connect. */
struct net_address net_client(const struct net_address *peer, const char *list, size_t len,
	const struct net_range *trusted, size_t trusted_count);

#define NET_HOPS_MAX 32

#endif
