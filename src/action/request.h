/* action/request.h - the HTTP request that forwards an event: made from the hook's templates
 * and signed as in Standard Webhooks (github.com/standard-webhooks/standard-webhooks, spec
 * 1.0.0). Any thread. */
#ifndef HOOKD_ACTION_REQUEST_H
#define HOOKD_ACTION_REQUEST_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/delivery.h"

#include <stdint.h>

struct forward_request {
	char *url;
	char **headers; /* "Name: value" each, NULL at the end; wiped when freed */
	size_t count;
	size_t room;
	struct buf body; /* what is sent if members are left out, else unused */
};

#define FORWARD_WHY 512

/* What is sent of the event: the event, or what is left of it. Borrowed from r or job. */
const void *forward_request_body(
	const struct forward_request *r, const struct delivery_job *job, size_t *len);

/* ATTEMPT_OK; or ATTEMPT_PERMFAIL with why, if no valid request can be made for this event;
 * or ATTEMPT_TEMPFAIL when out of memory. `now` (unix s) is part of the signature. With
 * `shown`, for people, "…" replaces each secret, and each ${NAME} of the config is as it is
 * written. Call forward_request_free in any case. */
enum attempt_result forward_request_make(struct forward_request *r, const struct conf_hook *hook,
	const struct delivery_job *job, int64_t now, bool shown, char why[FORWARD_WHY]) WARN_UNUSED;
void forward_request_free(struct forward_request *r);

#endif
