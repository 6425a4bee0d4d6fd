#include "listener_http.h"

#include "clock.h"
#include "match.h"
#include "verify.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISCARD_MAX                                                                                \
	((size_t)1024 * 1024) /* bytes read only to be able to answer, beyond limits.body */
#define RETRY_AFTER "5"       /* seconds; FedaPay's own gaps grow from seconds to 2 min */

/* The steps of a request:
 *
 *   NEW -> BODY --(all there)--> STORING --(on disk)--> STORED -> answered
 *     '--> DISCARD --(all there)----------------------------------^
 */
enum step { STEP_NEW, STEP_BODY, STEP_DISCARD, STEP_STORING, STEP_STORED };

struct request {
	struct store_put put; /* first: the store gives back its op */
	struct listener *listener;
	struct MHD_Connection *mhd;
	struct resumption resumption;
	struct reader reader;
	struct connection *connection;
	struct conf *conf;
	const struct conf_source *source; /* NULL: no such path */
	const char *uri_error;
	const char *uri;
	size_t uri_len;
	_Atomic int step;
	struct net_address client;
	bool client_counted;
	bool chunked;
	char *signature; /* NULL: the header is missing */
	size_t signature_len;
	struct buf body;
	size_t discarded;
	struct event event;
	int64_t *hooks;
	struct buf declined; /* by which hooks, and why */
	bool logged;         /* what the store did with it */
	bool answered;       /* past libmicrohttpd */
	unsigned status;     /* the answer, once it is decided */
	const char *reason;
};

static struct connection *connection_of(struct MHD_Connection *mhd)
{
	const union MHD_ConnectionInfo *info =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info != NULL ? info->socket_context : NULL;
}

/* Called when the request line is in, before libmicrohttpd alters it. What it
 * returns becomes the request. */
void *request_begin(void *listener, const char *uri, struct MHD_Connection *mhd)
{
	struct listener *l = listener;
	struct connection *c = connection_of(mhd);
	struct request *r = calloc(1, sizeof(*r));
	const char *path_at;
	size_t path_len;
	char *path;

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
	path_at = hygiene_path(uri, &path_len);
	path = strndup(path_at, path_len);
	if (path == NULL) {
		conf_unref(r->conf);
		free(r);
		return NULL;
	}
	r->source = conf_source_by_path(r->conf, path);
	free(path);
	connection_enter(&l->connections, c, CONNECTION_READING, r->conf->limits.request_time);
	return r;
}

/* ---- answering ---- */

