#include "tls.h"

#include <errno.h>
#include <gnutls/gnutls.h>
#include <sys/socket.h>

static ssize_t pull_bytes(gnutls_transport_ptr_t connection, void *data, size_t size)
{
	struct connection *c = connection;
	ssize_t n;

	if (c->unseen > TLS_UNSEEN_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	n = recv(c->fd, data, size, 0);
	if (n > 0)
		c->unseen += (size_t)n;
	return n;
}

/* GnuTLS's own would take the connection for a descriptor. */
static int wait_for_bytes(gnutls_transport_ptr_t connection, unsigned ms)
{
	const struct connection *c = connection;

	return gnutls_system_recv_timeout((gnutls_transport_ptr_t)(intptr_t)c->fd, ms);
}

bool tls_guard(struct connection *c, struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	gnutls_session_t session = info != NULL ? info->tls_session : NULL;

	if (session == NULL)
		return false;
	gnutls_transport_set_ptr2(session, c, (gnutls_transport_ptr_t)(intptr_t)c->fd);
	gnutls_transport_set_pull_function(session, pull_bytes);
	gnutls_transport_set_pull_timeout_function(session, wait_for_bytes);
	return true;
}
