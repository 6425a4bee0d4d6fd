/* http/server.h - an HTTP/1.0 and 1.1 server over libmicrohttpd, which it hides. It owns
 * sockets, TLS, threads, connections, limits and deadlines, and refuses requests that two
 * parsers might read differently. What a request means is its handler's business: a table
 * of functions. A process may have several servers, each with its own sockets, limits,
 * threads and handler.
 *
 *   begin -> head -> admit -> (the body is read) -> handle -> answered ---> end
 *              |       |                              |'-> suspended -> resumed --^
 *              '-------'-> refused ----------------------> refusal ---------------^
 *
 * Each socket is served by several threads. All calls for a connection come from one of
 * them and must not block. Functions of a server are for one thread, the one that
 * started it, unless they say otherwise; functions of a request are for its handler's calls. */
#ifndef HOOKD_HTTP_SERVER_H
#define HOOKD_HTTP_SERVER_H

#include "base/attributes.h"
#include "base/net.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_server;
struct http_request;

/* What the requests of one turn leave for turn_over: a list that the handler makes, both NULL when
 * it is empty. There is one for each thread, so no lock is needed. */
struct http_turn {
	void *first, *last;
};

struct http_handler {
	/* Bytes of the handler's own part of a request: http_own. */
	size_t request_size;

	/* First call in each thread that serves requests. NULL: none. */
	void (*thread_begin)(void);

	/* The request line has arrived. Prepares the handler's part, which is all zeros. False:
	 * memory is short; the connection is closed, and `end` is not called. */
	bool (*begin)(struct http_request *r, void *arg);

	/* The head has arrived and is sound. The handler may refuse it. */
	void (*head)(struct http_request *r);

	/* The limits allow the request, and its body is about to be read: the last chance to refuse
	 * it for its head. NULL: not needed. */
	void (*admit)(struct http_request *r);

	/* The whole request has arrived: answers, refuses or suspends it. If it does none of these,
	 * the connection is closed. */
	void (*handle)(struct http_request *r);

	/* A suspended request continues: answers or refuses it. */
	void (*resumed)(struct http_request *r);

	/* The server itself refuses the request: to be logged. `reason` is valid until `end`. */
	void (*refused)(struct http_request *r, unsigned status, const char *reason);

	/* Answers a request that the handler or the server has refused, once its body has been
	 * discarded. */
	void (*refusal)(struct http_request *r, unsigned status, const char *reason);

	/* The answer has been sent, or the client has left: releases the handler's part. */
	void (*end)(struct http_request *r);

	/* The thread has handled everything that there was to read. NULL: not needed. */
	void (*turn_over)(void *arg, struct http_turn *turn);
};

/* ---- the server ---- */

struct http_listen {
	const char *text;      /* its name in messages */
	const char *unix_path; /* NULL: TCP */
	struct net_address address;
	uint16_t port;
	bool proxy_protocol; /* each connection begins with such a header, which is believed from
			      * trusted proxies; others are refused */
};

struct http_limits {
	size_t body;          /* bytes */
	size_t bodies;        /* bytes that all unfinished requests' bodies may hold: at least
			       * 2 * body, or the largest body is refused even alone */
	unsigned connections; /* open at once, all sockets together */
	unsigned per_ip;      /* open at once per client address (IPv6: per /64) */
	int64_t request_time; /* ms from a request's start to its end */
};

/* Borrowed for the time of the call. */
struct http_options {
	const struct http_listen *listen; /* read by http_server_start alone */
	size_t listen_count;
	const char *certificate; /* PEM chain, for TCP; NULL: plain HTTP */
	const char *key;
	const struct net_range *trusted_proxies; /* X-Forwarded-For is believed from these */
	size_t trusted_proxy_count;
	struct http_limits limits;
};

#define HTTP_WHY 512 /* bytes */

enum http_certificate {
	HTTP_CERTIFICATE_GOOD,
	HTTP_CERTIFICATE_OUTDATED, /* it can be used, but clients will refuse it */
	HTTP_CERTIFICATE_UNUSABLE,
};

/* What the start would make of these files; `why` says what is wrong. */
enum http_certificate http_check_certificate(
	const char *certificate, const char *key, char why[HTTP_WHY]) WARN_UNUSED;

/* Serves the given sockets (from systemd; taken over) or, when there are none, opens those
 * of options->listen. Borrows the handler; `arg` is for its begin and turn_over. NULL: the
 * reason is logged. */
struct http_server *http_server_start(const struct http_options *options, const int *sockets,
	size_t socket_count, const struct http_handler *handler, void *arg) WARN_UNUSED;

/* Applies these options from the next request on, and reads the certificate again. False, with the
 * reason logged: nothing has changed. */
bool http_server_reload(struct http_server *s, const struct http_options *options) WARN_UNUSED;

/* Accepts no more connections; idle ones are closed, requests in progress are answered with
 * "Connection: close". Returns a descriptor that becomes readable when none is left; it
 * belongs to the server. */
int http_server_drain(struct http_server *s);

/* Closes the remaining connections and frees the server. Waits for suspended requests to be
 * resumed. */
void http_server_stop(struct http_server *s);

struct http_counts {
	int64_t requests;     /* since start */
	int64_t refused;      /* 4xx, since start */
	int64_t unavailable;  /* 5xx, since start */
	unsigned connections; /* now */
};
void http_server_counts(struct http_server *s, struct http_counts *out); /* any thread */

/* ---- a request; what these return is valid until `end` ---- */

/* The handler's own part. */
void *http_own(const struct http_request *r);

/* In `begin`: names of headers, NULL at the end, at most HTTP_SINGLE_MAX, borrowed until
 * `end`. A request that has one of them twice is refused, so http_header is unambiguous. */
void http_require_single(struct http_request *r, const char *const *names);
#define HTTP_SINGLE_MAX 32

const char *http_method(const struct http_request *r); /* from `head` on */
const char *http_path(const struct http_request *r);   /* as received, not decoded */

/* What follows the ? of the request target, as received, not decoded. NULL: no query. */
const char *http_query(const struct http_request *r);

/* The value of a header, of *len bytes, as received, without the blanks around it, which are no
 * part of it (RFC 9110, 5.5). NULL: there is no header of that name (in any letter case). From
 * `head` on. */
const char *http_header(const struct http_request *r, const char *name, size_t *len);

/* From `handle` on. Never NULL; a NUL follows. */
const char *http_body(const struct http_request *r, size_t *len);

/* The client's address: the peer's or, from `head` on and behind trusted proxies, the one
 * that they forward for. */
const struct net_address *http_client(const struct http_request *r);

/* The client has proven its identity: its connection is not closed to make room for others. */
void http_trust(struct http_request *r);

/* Makes `refusal` answer, with this status; the rest of the body is read and discarded. `reason`
 * must be valid until `end`. In `head`, `handle` and `resumed`. */
void http_refuse(struct http_request *r, unsigned status, const char *reason);

/* Answers. `headers` are names and values in turn, NULL at the end. Copies all. In
 * `handle`, `resumed` and `refusal`. */
void http_answer(struct http_request *r, unsigned status, const char *const *headers,
	const void *body, size_t len);

/* In `handle`: the request waits for http_resume. False: the server is stopping. */
bool http_suspend(struct http_request *r) WARN_UNUSED;

/* Any thread. The request may be gone once this is called. */
void http_resume(struct http_request *r);

/* The turn of the request's thread. */
struct http_turn *http_turn(struct http_request *r);

#endif
