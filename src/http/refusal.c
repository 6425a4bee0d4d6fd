#include "refusal.h"

#include "generation.h"

#include <stdatomic.h>

/* libmicrohttpd sends an answer of its own in the run in which it refuses, or in the next; then it
 * closes the connection. */
#define REFUSAL_RUNS 3

void refusal_enter_head(struct http_request *r)
{
	struct loop *loop = r->connection->loop;

	r->in_head = true;
	r->next_head = loop->heads;
	if (r->next_head != NULL)
		r->next_head->previous_head = r;
	loop->heads = r;
}

void refusal_leave_head(struct http_request *r)
{
	if (!r->in_head)
		return;
	r->in_head = false;
	if (r->previous_head != NULL)
		r->previous_head->next_head = r->next_head;
	else
		r->connection->loop->heads = r->next_head;
	if (r->next_head != NULL)
		r->next_head->previous_head = r->previous_head;
}

/* libmicrohttpd reports no size of a head that is not complete; and of those that are, the handler
 * is called at once. */
static struct http_request *completed_head(const struct loop *loop)
{
	struct http_request *r = loop->heads;

	while (r != NULL &&
		MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) == NULL)
		r = r->next_head;
	return r;
}

void refusal_of_length(struct loop *loop, unsigned status)
{
	struct http_request *r = completed_head(loop);
	bool malformed = status == MHD_HTTP_BAD_REQUEST;

	if (r == NULL)
		return;
	refusal_leave_head(r);
	loop->length_refused = true;
	(void)connection_refuse(
		r->connection, malformed ? "400 Bad Request" : "413 Content Too Large");
	atomic_fetch_add(&r->server->refused, 1);
	r->server->handler->refused(
		r, status, malformed ? "Content-Length is not a number" : "body too large");
}

static const char *library_reason(unsigned status)
{
	switch (status) {
	case MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE:
		return "headers too large";
	case MHD_HTTP_URI_TOO_LONG:
		return "request line too long";
	case MHD_HTTP_CONTENT_TOO_LARGE:
		return "chunk too large";
	case MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED:
		return "HTTP version other than 1.0 and 1.1";
	default:
		return "malformed request";
	}
}

static void report_library(struct http_request *r, unsigned status)
{
	atomic_fetch_add(&r->server->refused, 1);
	r->server->handler->refused(r, status, library_reason(status));
}

void refusal_of_library(struct loop *loop, unsigned status)
{
	struct http_request *r = loop->heads;

	if (loop->length_refused) { /* the same refusal */
		loop->length_refused = false;
		return;
	}
	loop->refusal = (struct library_refusal){.status = status};
	/* Headers are too large only where some are being read, or trailers are. */
	if (status != MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE || r == NULL ||
		r->next_head != NULL || loop->readers != NULL)
		return;
	loop->refusal.status = 0;
	refusal_leave_head(r);
	(void)connection_refuse(r->connection, "431 Request Header Fields Too Large");
	report_library(r, status);
}

void refusal_report_ended(struct http_request *r)
{
	struct library_refusal *refusal = &r->connection->loop->refusal;

	if (refusal->status == 0 || r->bypassed || atomic_load(&r->step) == STEP_ANSWERED)
		return;
	report_library(r, refusal->status);
	refusal->status = 0;
}

void refusal_log(struct loop *loop)
{
	struct library_refusal *refusal = &loop->refusal;
	bool known = refusal->closed == 1;

	if (refusal->status == 0 || (refusal->closed == 0 && ++refusal->runs < REFUSAL_RUNS))
		return;
	connection_log_refused(known ? &refusal->peer : NULL, library_reason(refusal->status));
	refusal->status = 0;
}

void refusal_connection_closes(struct connection *c)
{
	struct library_refusal *refusal = &c->loop->refusal;

	if (c->request == NULL) {
		refusal->closed++;
		refusal->peer = c->peer;
	}
}
