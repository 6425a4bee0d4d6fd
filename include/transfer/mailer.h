/* transfer/mailer.h - sends mails by SMTP, each in a thread of its own. libcurl waits for the
 * server in places (for the answer to the last dot, and to QUIT) and lets nothing
 * else in the thread go on meanwhile: the dispatcher cannot lend it its own.
 * A thread keeps its connection for the next mail, for a minute.
 * All functions are for one thread, the holder's. */
#ifndef HOOKD_MAILER_H
#define HOOKD_MAILER_H

#include "base/attributes.h"
#include "base/buf.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>

#define MAILING_REPLY 256 /* bytes of a server's reply kept */

struct mailer;
struct mailer_thread;

/* One mail on its way. From mailing_start until it has ended all but `owner` belongs
 * to its thread, and so do the callbacks that the easy handle was given. */
struct mailing {
	void *owner; /* the action */
	CURL *easy;  /* options are the action's to set before the start; NULL once it has ended */
	struct buf message;            /* freed with the mailing, as are the recipients */
	struct curl_slist *recipients; /* libcurl keeps no copy */
	size_t sent;                   /* bytes of the message that libcurl has taken */
	char reply[MAILING_REPLY];     /* the server's last refusal, or its last word */
	int code;                      /* of that reply; 0: none came */
	CURLcode result;               /* once it has ended */
	char error[CURL_ERROR_SIZE];   /* libcurl's words; may be "" */
	struct mailer_thread *thread;  /* the mailer's own, as is the next */
	struct mailing *next;
};

/* NULL: logged. */
struct mailer *mailer_new(void) WARN_UNUSED;

/* Breaks off what goes on and waits for the threads, but not for any server. No
 * mailing may be left but with mailing_close behind it. NULL is allowed. */
void mailer_free(struct mailer *m);

/* To be polled for reading by the holder; then mailer_ended until it says NULL. It
 * never changes. */
int mailer_fd(const struct mailer *m);

/* The next mailing that has ended; NULL: none. */
struct mailing *mailer_ended(struct mailer *m);

/* A mailing with a thread and an easy handle that has what holds for all transfers
 * (transfer_set_common). NULL: memory or threads are short. */
struct mailing *mailing_open(struct mailer *m, void *owner) WARN_UNUSED;
void mailing_start(struct mailing *g);

/* Has it ended? Then mailer_ended will not tell of it any more. */
bool mailing_is_over(struct mailer *m, struct mailing *g);

/* Ends it at once, under way or not; what was not sent whole is not delivered. NULL
 * is allowed. */
void mailing_close(struct mailer *m, struct mailing *g);

#endif
