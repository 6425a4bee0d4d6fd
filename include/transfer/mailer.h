/* transfer/mailer.h - sends mails by SMTP. libcurl's SMTP blocks in places (for the answer to
 * the final dot, and to QUIT), so each mail needs a thread; it cannot run in the
 * dispatcher's. A thread keeps its connection for the next mail, for a minute.
 * All functions are for one thread, the holder's. */
#ifndef HOOKD_MAILER_H
#define HOOKD_MAILER_H

#include "base/attributes.h"
#include "base/buf.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAILING_REPLY 256 /* bytes of a server's reply kept */

struct mailer;
struct mailer_thread;

/* One mail. From mailing_start until its end, everything but `owner` belongs to its
 * thread, and the callbacks of the easy handle run there. */
struct mailing {
	void *owner; /* the action */
	CURL *easy;  /* the action sets its options before the start; NULL once it has ended */
	struct buf message;            /* freed with the mailing, as are the recipients */
	struct curl_slist *recipients; /* libcurl keeps no copy */
	char *server, *hostname;       /* mailing_set_server; freed with it, too */
	bool utf8;                 /* an address is not ASCII: the server must have SMTPUTF8 … */
	bool has_utf8;             /* … and it has */
	bool lacks_utf8;           /* it has not: nothing was sent */
	size_t sent;               /* bytes of the message that libcurl has read */
	char reply[MAILING_REPLY]; /* the server's last rejection, else its last reply */
	int code;                  /* of that reply; 0: none came */
	CURLcode result;           /* once it has ended */
	char error[CURL_ERROR_SIZE];  /* libcurl's message; may be "" */
	struct mailer_thread *thread; /* for the mailer, as is `next` */
	struct mailing *next;
};

/* NULL: logged. */
struct mailer *mailer_new(void) WARN_UNUSED;

/* Aborts what is being sent and waits for the threads, but not for any server. Each mailing must
 * have been closed by mailing_close. NULL is allowed. */
void mailer_free(struct mailer *m);

/* The holder polls it for reading, then calls mailer_ended until that returns NULL. It
 * never changes. */
int mailer_fd(const struct mailer *m);

/* The next mailing that has ended; NULL: none. */
struct mailing *mailer_ended(struct mailer *m);

/* A mailing with a thread and an easy handle, which has the options of transfer_set_common. It does
 * not use the connection of a mail with another number of its `config`. NULL: out of memory or
 * threads. */
struct mailing *mailing_open(struct mailer *m, void *owner, uint64_t config) WARN_UNUSED;

/* Before the start: where to send it (smtp://HOST:PORT), and the name to greet that server by.
 * NULL: this machine's. False: out of memory. */
bool mailing_set_server(struct mailing *g, const char *url, const char *hostname) WARN_UNUSED;
void mailing_start(struct mailing *g);

/* Has it ended? If so, mailer_ended no longer returns it. */
bool mailing_is_over(struct mailer *m, struct mailing *g);

/* Ends it at once, running or not; a message that was not sent completely is not delivered.
 * NULL is allowed. */
void mailing_close(struct mailer *m, struct mailing *g);

#endif
