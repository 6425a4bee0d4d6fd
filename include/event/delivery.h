/* event/delivery.h - a delivery, one hook's duty for one event: its states, the outcome of an
 * attempt, and all that its action needs to know. The store keeps deliveries, the dispatcher
 * moves them, actions carry them out. Any thread. */
#ifndef HOOKD_DELIVERY_H
#define HOOKD_DELIVERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum attempt_result { ATTEMPT_OK, ATTEMPT_TEMPFAIL, ATTEMPT_PERMFAIL, ATTEMPT_INTERRUPTED };

const char *attempt_result_text(enum attempt_result result); /* "ok", "tempfail", … */

/* What an attempt says of its target, a server that the hook's other events need, too. */
enum attempt_target {
	TARGET_UNKNOWN,     /* nothing: it asked no server, or one that its event chose */
	TARGET_WELL,        /* it answered, and meant this event or our configuration */
	TARGET_UNWELL,      /* it had an error, or gave no answer: perhaps because of this event */
	TARGET_UNREACHABLE, /* it got nothing of the event */
};

/* The outcome of an attempt. */
struct attempt_outcome {
	enum attempt_result result;
	enum attempt_target target; /* not stored */
	int exit_code;              /* -1: none */
	int status;                 /* of HTTP or SMTP; 0: none */
	int64_t retry_after;        /* ms that the other side asked to wait; 0: none. Not stored */
	int signal;                 /* 0: none */
	char message[512];          /* a sentence for people, "" for none */
	char *output;               /* capped, raw bytes; the outcome's owner frees it */
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

/* A delivery that has failed for good, for the action that reports it. */
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
	int64_t hook;      /* store id */
	unsigned attempt;  /* this one's number, 1 for the first */
	unsigned failures; /* earlier attempts that failed; interrupted ones do not count */
	unsigned crashes;  /* the last ones, in a row, during which hookd was killed or crashed */
	char *source;
	char *type;            /* never NULL */
	char *idempotency_key; /* the same for all attempts: SOURCE/KEY/HOOK; for an on_failure
				* hook followed by /DELIVERY, the one that failed */
	int64_t replay_of;     /* the delivery that this one replays; 0: none */
	void *payload;
	size_t payload_len;
	bool damaged;    /* the payload is not what was received */
	bool unreadable; /* the store cannot read the payload, which is empty here; nor the source
			  * and type, perhaps, which are then "" */
	char *origin;    /* of the event: "webhook", "api", "recheck" …; "" if unreadable */
	int64_t received_at;              /* unix ms: the event */
	int64_t occurred_at;              /* unix ms; 0: not known */
	int64_t started_at;               /* unix ms: when it was claimed */
	struct delivery_failure *failure; /* on_failure hooks only, else NULL */
};

void delivery_job_free(struct delivery_job *job);             /* NULL is allowed */
void delivery_failure_free(struct delivery_failure *failure); /* NULL is allowed */

#endif
