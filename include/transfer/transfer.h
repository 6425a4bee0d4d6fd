/* transfer/transfer.h - HTTP requests by libcurl, none of which blocks: one libcurl multi
 * handle, whose connections are kept and used again. Mails are sent by transfer/mailer.h.
 * Everything of one struct transfers belongs to one thread: the holder's. */
#ifndef HOOKD_TRANSFER_H
#define HOOKD_TRANSFER_H

#include "base/attributes.h"
#include "base/net.h"

#include <curl/curl.h>
#include <stdbool.h>

/* Sets libcurl up: once, in the main thread, before any other thread starts and before anything
 * else that is declared here and in transfer/mailer.h is used. With `lazily`, libcurl does it
 * itself at its first use if it can do that in any thread: it loads OpenSSL, which takes 2 MB.
 * False: libcurl cannot be used. */
bool transfer_global_init(bool lazily) WARN_UNUSED;
void transfer_global_free(void);

struct transfers;

/* One transfer, part of its action's struct. */
struct transfer {
	CURL *easy;  /* transfer_open makes it; the action sets its options */
	void *owner; /* the action */
	struct transfers *transfers;
	bool under_way;
	bool public_only;            /* set before the start: connects to no internal address
				      * (net_is_internal) and to none of this machine's own, and
				      * reuses no connection */
	bool tried;                  /* transfer.c's: a connection was tried */
	struct net_address refused;  /* once it has ended: the address for which no connection was
				      * tried; family 0: one was, and its result counts */
	CURLcode result;             /* once it has ended */
	char error[CURL_ERROR_SIZE]; /* libcurl's message; may be "" */
};

/* NULL: logged. */
struct transfers *transfers_new(void) WARN_UNUSED;
void transfers_free(struct transfers *t); /* no transfer may be running; NULL is allowed */

/* The holder polls it for reading, then calls transfers_step. It never changes. */
int transfers_fd(const struct transfers *t);

/* Continues with what is ready, without blocking. */
void transfers_step(struct transfers *t);

/* The next transfer that has ended, with its result set; NULL: none. It keeps its easy
 * handle until transfer_close. */
struct transfer *transfers_ended(struct transfers *t);

/* Makes an easy handle with the options of transfer_set_common, the error buffer and no
 * redirects. False: out of memory. */
bool transfer_open(struct transfers *t, struct transfer *tr, void *owner) WARN_UNUSED;
bool transfer_start(struct transfer *tr) WARN_UNUSED;

/* Sets what applies to every transfer, also in other threads: no signals, no proxy or
 * netrc from the environment, no connection that was idle for a minute, no wait for the
 * resolver when it is aborted. False: out of memory. */
bool transfer_set_common(CURL *easy) WARN_UNUSED;

enum transfer_protocol { TRANSFER_HTTP, TRANSFER_SMTP }; /* each also over TLS */

/* Sets the URL, and this protocol as the only one allowed. False: out of memory. */
bool transfer_set_url(CURL *easy, enum transfer_protocol protocol, const char *url) WARN_UNUSED;

/* Ends it at once, running or not, and frees the handle. Also after transfer_open failed. */
void transfer_close(struct transfer *tr);

#endif
