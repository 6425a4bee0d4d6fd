#include "request.h"

#include "base/clock.h"
#include "refusal.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Bytes beyond limits.body that are read only so that an answer can be given. */
#define DISCARD_MAX ((size_t)1024 * 1024)

/* ---- answers ---- */

void http_refuse(struct http_request *r, unsigned status, const char *reason)
{
	r->status = status;
	r->reason = reason;
	atomic_store(&r->step, STEP_DISCARD);
}

/* A refusal that was not reported to the handler yet. */
static void refuse_and_report(struct http_request *r, unsigned status, const char *reason)
{
	http_refuse(r, status, reason);
	r->server->handler->refused(r, status, reason);
}

static void count_answer(struct http_server *s, unsigned status)
{
	if (status >= 500)
		atomic_fetch_add(&s->unavailable, 1);
	else if (status >= 400)
		atomic_fetch_add(&s->refused, 1);
}

/* libmicrohttpd reads the lines of chunks leniently (a bare LF ends one): a request that
 * another program may read differently must be the last on its connection. */
static bool is_last(const struct http_request *r, unsigned status)
{
	return status == MHD_HTTP_BAD_REQUEST || r->head.chunked ||
	       atomic_load(&r->server->draining) ||
	       atomic_load(&r->connection->generation->closing);
}

static bool add_headers(struct MHD_Response *response, const char *const *headers)
{
	for (; headers[0] != NULL; headers += 2)
		if (MHD_add_response_header(response, headers[0], headers[1]) != MHD_YES)
			return false;
	return true;
}

void http_answer(struct http_request *r, unsigned status, const char *const *headers,
	const void *body, size_t len)
{
	/* The library's interface takes it without const, but only copies it. */
	struct MHD_Response *response = MHD_create_response_from_buffer(
		len, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);
	static const char *const close[] = {"Connection", "close", NULL};

	if (response == NULL)
		return;
	count_answer(r->server, status);
	if (add_headers(response, headers) &&
		(!is_last(r, status) || add_headers(response, close))) {
		connection_enter(&r->server->connections, r->connection, CONNECTION_ANSWERING,
			r->settings->limits.request_time);
		if (MHD_queue_response(r->mhd, status, response) == MHD_YES)
			atomic_store(&r->step, STEP_ANSWERED);
	}
	MHD_destroy_response(response);
}

/* MHD_NO closes the connection. */
static enum MHD_Result answer_refusal(struct http_request *r)
{
	r->server->handler->refusal(r, r->status, r->reason);
	return atomic_load(&r->step) == STEP_ANSWERED ? MHD_YES : MHD_NO;
}

/* Called once the handler has decided. */
static enum MHD_Result conclude(struct http_request *r)
{
	int step = atomic_load(&r->step);

	if (step == STEP_DISCARD)
		return answer_refusal(r);
	return step == STEP_ANSWERED ? MHD_YES : MHD_NO;
}

/* ---- suspension ---- */

bool http_suspend(struct http_request *r)
{
	struct http_server *s = r->server;

	/* Counted first, checked afterwards; http_server_stop does this in reverse order. */
	atomic_fetch_add(&s->suspended, 1);
	if (atomic_load(&s->stopping)) {
		atomic_fetch_sub(&s->suspended, 1);
		return false;
	}
	r->was_suspended = true;
	atomic_store(&r->step, STEP_SUSPENDED);
	connection_enter(&s->connections, r->connection, CONNECTION_SUSPENDED, INT64_MAX);
	MHD_suspend_connection(r->mhd);
	return true;
}

void http_resume(struct http_request *r)
{
	atomic_store(&r->step, STEP_RESUMED);
	r->resumption.mhd = r->mhd;
	loop_resume(r->connection->loop, &r->resumption);
}

/* ---- the request line ---- */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* libmicrohttpd decodes the target in place once request_begin has returned. */
static bool copy_target(struct http_request *r, const char *uri)
{
	size_t len;

	r->path = strdup(hygiene_path(uri, &len));
	if (r->path == NULL)
		return false;
	if (r->path[len] == '?')
		r->query = r->path + len + 1;
	r->path[len] = '\0';
	return true;
}

