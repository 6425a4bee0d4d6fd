/* http/request.h - one request on its way through the server: libmicrohttpd's callbacks, which call
 * the handler's. For the loop's thread only, except `step` of a suspended request. */
#ifndef HOOKD_HTTP_REQUEST_H
#define HOOKD_HTTP_REQUEST_H

#include "base/buf.h"
#include "base/net.h"
#include "body.h"
#include "connection.h"
#include "generation.h"
#include "hygiene.h"
#include "loop.h"
#include "settings.h"

#include <microhttpd.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>

/* The steps of a request:
 *
 *   NEW -> BODY --(complete)--> SUSPENDED --(http_resume)--> RESUMED -> ANSWERED
 *     |     |'--------------------------------------------------------^
 *     '--> DISCARD --(complete)---------------------------------------^
 */
enum step {
	STEP_NEW,
	STEP_BODY,
	STEP_DISCARD,
	STEP_SUSPENDED,
	STEP_RESUMED,
	STEP_ANSWERED,
};

struct http_request {
	struct http_server *server;
	struct MHD_Connection *mhd;
	struct connection *connection;
	const struct settings *settings; /* its connection's */
	struct resumption resumption;
	struct reader reader;
	struct hygiene head;
	const char *uri_error;
	const char *method; /* owned by libmicrohttpd */
	char *path;         /* a copy of the target's path; its query follows the NUL */
	const char *query;  /* within path; NULL: the target has none */
	_Atomic int step;
	struct net_address client;
	bool client_counted;
	bool in_head; /* it is in its loop's list of heads, by the next two */
	struct http_request *next_head, *previous_head;
	bool was_suspended;
	bool bypassed; /* answered, bypassing libmicrohttpd */
	struct body body;
	size_t discarded;
	unsigned status; /* of a refusal */
	const char *reason;
	alignas(max_align_t) unsigned char own[]; /* the handler's part */
};

void *request_begin(void *server, const char *uri, struct MHD_Connection *mhd);
enum MHD_Result request_handle(void *server, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **request);
void request_end(void *server, struct MHD_Connection *mhd, void **request,
	enum MHD_RequestTerminationCode how);

/* Ends a request that libmicrohttpd has forgotten: it does not report the end of one whose query
 * does not fit into the connection's memory. When its connection closes, or begins another. */
void request_abandon(struct connection *c);

#endif
