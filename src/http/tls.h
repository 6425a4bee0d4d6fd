/* http/tls.h - bounds what GnuTLS, below libmicrohttpd, takes from a connection. It keeps an
 * unfinished handshake message of up to 16 MiB, from anyone and at any time, and looks at
 * its length only once it is complete; libmicrohttpd has no option for that. */
#ifndef HOOKD_HTTP_TLS_H
#define HOOKD_HTTP_TLS_H

#include "connection.h"

#include <microhttpd.h>

/* Bytes from the socket between two of libmicrohttpd's calls to us: a handshake, the head of a
 * request, or a part of a body, with what TLS adds to them. */
#define TLS_UNSEEN_MAX ((size_t)32 * 1024)

/* From now on the connection ends once it has received more than that; c->unseen is to be set to 0
 * in each call. In the loop's thread, before anything is received. False: the library gave no
 * session. */
bool tls_guard(struct connection *c, struct MHD_Connection *mhd) WARN_UNUSED;

#endif
