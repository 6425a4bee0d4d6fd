/* control/session.h - one act with its client at the other end of a connection. One thread. */
#ifndef HOOKD_CONTROL_SESSION_H
#define HOOKD_CONTROL_SESSION_H

#include "base/buf.h"
#include "control/act.h"
#include "request.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

struct session {
	struct act_io io;
	struct request request; /* whose line has arrived */
	int stop;               /* readable: hookd stops, so the act must. Borrowed */
	struct buf out;         /* messages that are not sent yet */
	size_t at;              /* the bytes of the request before this are used up */
	bool reads_on;          /* an import: the client's end of file is not its Ctrl-C */
	bool ended;             /* the client sends no more */
	bool gone;              /* the client takes no more */
};

/* Runs the request and answers it; logs what came of it. `store` is the file that hookd has open.
 * The request stays the caller's, to be freed. */
void session_run(struct session *s, const struct act_context *context, const struct stat *store);

/* Answers a request that is not run, without waiting for the client. */
void session_refuse(struct request *r, const char *why);

#endif
