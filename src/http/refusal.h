/* http/refusal.h - what libmicrohttpd refuses by itself: its message says so, but not whose request
 * it is. Finds that out, reports it, and answers in its place where that is possible. For the
 * loop's thread only. */
#ifndef HOOKD_HTTP_REFUSAL_H
#define HOOKD_HTTP_REFUSAL_H

#include "loop.h"
#include "request.h"

/* The request's head is being read, from its first line on; or no longer. */
void refusal_enter_head(struct http_request *r);
void refusal_leave_head(struct http_request *r); /* also when it was not */

/* libmicrohttpd is about to refuse the Content-Length of one of the loop's requests with that
 * status. Reports it, and without TLS answers in its place: 0.9.75 would send its head twice. */
void refusal_of_length(struct loop *loop, unsigned status);

/* It is about to refuse one of the loop's requests, or what is none yet. Where it can only be one
 * of them, that is answered in its place. */
void refusal_of_library(struct loop *loop, unsigned status);

/* The request ends: if that is right after a refusal, without an answer of ours, reports it. */
void refusal_report_ended(struct http_request *r);

/* The connection closes; and the daemon has run: logs what was refused of what was no request. */
void refusal_connection_closes(struct connection *c);
void refusal_log(struct loop *loop);

#endif
