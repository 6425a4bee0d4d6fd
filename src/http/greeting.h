/* http/greeting.h - the first bytes of a connection: are they what a client of this port sends, and
 * if not, what do they look like? libmicrohttpd takes anything, and answers it with a page of its
 * own or with none. A pure reading of bytes. Any thread. */
#ifndef HOOKD_HTTP_GREETING_H
#define HOOKD_HTTP_GREETING_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

#define GREETING_MAX 64 /* bytes that are enough to tell */

enum greeting {
	GREETING_MORE,     /* too few bytes to tell */
	GREETING_HTTP,     /* may be an HTTP request */
	GREETING_TLS,      /* a TLS hello */
	GREETING_PROXY_V1, /* a PROXY protocol header */
	GREETING_PROXY_V2,
	GREETING_HTTP2,
	GREETING_GARBAGE,
};

enum greeting greeting_read(const unsigned char *bytes, size_t len) WARN_UNUSED;

/* Why a connection with that greeting is refused, a constant. NULL: it is not. */
const char *greeting_fault(enum greeting g, bool tls, bool after_header);

#endif