static struct http_request *new_request(
	struct http_server *s, struct connection *c, struct MHD_Connection *mhd, const char *uri)
{
	struct http_request *r = calloc(1, sizeof(*r) + s->handler->request_size);

	if (r == NULL)
		return NULL;
	r->server = s;
	r->mhd = mhd;
	r->connection = c;
	r->client = c->peer;
	r->head.uri = uri;
	r->head.uri_len = strlen(uri);
	r->uri_error = hygiene_check_uri(uri, r->head.uri_len);
	if (!copy_target(r, uri)) {
		free(r);
		return NULL;
	}
	settings_refresh(&s->settings, &c->settings);
	r->settings = c->settings;
	return r;
}

static void free_request(struct http_request *r)
{
	buf_free(&r->head.forwarded);
	body_free(&r->body, &r->server->bodies);
	free(r->path);
	free(r);
}

/* What it returns becomes *request of the other callbacks. */
void *request_begin(void *server, const char *uri, struct MHD_Connection *mhd)
{
	struct http_server *s = server;
	struct connection *c = connection_of(mhd);
	struct http_request *r = c != NULL && uri != NULL ? new_request(s, c, mhd, uri) : NULL;

	if (r == NULL)
		return NULL;
	request_abandon(c);
	c->unseen = 0;
	atomic_fetch_add(&s->requests, 1);
	if (!s->handler->begin(r, s->arg)) {
		free_request(r);
		return NULL;
	}
	c->request = r;
	refusal_enter_head(r);
	connection_enter(&s->connections, c, CONNECTION_READING, r->settings->limits.request_time);
	return r;
}

/* ---- the head ---- */

static bool is_trusted_proxy(const struct http_request *r, const struct net_address *address)
{
	return net_within(address, r->settings->trusted_proxies, r->settings->trusted_proxy_count);
}

static void find_client(struct http_request *r)
{
	const struct buf *list = &r->head.forwarded;

	r->client = net_client(&r->connection->peer, list->data != NULL ? list->data : "",
		list->len, r->settings->trusted_proxies, r->settings->trusted_proxy_count);
}

/* Counts a forwarded client; others are counted by their connections. */
static bool is_within_per_ip(struct http_request *r)
{
	if (r->connection->counted != NULL || r->client.family == AF_UNIX ||
		is_trusted_proxy(r, &r->client))
		return true;
	r->client_counted = connections_enter_client(
		&r->server->connections, &r->client, r->settings->limits.per_ip);
	return r->client_counted;
}

