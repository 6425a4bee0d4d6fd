/* event/delivery.h - one hook's duty for one event: its states, an attempt at it with its
 * outcome, and all that its action needs to know. The store keeps deliveries, the
 * dispatcher moves them, actions carry them out. Any thread. */
#ifndef HOOKD_DELIVERY_H
#define HOOKD_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum attempt_result { ATTEMPT_OK, ATTEMPT_TEMPFAIL, ATTEMPT_PERMFAIL, ATTEMPT_INTERRUPTED };

const char *attempt_result_text(enum attempt_result result); /* "ok", "tempfail", … */

/* What came of an attempt. */
struct attempt_outcome {
	enum attempt_result result;
	int exit_code;       /* -1: none */
	int status;          /* of HTTP or SMTP; 0: none */
	int64_t retry_after; /* ms that the other side asked for; 0: it did not. Not stored */
	int signal;          /* 0: none */
	char message[512];   /* a sentence for people, "" for none */
	char *output;        /* capped, raw bytes; owned by the outcome's holder */
	size_t output_len;
};

enum delivery_state {
	DELIVERY_READY,
	DELIVERY_RUNNING,
	DELIVERY_DONE,
	DELIVERY_DEAD,
	DELIVERY_SKIPPED
};

const char *delivery_state_text(enum delivery_state state); /* "READY", … */

/* A delivery that was given up, for the action that tells of it. */
struct delivery_failure {
	int64_t delivery;
	int64_t attempts;
	char *hook;
	char *reason; /* the last attempt's message */
	char *output; /* its last DELIVERY_FAILURE_OUTPUT bytes */
	size_t output_len;
};

#define DELIVERY_FAILURE_OUTPUT 4096

/* One claimed delivery with all that its action needs. */
struct delivery_job {
	int64_t delivery;
	int64_t event;
	int64_t hook;         /* store id */
	unsigned attempt;     /* this one's number, 1 for the first */
	unsigned failures;    /* earlier attempts that failed; interrupted ones do not count */
	unsigned interrupted; /* earlier attempts that were cut short */
	char *source;
	char *type;            /* never NULL */
	char *idempotency_key; /* stable over all attempts: SOURCE/KEY/HOOK; of an on_failure
				* hook with /DELIVERY behind it, the one given up */
	void *payload;
	size_t payload_len;
	bool damaged;                     /* the payload is not what came in */
	int64_t received_at;              /* unix ms: the event */
	int64_t started_at;               /* unix ms: when it was claimed */
	struct delivery_failure *failure; /* NULL but for on_failure hooks */
};

void delivery_job_free(struct delivery_job *job);             /* NULL is allowed */
void delivery_failure_free(struct delivery_failure *failure); /* NULL is allowed */

#endif
