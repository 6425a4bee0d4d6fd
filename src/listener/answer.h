/* listener/answer.h - answers a sender's request and logs it. */
#ifndef HOOKD_LISTENER_ANSWER_H
#define HOOKD_LISTENER_ANSWER_H

#include "http/server.h"
#include "request.h"
#include "verify/verify.h"

/* http_handler's refusal. */
void answer_refusal(struct http_request *http, unsigned status, const char *reason);

/* Called once the store has finished with the event, with any result. */
void answer_stored(struct request *r);

/* `detail` and `hint` of a signature that was refused, else NULL; the hint may be NULL, too. */
void answer_log_refusal(const struct request *r, unsigned status, const char *reason,
	const struct verify_detail *detail, const char *hint);

/* Logs the store's result, once, even if the client has left and gets no answer. */
void answer_log_result(struct request *r);

#endif
