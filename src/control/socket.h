/* control/socket.h - Unix sockets under paths of any length, and who is at their other end. Any
 * thread. */
#ifndef HOOKD_CONTROL_SOCKET_H
#define HOOKD_CONTROL_SOCKET_H

#include "base/attributes.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Where a socket's file is: its directory, opened, and its name there. */
struct socket_place {
	int directory;
	const char *name; /* points into the path */
	struct sockaddr_un address;
};

/* Opens the directory of an absolute path. An address has room for 107 bytes only, so it goes
 * by the descriptor. False: errno is set. Close it in any case. */
bool socket_place_open(struct socket_place *place, const char *path) WARN_UNUSED;
void socket_place_close(struct socket_place *place);

/* Makes the socket and listens; a socket that an earlier hookd left there is replaced. -1: errno
 * is set. */
int socket_listen(const struct socket_place *place) WARN_UNUSED;

/* Connects, within a few seconds. -1: errno is set. */
int socket_connect(const struct socket_place *place) WARN_UNUSED;

/* Who has connected, or listens. False: errno is set. */
bool socket_peer(int fd, struct ucred *peer) WARN_UNUSED;

#endif