static void refuse_for_room(struct http_request *r)
{
	refuse_and_report(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many large bodies at once");
}

/* Decides whether the body of a sound request is wanted. */
static void judge_head(struct http_request *r)
{
	const struct http_limits *limits = &r->settings->limits;
	const struct http_handler *handler = r->server->handler;

	find_client(r);
	handler->head(r);
	if (atomic_load(&r->step) != STEP_NEW)
		return;
	if (!is_within_per_ip(r))
		refuse_and_report(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"too many requests at once from this address");
	else if (r->head.length > limits->body)
		refuse_and_report(r, MHD_HTTP_CONTENT_TOO_LARGE, "body too large");
	else if (handler->admit != NULL)
		handler->admit(r);
	if (atomic_load(&r->step) != STEP_NEW)
		return;
	if (!body_fits(&r->server->bodies, limits->bodies, (size_t)r->head.length))
		refuse_for_room(r);
	else
		atomic_store(&r->step, STEP_BODY);
	r->body.most = r->head.chunked ? limits->body : (size_t)r->head.length;
}

static enum MHD_Result take_head(struct http_request *r, const char *method, const char *version)
{
	struct hygiene *head = &r->head;
	const char *error = hygiene_check(r->mhd, method, version, head);

	r->method = method;
	if (error == NULL)
		error = r->uri_error;
	if (error != NULL)
		refuse_and_report(r, MHD_HTTP_BAD_REQUEST, error);
	else
		judge_head(r);
	buf_free(&head->forwarded);
	/* An answer now makes libmicrohttpd close the connection with the body unread, and the
	 * reset that follows may destroy the answer. So a body of tolerable size is read first,
	 * unless the client waits for permission to send it. */
	if (atomic_load(&r->step) == STEP_DISCARD &&
		(error != NULL || head->expects ||
			head->length > r->settings->limits.body + DISCARD_MAX))
		return answer_refusal(r);
	if (head->chunked)
		loop_watch(&r->reader, r->connection, r->mhd, r->settings->limits.request_time);
	return MHD_YES;
}

/* ---- the body ---- */

/* The body grows too large while it is read, where libmicrohttpd takes no answer: without
 * TLS the answer bypasses it, with TLS it waits for the body's end. What follows is read and
 * discarded, up to a bound: closing with bytes unread would reset the connection, and the
 * answer might be lost with it. */
static void refuse_growth(struct http_request *r)
{
	body_free(&r->body, &r->server->bodies);
	refuse_and_report(r, MHD_HTTP_CONTENT_TOO_LARGE, "body too large");
	r->discarded = r->settings->limits.body;
	r->bypassed = connection_refuse(r->connection, "413 Content Too Large");
	if (r->bypassed)
		count_answer(r->server, MHD_HTTP_CONTENT_TOO_LARGE);
}

/* Keeps a part of the body, or refuses the request. */
static void keep_part(struct http_request *r, const char *data, size_t n)
{
	struct body_budget *budget = &r->server->bodies;

	if (n > r->body.most - r->body.bytes.len) {
		refuse_growth(r);
	} else if (!body_add(&r->body, budget, r->settings->limits.bodies, data, n)) {
		body_free(&r->body, budget);
		refuse_for_room(r);
	}
}

static enum MHD_Result take_body(struct http_request *r, const char *data, size_t *size)
{
	size_t n = *size;

	*size = 0;
	if (r->reader.connection != NULL)
		r->reader.since = clock_steady();
	if (atomic_load(&r->step) == STEP_BODY)
		keep_part(r, data, n);
	if (atomic_load(&r->step) == STEP_DISCARD)
		r->discarded += n;
	return r->discarded <= r->settings->limits.body + DISCARD_MAX ? MHD_YES : MHD_NO;
}

/* ---- the whole request ---- */

static enum MHD_Result take_whole(struct http_request *r)
{
	if (buf_ok(&r->body.bytes))
		r->server->handler->handle(r);
	else
		http_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
	/* Another thread may have resumed it already; then it is called again. */
	return r->was_suspended ? MHD_YES : conclude(r);
}

enum MHD_Result request_handle(void *server, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **request)
{
	struct http_request *r = *request;

	(void)server;
	(void)mhd;
	(void)url;
	if (r == NULL)
		return MHD_NO;
	r->connection->loop->idle_turns = 0;
	r->connection->unseen = 0;
	refusal_leave_head(r);
	if (atomic_load(&r->step) == STEP_NEW)
		return take_head(r, method, version);
	if (*size > 0)
		return take_body(r, data, size);
	loop_unwatch(&r->reader);
	switch (atomic_load(&r->step)) {
	case STEP_BODY:
		return take_whole(r);
	case STEP_RESUMED:
		r->server->handler->resumed(r);
		return conclude(r);
	case STEP_DISCARD:
		return r->bypassed ? MHD_NO : answer_refusal(r);
	default:
		return MHD_NO;
	}
}

void request_end(void *server, struct MHD_Connection *mhd, void **request,
	enum MHD_RequestTerminationCode how)
{
	struct http_server *s = server;
	struct http_request *r = *request;

	(void)mhd;
	if (r == NULL)
		return;
	*request = NULL;
	r->connection->request = NULL;
	refusal_leave_head(r);
	loop_unwatch(&r->reader);
	refusal_report_ended(r);
	s->handler->end(r);
	if (r->client_counted)
		connections_leave_client(&s->connections, &r->client);
	if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		atomic_store(&r->connection->served, true);
	connection_enter(
		&s->connections, r->connection, CONNECTION_IDLE, r->settings->limits.request_time);
	if (atomic_load(&s->draining) || atomic_load(&r->connection->generation->closing))
		shutdown(r->connection->fd, SHUT_RD);
	if (r->was_suspended)
		atomic_fetch_sub(&s->suspended, 1);
	free_request(r);
}

void request_abandon(struct connection *c)
{
	void *request = c->request;

	if (c->request != NULL)
		request_end(c->request->server, c->request->mhd, &request,
			MHD_REQUEST_TERMINATED_WITH_ERROR);
}