static enum MHD_Result send_answer(
	struct request *r, unsigned status, const char *type, const char *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer_with_free_callback(
		strlen(text), strdup(text), free);
	/* libmicrohttpd reads chunks' lines leniently (a bare LF ends one): what two programs
	 * may read differently must be the last on its connection. */
	bool close = status == 400 || r->chunked || atomic_load(&r->listener->draining) ||
		     atomic_load(&r->connection->generation->closing);
	enum MHD_Result result;

	if (response == NULL)
		return MHD_NO;
	MHD_add_response_header(response, "Content-Type", type);
	if (close)
		MHD_add_response_header(response, "Connection", "close");
	if (status == 405)
		MHD_add_response_header(response, "Allow", "POST");
	if (status == 503 || status == 429)
		MHD_add_response_header(response, "Retry-After", RETRY_AFTER);
	connection_enter(&r->listener->connections, r->connection, CONNECTION_ANSWERING,
		r->conf->limits.request_time);
	result = MHD_queue_response(r->mhd, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer_refusal(struct request *r)
{
	struct buf b = {0};
	enum MHD_Result result = MHD_NO;

	if (r->status >= 500)
		atomic_fetch_add(&r->listener->unavailable, 1);
	else
		atomic_fetch_add(&r->listener->refused, 1);
	if (r->status == 405)
		return send_answer(r, 405, "text/plain; charset=utf-8",
			"hookd is up: this address takes webhooks, by POST.\n");
	buf_printf(
		&b, "{\"status\":\"%s\",\"reason\":", r->status >= 500 ? "unavailable" : "refused");
	buf_add_json(&b, r->reason, strlen(r->reason));
	buf_add_text(&b, "}\n");
	if (buf_ok(&b))
		result = send_answer(r, r->status, "application/json", b.data);
	buf_free(&b);
	return result;
}

static enum MHD_Result answer_event(struct request *r, const char *status)
{
	char text[96];

	snprintf(text, sizeof(text), "{\"status\":\"%s\",\"event\":%" PRId64 "}\n", status,
		r->put.event_id);
	return send_answer(r, MHD_HTTP_OK, "application/json", text);
}

static void log_refusal(const struct request *r, const struct verify_detail *detail)
{
	static struct log_limit quiet;
	char address[NET_TEXT];
	unsigned suppressed;

	if (!log_allowed(&quiet, &suppressed))
		return;
	net_format(&r->client, address);
	log_warn("request refused", log_int("status", (int64_t)r->status),
		log_text("reason", r->reason),
		detail != NULL && detail->off_by != 0 ? log_int("by_seconds", detail->off_by)
						      : log_text("by_seconds", NULL),
		log_text("hint", detail != NULL && detail->off_by != 0
					 ? "is this machine's clock right?"
					 : NULL),
		log_text("source", r->source != NULL ? r->source->name : NULL),
		log_text("remote", address),
		suppressed > 0 ? log_int("suppressed", suppressed) : log_text("suppressed", NULL));
}

static void refuse(struct request *r, unsigned status, const char *reason)
{
	r->status = status;
	r->reason = reason;
	atomic_store(&r->step, STEP_DISCARD);
}

/* ---- the event ---- */

static bool is_authentic(struct request *r, int64_t now)
{
	const struct conf_source *source = r->source;
	struct verify_request request = {
		.header = r->signature,
		.header_len = r->signature_len,
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
	refuse(r, MHD_HTTP_UNAUTHORIZED, verify_reason(result));
	log_refusal(r, &detail);
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
		refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "stopping");
		return false;
	}
	wanted = match_hooks(r->conf, r->source, &r->event, r->hooks, &r->declined);
	event_drop_document(&r->event);
	if (!buf_ok(&r->declined)) {
		atomic_fetch_sub(&l->storing, 1);
		refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
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
		refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return answer_refusal(r);
	}
	if (!is_authentic(r, now))
		return answer_refusal(r);
	atomic_store(&r->connection->proven, true);
	r->hooks = calloc(r->conf->hook_count + 1, sizeof(*r->hooks));
	if (r->hooks == NULL ||
		!event_parse(&r->event, r->body.data != NULL ? r->body.data : "", r->body.len)) {
		refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
		return answer_refusal(r);
	}
	r->event.source = r->source->name;
	r->event.source_id = r->source->store_id;
	r->event.received_at = now;
	r->event.origin = "webhook";
	net_format(&r->client, r->event.remote);
	return store_event(r) ? MHD_YES : answer_refusal(r);
}

static void log_event(const struct request *r, const char *message)
{
	const struct event *ev = &r->event;

	log_info(message, log_int("event", r->put.event_id), log_text("source", ev->source),
		log_text("type", ev->type), log_text("key", ev->idempotency_key),
		log_int("hooks", (int64_t)r->put.hook_count), log_text("remote", ev->remote));
}

/* What came of it in the store, told once: to the log even when the client has
 * left and takes no answer. */
static void log_put(struct request *r)
{
	const struct event *ev = &r->event;

	if (r->logged)
		return;
	r->logged = true;
	if (r->put.op.result == STORE_OK && ev->quarantined == NULL)
		log_event(r, "event stored");
	else if (r->put.op.result == STORE_OK)
		log_warn("event quarantined", log_int("event", r->put.event_id),
			log_text("source", ev->source), log_text("reason", ev->quarantined),
			log_int("bytes", (int64_t)ev->payload_len), log_text("remote", ev->remote));
	else if (r->put.op.result == STORE_DUPLICATE && r->put.conflict)
		log_warn("idempotency key seen before with another body: kept the first",
			log_int("event", r->put.event_id), log_text("source", ev->source),
			log_text("key", ev->idempotency_key), log_text("remote", ev->remote));
	else if (r->put.op.result == STORE_DUPLICATE)
		log_event(r, "event seen before");
}

static enum MHD_Result answer_stored(struct request *r)
{
	log_put(r);
	switch (r->put.op.result) {
	case STORE_OK:
		return answer_event(r, r->event.quarantined == NULL ? "stored" : "quarantined");
	case STORE_DUPLICATE:
		return answer_event(r, "duplicate");
	case STORE_FULL:
		refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many deliveries wait");
		log_refusal(r, NULL);
		return answer_refusal(r);
	case STORE_ERROR:
		break;
	}
	refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "the store cannot take it"); /* it has logged why */
	return answer_refusal(r);
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
		refuse(r, MHD_HTTP_NOT_FOUND, "no source has this path");
	else if (strcmp(method, "POST") != 0)
		refuse(r, MHD_HTTP_METHOD_NOT_ALLOWED, "POST only");
	else if (!is_within_per_ip(r, h))
		refuse(r, MHD_HTTP_TOO_MANY_REQUESTS,
			"too many requests at once from this address");
	else if (!is_allowed(r))
		refuse(r, MHD_HTTP_FORBIDDEN, "address not allowed");
	else if (h->length > r->conf->limits.body)
		refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "body too large");
	else
		atomic_store(&r->step, STEP_BODY);
}

