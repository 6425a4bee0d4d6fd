/* http/socket.h - opens and closes the listening sockets. The server's thread only. */
#ifndef HOOKD_HTTP_SOCKET_H
#define HOOKD_HTTP_SOCKET_H

#include "base/attributes.h"
#include "http/server.h"

#include <stdbool.h>
#include <stddef.h>

struct sockets {
	int *fds;
	bool *local;   /* which of them are Unix sockets, which have no TLS */
	bool *proxied; /* on which of them connections begin with a PROXY protocol header */
	size_t count;
	bool passed;         /* systemd passed them */
	char **unlink_paths; /* of the Unix sockets made here */
	size_t unlink_count;
};

/* Takes over the passed sockets, or opens those of `listen` when there are none. False,
 * logged: sockets_close releases what is there. */
bool sockets_open(struct sockets *s, const struct http_options *options, const int *passed,
	size_t passed_count) WARN_UNUSED;
void sockets_log(const struct sockets *s, bool tls);
void sockets_refuse(struct sockets *s); /* new clients are refused from now on */
void sockets_close(struct sockets *s);

#endif
