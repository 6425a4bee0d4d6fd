/* listener/answer.h - what a sender is answered, and what the log says about its request. */
#ifndef HOOKD_LISTENER_ANSWER_H
#define HOOKD_LISTENER_ANSWER_H

#include "http/server.h"
#include "request.h"
#include "verify/verify.h"

/* http_handler's refusal. */
void answer_refusal(struct http_request *http, unsigned status, const char *reason);

/* Once the store is done with it, whatever the result. */
void answer_stored(struct request *r);

/* `detail` of a signature that was refused, else NULL. */
void answer_log_refusal(const struct request *r, unsigned status, const char *reason,
	const struct verify_detail *detail);

/* The store's result, logged once, even if the client has left and takes no answer. */
void answer_log_result(struct request *r);

#endif