static bool keep_signature(struct request *r, const struct hygiene *h)
{
	if (h->signature == NULL)
		return true;
	r->signature_len = h->signature_len;
	r->signature = strndup(h->signature, h->signature_len);
	return r->signature != NULL;
}

static enum MHD_Result begin(struct request *r, const char *method, const char *version)
{
	struct hygiene h = {
		.uri = r->uri,
		.uri_len = r->uri_len,
		.signature_header =
			r->source != NULL ? verify_scheme_header(r->source->scheme) : NULL,
	};
	const char *error;
	bool answer_now = false;

	r->client = r->connection->peer;
	error = hygiene_check(r->mhd, method, version, &h);
	r->chunked = h.chunked;
	if (error == NULL)
		error = r->uri_error;
	if (error != NULL) {
		refuse(r, MHD_HTTP_BAD_REQUEST, error);
		answer_now = true;
	} else {
		judge(r, method, &h);
		if (!keep_signature(r, &h)) {
			refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "out of memory");
			answer_now = true;
		}
	}
	buf_free(&h.forwarded);
	if (atomic_load(&r->step) == STEP_DISCARD)
		log_refusal(r, NULL);
	/* An answer now makes libmicrohttpd close the connection with the body unread,
	 * and the reset that follows may eat the answer. So a body of bearable size is
	 * read first, unless the client waits for leave to send it. */
	if (atomic_load(&r->step) == STEP_DISCARD &&
		(answer_now || h.expects || h.length > r->conf->limits.body + DISCARD_MAX))
		return answer_refusal(r);
	if (h.chunked)
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
	refuse(r, MHD_HTTP_CONTENT_TOO_LARGE, "body too large");
	log_refusal(r, NULL);
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
		return answer_stored(r);
	case STEP_DISCARD:
		return r->answered ? MHD_NO : answer_refusal(r);
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
		log_put(r);
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
	free(r->signature);
	buf_free(&r->body);
	conf_unref(r->conf);
	if (r->put.op.done != NULL)
		atomic_fetch_sub(&l->storing, 1);
	free(r);
}
