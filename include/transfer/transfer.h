/* transfer/transfer.h - HTTP requests of the actions by libcurl, all in the dispatcher's thread
 * and none of them blocking: one libcurl multi handle, whose connections are kept and
 * used again. Mails go by transfer/mailer.h. All of one struct transfers belongs to one thread. */
#ifndef HOOKD_TRANSFER_H
#define HOOKD_TRANSFER_H

#include "base/attributes.h"
#include "base/net.h"

#include <curl/curl.h>
#include <stdbool.h>

/* Sets libcurl up: once, in the main thread, before any other thread and before all else
 * that is declared here and in transfer/mailer.h. With `lazily`, libcurl does it itself
 * at its first use if it can do that in any thread: it loads OpenSSL, which takes 2 MB.
 * False: libcurl cannot be used. */
bool transfer_global_init(bool lazily) WARN_UNUSED;
void transfer_global_free(void);

struct transfers;

/* One transfer under way, part of its action's struct. */
struct transfer {
	CURL *easy;  /* transfer_open's; options are the action's to set */
	void *owner; /* the action */
	struct transfers *transfers;
	bool under_way;
	bool public_only;            /* to be set before the start: connects to no internal
				      * address (net_is_internal), nor by a kept connection */
	struct net_address refused;  /* such an address that was refused; family 0: none */
	CURLcode result;             /* once it has ended */
	char error[CURL_ERROR_SIZE]; /* libcurl's words; may be "" */
};

/* NULL: logged. */
struct transfers *transfers_new(void) WARN_UNUSED;
void transfers_free(struct transfers *t); /* none is under way any more; NULL is allowed */

/* To be polled for reading by the holder; then transfers_step. It never changes. */
int transfers_fd(const struct transfers *t);

/* Goes on with what is ready, without blocking. */
void transfers_step(struct transfers *t);

/* The next transfer that has ended, with its result set; NULL: none. Ended ones
 * stay with their easy handle until transfer_close. */
struct transfer *transfers_ended(struct transfers *t);

/* An easy handle with transfer_set_common, the error buffer and no redirects. False:
 * memory is short. */
bool transfer_open(struct transfers *t, struct transfer *tr, void *owner) WARN_UNUSED;
bool transfer_start(struct transfer *tr) WARN_UNUSED;

/* What holds for every transfer of hookd's, also in other threads: no signals, no
 * proxy or netrc from the environment, no connection older than a minute, no waiting
 * for names when it is broken off. False: memory is short. */
bool transfer_set_common(CURL *easy) WARN_UNUSED;

enum transfer_protocol { TRANSFER_HTTP, TRANSFER_SMTP }; /* each also over TLS */

/* The URL, and that nothing but this protocol is spoken. False: memory is short. */
bool transfer_set_url(CURL *easy, enum transfer_protocol protocol, const char *url) WARN_UNUSED;

/* Ends it at once, under way or not, and frees the handle. Also after a failed open. */
void transfer_close(struct transfer *tr);

#endif
