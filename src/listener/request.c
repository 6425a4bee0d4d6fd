#include "request.h"

#include "base/clock.h"
#include "conf/match.h"
#include "http/server.h"
#include "verify/verify.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define DISCARD_MAX                                                                                \
	((size_t)1024 * 1024) /* bytes read only to be able to answer, beyond limits.body */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* The library decodes the target in place once request_begin is back. */
static bool copy_target(struct request *r, const char *uri)
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

const char *request_query(const struct request *r, size_t *len)
{
	if (r->query != NULL && len != NULL)
		*len = strlen(r->query);
	return r->query;
}

const char *request_header(const struct request *r, const char *name, size_t *len)
{
	const char *value = NULL;
	size_t n = 0;

	if (MHD_lookup_connection_value_n(
		    r->mhd, MHD_HEADER_KIND, name, strlen(name), &value, &n) != MHD_YES)
		return NULL;
	if (len != NULL)
		*len = n;
	return value;
}

/* Called when the request line is in, before libmicrohttpd alters it. What it
 * returns becomes the request. */
void *request_begin(void *listener, const char *uri, struct MHD_Connection *mhd)
{
	struct listener *l = listener;
	struct connection *c = connection_of(mhd);
	struct request *r = calloc(1, sizeof(*r));

	if (r == NULL || c == NULL || uri == NULL) {
		free(r);
		return NULL;
	}
	atomic_fetch_add(&l->requests, 1);
	r->listener = l;
	r->mhd = mhd;
	r->connection = c;
	r->conf = listener_conf(l);
	r->uri = uri;
	r->uri_len = strlen(uri);
	r->uri_error = hygiene_check_uri(uri, r->uri_len);
	if (!copy_target(r, uri)) {
		conf_unref(r->conf);
		free(r);
		return NULL;
	}
	r->source = conf_source_by_path(r->conf, r->path);
	if (r->source != NULL)
		r->proof_headers[0] = verify_scheme_header(r->source->scheme);
	connection_enter(&l->connections, c, CONNECTION_READING, r->conf->limits.request_time);
	return r;
}

/* ---- the event ---- */

static bool is_authentic(struct request *r, int64_t now)
{
	const struct conf_source *source = r->source;
	size_t header_len = 0;
	const char *header = request_header(r, r->proof_headers[0], &header_len);
	struct verify_request request = {
		.header = header,
		.header_len = header_len,
		.body = r->body.data,
		.body_len = r->body.len,
		.secrets = source->secrets,
		.secret_count = source->secret_count,
		.tolerance = source->tolerance,
		.now = now,
	};
	struct verify_detail detail;
	enum verify_result result = verify_signature(source->scheme, &request, &detail);

	if (result == VERIFY_OK)
		return true;
	request_refuse(r, MHD_HTTP_UNAUTHORIZED, verify_reason(result));
	request_log_refusal(r, &detail);
	return false;
}

/* Runs in the store's writer thread, once the event is on disk or cannot be. */
static void stored(struct store_op *op)
{
	struct request *r = (struct request *)op;

	atomic_store(&r->step, STEP_STORED);
	r->resumption.mhd = r->mhd;
	loop_resume(r->connection->loop, &r->resumption); /* r may be gone from here on */
}

/* Hands the event over and suspends the connection until it is on disk. False:
 * refused, the answer is decided. */
static bool store_event(struct request *r)
{
	struct listener *l = r->listener;
	size_t wanted;

	/* Counted first, looked after: listener_stop does it the other way round. */
	atomic_fetch_add(&l->storing, 1);
	if (atomic_load(&l->stopping)) {
		atomic_fetch_sub(&l->storing, 1);
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping");
		return false;
	}
	wanted = match_hooks(r->conf, r->source, &r->event, r->hooks, &r->declined);
	event_drop_document(&r->event);
	if (!buf_ok(&r->declined)) {
		atomic_fetch_sub(&l->storing, 1);
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return false;
	}
	r->put = (struct store_put){
		.op = {.kind = STORE_OP_PUT, .done = stored},
		.event = &r->event,
		.hooks = r->hooks,
		.hook_count = wanted,
		.declined = r->declined.data,
	};
	atomic_store(&r->step, STEP_STORING);
	connection_enter(&l->connections, r->connection, CONNECTION_STORING, INT64_MAX);
	MHD_suspend_connection(r->mhd);
	loop_put(r->connection->loop, &r->put.op);
	return true;
}

static enum MHD_Result take_event(struct request *r)
{
	int64_t now = clock_wall();

	if (!buf_ok(&r->body)) {
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return request_answer_refusal(r);
	}
	if (!is_authentic(r, now))
		return request_answer_refusal(r);
	atomic_store(&r->connection->proven, true);
	r->hooks = calloc(r->conf->hook_count + 1, sizeof(*r->hooks));
	if (r->hooks == NULL ||
		!event_parse(&r->event, r->body.data != NULL ? r->body.data : "", r->body.len)) {
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return request_answer_refusal(r);
	}
	r->event.source = r->source->name;
	r->event.source_id = r->source->store_id;
	r->event.received_at = now;
	r->event.origin = "webhook";
	net_format(&r->client, r->event.remote);
	return store_event(r) ? MHD_YES : request_answer_refusal(r);
}

/* ---- the request ---- */

static bool is_allowed(const struct request *r)
{
	const struct conf_source *source = r->source;

	/* A Unix socket without a proxy in between has no address to hold against it. */
	return source->allow_count == 0 || r->client.family == AF_UNIX ||
	       net_within(&r->client, source->allow, source->allow_count);
}

