#include "request.h"

#include "http/server.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_AFTER "5" /* seconds; FedaPay's own gaps grow from seconds to 2 min */

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

enum MHD_Result request_answer_refusal(struct request *r)
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

void request_log_refusal(const struct request *r, const struct verify_detail *detail)
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

void request_refuse(struct request *r, unsigned status, const char *reason)
{
	r->status = status;
	r->reason = reason;
	atomic_store(&r->step, STEP_DISCARD);
}

static void log_event(const struct request *r, const char *message)
{
	const struct event *ev = &r->event;

	log_info(message, log_int("event", r->put.event_id), log_text("source", ev->source),
		log_text("type", ev->type), log_text("key", ev->idempotency_key),
		log_int("hooks", (int64_t)r->put.hook_count), log_text("remote", ev->remote));
}

void request_log_put(struct request *r)
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
	if (r->put.op.result == STORE_DUPLICATE && r->put.repaired)
		log_warn(
			"a damaged payload is as it came again", log_int("event", r->put.event_id));
}

enum MHD_Result request_answer_stored(struct request *r)
{
	request_log_put(r);
	switch (r->put.op.result) {
	case STORE_OK:
		return answer_event(r, r->event.quarantined == NULL ? "stored" : "quarantined");
	case STORE_DUPLICATE:
		return answer_event(r, "duplicate");
	case STORE_FULL:
		request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE, "too many deliveries wait");
		request_log_refusal(r, NULL);
		return request_answer_refusal(r);
	case STORE_ERROR:
		break;
	}
	request_refuse(r, MHD_HTTP_SERVICE_UNAVAILABLE,
		"the store cannot take it"); /* it has logged why */
	return request_answer_refusal(r);
}
