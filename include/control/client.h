/* control/client.h - reaches the hookd that runs on a store. One thread. */
#ifndef HOOKD_CONTROL_CLIENT_H
#define HOOKD_CONTROL_CLIENT_H

#include "base/attributes.h"

#include <jansson.h>
#include <stdbool.h>

#define CONTROL_WHY 512

enum control_reach {
	CONTROL_CONNECTED,
	CONTROL_ABSENT, /* no process holds the store's lock: the caller may open it */
	CONTROL_FAILED,
};

/* Connects to the hookd that holds the lock of the store `path`. Its socket is the one that
 * STORE.lock names, and it must run as the store's owner or as root. CONNECTED: *fd is to be
 * closed; otherwise it is -1. FAILED: the reason is in why. */
enum control_reach control_connect(const char *path, int *fd, char why[CONTROL_WHY]) WARN_UNUSED;

/* Sends a request on a connection; adds the protocol's version to it, and which store it is
 * for. False: the reason is in why; an answer may have arrived all the same. */
bool control_send(int fd, const char *store, json_t *request, char why[CONTROL_WHY]) WARN_UNUSED;

#endif
