#include "request.h"

#include "answer.h"
#include "base/clock.h"
#include "batch.h"
#include "conf/match.h"
#include "health.h"
#include "process/sandbox.h"
#include "refused.h"

#include <stdlib.h>
#include <string.h>

static struct conf *current_conf(struct listener *l)
{
	struct conf *conf;

	pthread_mutex_lock(&l->lock);
	conf = conf_ref(l->conf);
	pthread_mutex_unlock(&l->lock);
	return conf;
}

static bool begin_request(struct http_request *http, void *listener)
{
	struct request *r = http_own(http);

	r->http = http;
	r->listener = listener;
	r->conf = current_conf(r->listener);
	r->store = atomic_load(&r->listener->store);
	/* Until then the sources have no ids. */
	if (r->store != NULL)
		r->source = conf_source_by_path(r->conf, http_path(http));
	if (r->source != NULL)
		http_require_single(http, r->source->sender->proof.headers);
	return true;
}

/* A request for a source, refused for what it is. */
static void count_refusal(const struct request *r, unsigned status, const char *reason)
{
	bool counts = status == 401 || status == 403 || status == 413;

	if (r->source != NULL && counts)
		health_refused(r->listener->health, r->source->store_id, clock_wall(), reason);
}

static void refuse_and_log(struct request *r, unsigned status, const char *reason)
{
	http_refuse(r->http, status, reason);
	count_refusal(r, status, reason);
	answer_log_refusal(r, status, reason, NULL, NULL);
}

/* ---- the head ---- */

static bool is_allowed(const struct request *r)
{
	const struct conf_source *source = r->source;
	const struct net_address *client = http_client(r->http);

	/* A Unix socket without a proxy in between has no address to check. */
	return source->allow_count == 0 || client->family == AF_UNIX ||
	       net_within(client, source->allow, source->allow_count);
}

static void judge_head(struct http_request *http)
{
	struct request *r = http_own(http);

	if (r->store == NULL)
		http_refuse(http, 503, "the store is not open yet");
	else if (r->source == NULL)
		refuse_and_log(r, 404, "no source has this path");
	else if (strcmp(http_method(http), "POST") != 0)
		refuse_and_log(r, 405, "POST only");
	else if (!is_allowed(r))
		refuse_and_log(r, 403, "address not allowed");
}

static const char *header_of(void *http, const char *name, size_t *len)
{
	return http_header(http, name, len);
}

/* Without the body. */
static struct verify_request proof_of(const struct request *r, int64_t now)
{
	return (struct verify_request){
		.header = header_of,
		.context = r->http,
		.query = http_query(r->http),
		.secrets = r->source->secrets,
		.secret_count = r->source->secret_count,
		.tolerance = r->source->tolerance,
		.now = now,
	};
}

static bool is_accepted(
	struct request *r, enum verify_result result, const struct verify_detail *detail)
{
	if (result == VERIFY_OK)
		return true;
	http_refuse(r->http, 401, verify_reason(result));
	count_refusal(r, 401, verify_reason(result));
	answer_log_refusal(r, 401, verify_reason(result), detail,
		sender_hint(r->source->sender, verify_reason(result), r->source->secrets,
			r->source->secret_count));
	return false;
}

/* Refuses what no body could make authentic. */
static void judge_proof(struct http_request *http)
{
	struct request *r = http_own(http);
	struct verify_request request = proof_of(r, clock_wall());
	struct verify_detail detail;

	(void)is_accepted(r, verify_head(&r->source->sender->proof, &request, &detail), &detail);
}

/* ---- the event ---- */

static bool is_authentic(struct request *r, int64_t now)
{
	struct verify_request request = proof_of(r, now);
	struct verify_detail detail;
	enum verify_result result;

	request.body = http_body(r->http, &request.body_len);
	result = verify_signature(&r->source->sender->proof, &request, &detail);
	if (result != VERIFY_OK)
		refused_keep(r, verify_reason(result), now);
	return is_accepted(r, result, &detail);
}

/* In the store's thread, once the event is on disk or cannot be. */
static void event_stored(struct store_op *op)
{
	struct request *r = (struct request *)op;

	r->stored = true;
	http_resume(r->http); /* r may be gone from here on */
}

/* Hands the event over; the request waits until it is on disk. */
static void store_event(struct request *r)
{
	size_t wanted = match_hooks(r->source, &r->event, r->hooks, &r->declined);

	event_drop_document(&r->event);
	if (!buf_ok(&r->declined)) {
		http_refuse(r->http, 503, "out of memory");
		return;
	}
	r->put = (struct store_put){
		.op = {.kind = STORE_OP_PUT, .done = event_stored},
		.event = &r->event,
		.hooks = r->hooks,
		.hook_count = wanted,
		.declined = r->declined.data,
	};
	if (http_suspend(r->http))
		batch_add(http_turn(r->http), &r->put.op);
	else
		http_refuse(r->http, 503, "stopping");
}

static bool read_event(struct request *r, int64_t now)
{
	size_t len;
	const char *body = http_body(r->http, &len);

	r->hooks = calloc(r->source->hook_count + 1, sizeof(*r->hooks));
	if (r->hooks == NULL || !event_parse(&r->event, &r->source->sender->shape, body, len))
		return false;
	r->event.source = r->source->name;
	r->event.source_id = r->source->store_id;
	r->event.received_at = now;
	r->event.origin = "webhook";
	net_format(http_client(r->http), r->event.remote);
	return true;
}

static void handle_request(struct http_request *http)
{
	struct request *r = http_own(http);
	int64_t now = clock_wall();

	if (!is_authentic(r, now))
		return;
	health_accepted(r->listener->health, r->source->store_id, now);
	http_trust(http);
	if (read_event(r, now))
		store_event(r);
	else
		http_refuse(http, 503, "out of memory");
}

static void answer_resumed(struct http_request *http)
{
	answer_stored(http_own(http));
}

static void log_server_refusal(struct http_request *http, unsigned status, const char *reason)
{
	count_refusal(http_own(http), status, reason);
	answer_log_refusal(http_own(http), status, reason, NULL, NULL);
}

static void end_request(struct http_request *http)
{
	struct request *r = http_own(http);

	if (r->stored)
		answer_log_result(r);
	event_free(&r->event);
	free(r->hooks);
	buf_free(&r->declined);
	conf_unref(r->conf);
}

const struct http_handler request_handler = {
	.request_size = sizeof(struct request),
	.thread_begin = sandbox_listener_thread,
	.begin = begin_request,
	.head = judge_head,
	.admit = judge_proof,
	.handle = handle_request,
	.resumed = answer_resumed,
	.refused = log_server_refusal,
	.refusal = answer_refusal,
	.end = end_request,
	.turn_over = batch_submit,
};
