/* store/notify.h - how hookctl notifies a running hookd that it changed something in the store:
 * a datagram to a Unix socket beside it, STORE.poke, for the store's owner and group. The content
 * does not matter; if one is lost, hookd only notices later. The file name is that of the first
 * releases, so that hookctl and hookd of different versions understand each other. */
#ifndef HOOKD_STORE_NOTIFY_H
#define HOOKD_STORE_NOTIFY_H

#include "base/attributes.h"

#include <stdbool.h>

/* Makes the socket, replacing one that an earlier hookd left: the caller holds the store's
 * lock. Returns a descriptor to poll for reading; -1: logged. */
int store_notify_listen(const char *store) WARN_UNUSED;

/* Takes all notifications that have arrived; false: none. -1 is allowed. */
bool store_notify_received(int fd);

/* Leaves the socket's file for the next hookd. -1 is allowed. */
void store_notify_close(int fd);

/* Does a hookd listen? False also if this user may not send to it. */
bool store_notify_is_heard(const char *store);

/* False: no hookd listens, or this user may not send to it. */
bool store_notify_send(const char *store);

#endif