/* Finds the client behind the proxies, and counts a forwarded one. */
static bool is_within_per_ip(struct request *r, const struct hygiene *h)
{
	const struct conf *conf = r->conf;

	r->client =
		net_client(&r->connection->peer, h->forwarded.data != NULL ? h->forwarded.data : "",
			h->forwarded.len, conf->trusted_proxies, conf->trusted_proxy_count);
	if (r->connection->counted != NULL || r->client.family == AF_UNIX ||
		net_within(&r->client, conf->trusted_proxies, conf->trusted_proxy_count))
		return true;
	r->client_counted = connections_enter_client(
		&r->listener->connections, &r->client, conf->limits.per_ip);
	return r->client_counted;
}

/* The head is in: decides whether the body is wanted. */
static void judge(struct request *r, const char *method, const struct hygiene *h)
{
	if (r->source == NULL)
		request_refuse(r, MHD_HTTP_NOT_FOUND, "no source has this path");
	else if (strcmp(method, "POST") != 0)
		request_refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "POST only");
	else if (!is_within_per_ip(r, h))
		request_refuse(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"too many requests at once from this address");
	else if (!is_allowed(r))
		request_refuse(r, MHD_HTTP_FORBIDDEN, "address not allowed");
	else if (h->length > r->conf->limits.body)
		request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "body too large");
	else
		atomic_store(&r->step, STEP_BODY);
}

static enum MHD_Result begin(struct request *r, const char *method, const char *version)
{
	struct hygiene *h = &r->head;
	const char *error;
	bool answer_now = false;

	r->client = r->connection->peer;
	*h = (struct hygiene){.uri = r->uri, .uri_len = r->uri_len, .single = r->proof_headers};
	error = hygiene_check(r->mhd, method, version, h);
	r->chunked = h->chunked;
	if (error == NULL)
		error = r->uri_error;
	if (error != NULL) {
		request_refuse(r, MHD_HTTP_BAD_REQUEST, error);
		answer_now = true;
	} else {
		judge(r, method, h);
	}
	buf_free(&h->forwarded);
	if (atomic_load(&r->step) == STEP_DISCARD)
		request_log_refusal(r, NULL);
	/* An answer now makes libmicrohttpd close the connection with the body unread,
	 * and the reset that follows may eat the answer. So a body of bearable size is
	 * read first, unless the client waits for leave to send it. */
	if (atomic_load(&r->step) == STEP_DISCARD &&
		(answer_now || h->expects || h->length > r->conf->limits.body + DISCARD_MAX))
		return request_answer_refusal(r);
	if (h->chunked)
		loop_watch(&r->reader, r->connection, r->mhd, r->conf->limits.request_time);
	return MHD_YES;
}

/* The body turns out too large while it is read, where libmicrohttpd takes no
 * answer: without TLS the answer goes past it, with TLS it waits for the body's
 * end. What follows is read and thrown away, up to a bound: closing with bytes
 * unread would reset the connection, and the answer might be lost with it. */
static void outgrow(struct request *r)
{
	buf_free(&r->body);
	request_refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "body too large");
	request_log_refusal(r, NULL);
	r->discarded = r->conf->limits.body;
	r->answered = connection_refuse(r->connection, "413 Content Too Large");
	if (r->answered)
		atomic_fetch_add(&r->listener->refused, 1);
}

static enum MHD_Result take_body(struct request *r, const char *data, size_t *size)
{
	size_t n = *size, limit = r->conf->limits.body;

	*size = 0;
	if (r->reader.connection != NULL)
		r->reader.since = clock_steady();
	if (atomic_load(&r->step) == STEP_BODY) {
		if (n <= limit - r->body.len) {
			buf_add(&r->body, data, n);
			return MHD_YES;
		}
		outgrow(r);
	}
	r->discarded += n;
	return r->discarded <= limit + DISCARD_MAX ? MHD_YES : MHD_NO;
}

enum MHD_Result request_handle(void *listener, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **request)
{
	struct request *r = *request;

	(void)listener;
	(void)mhd;
	(void)url;
	if (r == NULL)
		return MHD_NO;
	r->connection->loop->vain_turns = 0;
	if (atomic_load(&r->step) == STEP_NEW)
		return begin(r, method, version);
	if (*size > 0)
		return take_body(r, data, size);
	loop_unwatch(&r->reader);
	switch (atomic_load(&r->step)) {
	case STEP_BODY:
		return take_event(r);
	case STEP_STORED:
		return request_answer_stored(r);
	case STEP_DISCARD:
		return r->answered ? MHD_NO : request_answer_refusal(r);
	default:
		return MHD_NO;
	}
}

void request_end(void *listener, struct MHD_Connection *mhd, void **request,
	enum MHD_RequestTerminationCode how)
{
	struct listener *l = listener;
	struct request *r = *request;

	(void)mhd;
	if (r == NULL)
		return;
	*request = NULL;
	loop_unwatch(&r->reader);
	if (atomic_load(&r->step) == STEP_STORED)
		request_log_put(r);
	if (r->client_counted)
		connections_leave_client(&l->connections, &r->client);
	if (how == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		atomic_store(&r->connection->served, true);
	connection_enter(
		&l->connections, r->connection, CONNECTION_IDLE, r->conf->limits.request_time);
	if (atomic_load(&l->draining) || atomic_load(&r->connection->generation->closing))
		shutdown(r->connection->fd, SHUT_RD);
	event_free(&r->event);
	free(r->hooks);
	buf_free(&r->declined);
	free(r->path);
	buf_free(&r->body);
	conf_unref(r->conf);
	if (r->put.op.done != NULL)
		atomic_fetch_sub(&l->storing, 1);
	free(r);
}
