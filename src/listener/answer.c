#include "answer.h"

#include "base/log.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define RETRY_AFTER "5" /* seconds; a sender's own gaps grow from seconds to minutes */

static void answer_json(struct http_request *http, unsigned status, const char *text)
{
	const char *headers[] = {"Content-Type", "application/json", NULL, NULL, NULL};

	if (status == 503 || status == 429) {
		headers[2] = "Retry-After";
		headers[3] = RETRY_AFTER;
	}
	http_answer(http, status, headers, text, strlen(text));
}

static void answer_method(struct http_request *http)
{
	static const char *const headers[] = {
		"Content-Type", "text/plain; charset=utf-8", "Allow", "POST", NULL};
	static const char text[] = "hookd is up: this address takes webhooks, by POST.\n";

	http_answer(http, 405, headers, text, sizeof(text) - 1);
}

void answer_refusal(struct http_request *http, unsigned status, const char *reason)
{
	struct buf b = {0};

	if (status == 405) {
		answer_method(http);
		return;
	}
	buf_printf(&b, "{\"status\":\"%s\",\"reason\":", status >= 500 ? "unavailable" : "refused");
	buf_add_json(&b, reason, strlen(reason));
	buf_add_text(&b, "}\n");
	if (buf_ok(&b))
		answer_json(http, status, b.data);
	buf_free(&b);
}

static void answer_event(struct request *r, const char *status)
{
	char text[96];

	snprintf(text, sizeof(text), "{\"status\":\"%s\",\"event\":%" PRId64 "}\n", status,
		r->put.event_id);
	answer_json(r->http, 200, text);
}

void answer_stored(struct request *r)
{
	answer_log_result(r);
	switch (r->put.op.result) {
	case STORE_OK:
		answer_event(r, r->event.quarantined == NULL ? "stored" : "quarantined");
		break;
	case STORE_DUPLICATE:
		answer_event(r, "duplicate");
		break;
	case STORE_FULL:
		http_refuse(r->http, 503, "too many deliveries wait");
		answer_log_refusal(r, 503, "too many deliveries wait", NULL, NULL);
		break;
	case STORE_ERROR: /* the store has logged why */
		http_refuse(r->http, 503, "the store cannot take it");
		break;
	}
}

/* ---- the log ---- */

void answer_log_refusal(const struct request *r, unsigned status, const char *reason,
	const struct verify_detail *detail, const char *hint)
{
	static struct log_limit quiet;
	char address[NET_TEXT];
	bool clock_differs = detail != NULL && detail->off_by != 0;
	unsigned suppressed;

	if (!log_allowed(&quiet, &suppressed))
		return;
	net_format(http_client(r->http), address);
	log_warn("request refused", log_int("status", (int64_t)status), log_text("reason", reason),
		clock_differs ? log_int("by_seconds", detail->off_by)
			      : log_text("by_seconds", NULL),
		log_text("hint", hint),
		log_text("source", r->source != NULL ? r->source->name : NULL),
		log_text("remote", address),
		suppressed > 0 ? log_int("suppressed", suppressed) : log_text("suppressed", NULL));
}

static void log_event(const struct request *r, const char *message)
{
	const struct event *ev = &r->event;

	log_info(message, log_int("event", r->put.event_id), log_text("source", ev->source),
		log_text("type", ev->type), log_text("key", ev->idempotency_key),
		log_int("hooks", (int64_t)r->put.hook_count), log_text("remote", ev->remote));
}

static void log_new(const struct request *r)
{
	const struct event *ev = &r->event;

	if (ev->quarantined == NULL)
		log_event(r, "event stored");
	else
		log_warn("event quarantined", log_int("event", r->put.event_id),
			log_text("source", ev->source), log_text("reason", ev->quarantined),
			log_int("bytes", (int64_t)ev->payload_len), log_text("remote", ev->remote));
}

static void log_duplicate(const struct request *r)
{
	const struct event *ev = &r->event;

	if (r->put.conflict)
		log_warn("idempotency key seen before with another body: kept the first",
			log_int("event", r->put.event_id), log_text("source", ev->source),
			log_text("key", ev->idempotency_key), log_text("remote", ev->remote));
	else
		log_event(r, "event seen before");
	if (r->put.repaired)
		log_warn("damaged payload repaired from the sender's copy",
			log_int("event", r->put.event_id));
}

void answer_log_result(struct request *r)
{
	if (r->logged)
		return;
	r->logged = true;
	if (r->put.op.result == STORE_OK)
		log_new(r);
	else if (r->put.op.result == STORE_DUPLICATE)
		log_duplicate(r);
}
