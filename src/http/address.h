/* http/address.h - how many connections or requests each client address has now. An IPv6 client
 * owns at least a /64, so that is what is counted. Not locked: connections.lock guards it. */
#ifndef HOOKD_HTTP_ADDRESS_H
#define HOOKD_HTTP_ADDRESS_H

#include "base/attributes.h"
#include "base/net.h"

#include <stdbool.h>

struct address_count {
	struct address_count *next;
	struct net_address address;
	unsigned count;
};

struct address_table {
	struct address_count **buckets;
	unsigned char key[16]; /* random, of the hash: nobody can choose addresses that collide */
};

bool address_table_init(struct address_table *t) WARN_UNUSED; /* false: out of memory */
void address_table_free(struct address_table *t);

/* Returns the address's entry, valid until it is counted down to 0. NULL: no memory. */
struct address_count *address_count_up(struct address_table *t, const struct net_address *address);
void address_count_down(struct address_table *t, const struct net_address *address);

#endif
