/* store/poke.h - how hookctl tells a running hookd that it changed something in the store:
 * a datagram to a Unix socket beside it, STORE.poke, for its owner and group. It has
 * no content that counts; losing one only means that hookd notices later. */
#ifndef HOOKD_POKE_H
#define HOOKD_POKE_H

#include "base/attributes.h"

#include <stdbool.h>

/* Makes the socket, in place of what an earlier hookd left: the caller holds the
 * store's lock. Returns a descriptor to be polled for reading; -1: logged. */
int poke_listen(const char *store) WARN_UNUSED;

/* Takes all that came; false: nothing did. -1 is allowed. */
bool poke_taken(int fd);

/* The socket's file stays for the next hookd. -1 is allowed. */
void poke_close(int fd);

/* Does a hookd listen? Also no if it may not be spoken to. */
bool poke_heard(const char *store);

/* False: no hookd listens, or it may not be spoken to. */
bool poke_send(const char *store);

#endif
