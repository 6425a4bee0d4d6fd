/* action/request.h - the HTTP request that a hook forwards an event by: made
 * from the hook's templates and signed by Standard Webhooks
 * (github.com/standard-webhooks/standard-webhooks, spec 1.0.0). Any thread. */
#ifndef HOOKD_FORWARD_REQUEST_H
#define HOOKD_FORWARD_REQUEST_H

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
};

#define FORWARD_WHY 512

/* ATTEMPT_OK; or ATTEMPT_PERMFAIL with why when this event can make no request, or
 * ATTEMPT_TEMPFAIL when memory is short. `now` (unix s) goes into the signature.
 * With `shown`, what is secret is "…" instead. forward_request_free in any case. */
enum attempt_result forward_request_make(struct forward_request *r, const struct conf_hook *hook,
	const struct delivery_job *job, int64_t now, bool shown, char why[FORWARD_WHY]) WARN_UNUSED;
void forward_request_free(struct forward_request *r);

#endif
