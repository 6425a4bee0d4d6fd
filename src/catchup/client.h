/* catchup/client.h - asks a sender's API: GET, and PUT only where the config allows to change a
 * webhook. The key can do much more at the API, so this is all that the client can do. The host is
 * that of the base URL, TLS is verified, redirects are not followed, and the key goes nowhere but
 * into the request's header. One request at a time, paced by pace.h. Of one thread, which waits for
 * the answer. */
#ifndef HOOKD_CATCHUP_CLIENT_H
#define HOOKD_CATCHUP_CLIENT_H

#include "base/attributes.h"
#include "base/buf.h"
#include "base/secret.h"

#include <stdbool.h>
#include <stdint.h>

enum {
	CLIENT_CONNECT_MAX = 10 * 1000,    /* ms */
	CLIENT_ANSWER_MAX = 30 * 1000,     /* ms, the whole request */
	CLIENT_BODY_MAX = 8 * 1024 * 1024, /* bytes */
	CLIENT_WHY = 320,
};

enum client_result {
	CLIENT_OK,       /* 2xx */
	CLIENT_BUSY,     /* 429, or 503 that says how long to wait: ask again after client_wait */
	CLIENT_DENIED,   /* 401, 403: the key */
	CLIENT_MISSING,  /* 404 */
	CLIENT_REJECTED, /* another 3xx or 4xx: the same question gets the same answer */
	CLIENT_FAILED,   /* 408, 5xx, no connection, no whole answer: ask again later */
	CLIENT_STOPPED,  /* the stop descriptor became readable */
};

struct client_answer {
	enum client_result result;
	int status;           /* of HTTP; 0: none came */
	struct buf body;      /* for buf_free */
	int64_t date;         /* unix ms by the API's clock; 0: it did not say */
	char limits[160];     /* its headers that speak of a limit, as they are; "": none */
	char why[CLIENT_WHY]; /* for people, unless OK: escaped, never the key */
};

struct client;

/* Borrows both. stop: a descriptor; once it is readable, client_ask returns. NULL: logged. */
struct client *client_new(const char *base_url, const struct secret *key, int stop) WARN_UNUSED;
void client_free(struct client *c); /* NULL is allowed */

/* The ms until a request may be made; 0: now. */
int64_t client_wait(const struct client *c);

/* GET of a path below the base URL, query included ("/events?page=1"). Overwrites *answer. */
void client_get(struct client *c, const char *path, struct client_answer *answer);

/* PUT of a JSON text. What it says is not proof: read back. */
void client_put(struct client *c, const char *path, const char *json, struct client_answer *answer);

/* GET of any URL, without the key and out of the pace: is it reachable from here? */
void client_probe(struct client *c, const char *url, struct client_answer *answer);

#endif
