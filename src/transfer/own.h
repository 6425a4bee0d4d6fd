/* transfer/own.h - does a connection to an address stay on this machine? Private to transfer. */
#ifndef HOOKD_TRANSFER_OWN_H
#define HOOKD_TRANSFER_OWN_H

#include "base/net.h"

enum own_answer {
	OWN_NOT,
	OWN_ADDRESS,
	OWN_UNKNOWN, /* the kernel does not say; logged */
};

/* Asks the kernel's routing tables, which know the addresses of all interfaces at this moment and
 * whatever else is routed to the machine itself. Does not block. Any thread. */
enum own_answer own_address(const struct net_address *address);

#endif
