#include "round.h"

#include "base/log.h"
#include "event/event.h"

#define RETRY_STORE (5 * INT64_C(60000)) /* ms after it could not be read or written */

void round_schedule(struct round *round, int64_t at)
{
	if (at < round->next)
		round->next = at;
}

void round_failed(struct round *round, const char *what, const char *why)
{
	log_error(what, log_text("reason", why));
	round_schedule(round, round->now + RETRY_STORE);
}

bool round_store(struct round *round, const struct conf_hook *hook, const struct buf *body)
{
	struct event ev;
	struct store_put put = {
		.op = {.kind = STORE_OP_PUT},
		.event = &ev,
		.hooks = &hook->store_id,
		.hook_count = 1,
	};

	if (!event_parse(&ev, &round->conf->own.sender->shape, body->data, body->len)) {
		round_failed(round, "out of memory: report not made", hook->name);
		return false;
	}
	event_drop_document(&ev);
	ev.source = round->conf->own.name;
	ev.source_id = round->conf->own.store_id;
	ev.received_at = round->now;
	ev.origin = "api";
	switch (store_wait(round->writer, &put.op)) {
	case STORE_OK:
		log_info("report made", log_int("event", put.event_id), log_text("type", ev.type),
			log_text("hook", hook->name));
		break;
	case STORE_DUPLICATE:
		break;
	case STORE_FULL:
	case STORE_ERROR:
		round_failed(round, "report not stored, will be retried", ev.type);
		break;
	}
	event_free(&ev);
	return put.op.result == STORE_OK || put.op.result == STORE_DUPLICATE;
}
