/* store/store.h - the durable queue; the only module that knows there is a database.
 *
 *   READY --claim--> RUNNING --ok-------------> DONE
 *     ^ '--overtaken--> |------given up-------> DEAD
 *     |         SKIPPED
 *     '--retry, interrupted'
 *
 * A READY delivery of an ordered hook that another one of its entity goes before
 * is held behind that one, and released in the transaction that ends it.
 * One SQLite file, one writer thread. Work is handed to it as operations: a
 * struct store_op at the head of each request below, owned by the caller until
 * `done` is called. The writer takes all that waits (up to STORE_GROUP_MAX),
 * does it in one transaction with one fsync, then calls each `done`. So when
 * `done` says STORE_OK, it is on disk.
 * A RUNNING delivery found at start is READY again, its attempt marked
 * "interrupted": an action may run twice, so each carries an idempotency key.
 * store_submit may be called from any thread; `done` runs in the writer's
 * thread, must not block and must not call store_wait. */
#ifndef HOOKD_STORE_H
#define HOOKD_STORE_H

#include "base/attributes.h"
#include "event/delivery.h"
#include "event/event.h"
#include "event/lifecycle.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum store_result {
	STORE_OK,
	STORE_DUPLICATE, /* put: the key is there already */
	STORE_FULL,      /* put: too many deliveries wait */
	STORE_ERROR,     /* nothing of it is stored: disk full, I/O error, ... (logged) */
};

enum store_op_kind {
	STORE_OP_PUT,
	STORE_OP_CLAIM,
	STORE_OP_SETTLE,
	STORE_OP_NAME,
	STORE_OP_SHIFT,
	STORE_OP_PING,
	STORE_OP_REFRESH, /* another process has changed deliveries: look at all anew */
	STORE_OP_ORPHANS, /* store_orphans' own */
};

struct store_op {
	struct store_op *next; /* the store's while it has the operation */
	enum store_op_kind kind;
	enum store_result result;
	void (*done)(struct store_op *op);
};

/* Stores an event and one READY delivery for each hook. */
struct store_put {
	struct store_op op;        /* STORE_OP_PUT */
	const struct event *event; /* borrowed until done */
	const int64_t *hooks;      /* store ids; borrowed until done */
	size_t hook_count;
	const char *declined; /* lines "HOOK\tREASON\n" of hooks that did not want it; NULL: none;
			       * borrowed until done */
	int64_t event_id;     /* out, OK and DUPLICATE: the row that holds the key */
	bool conflict;        /* out, DUPLICATE: its payload differs from the stored one */
	bool repaired;    /* out, DUPLICATE: the stored payload was damaged, and is this one now */
	int64_t checksum; /* the store's: of the payload */
};

/* In order means: none is started while one that goes before it is unfinished, or
 * while another one of its entity runs. So one whose event comes when a later one
 * runs already is started next after that. Without an entity there is no order. */
struct store_want {
	int64_t hook;
	unsigned max; /* deliveries of this hook that could start now */
	bool ordered; /* one at a time for each entity, by occurred_at (else received_at) and id */
	const struct lifecycle_state *skip_stale; /* of the hook's sender: those overtaken by a
						   * later state of their entity are SKIPPED;
						   * NULL: none are */
	int64_t next_due; /* out: unix ms at which its next READY delivery falls due that was
			   * neither taken nor held; INT64_MAX: none waits, or it is paused */
};

/* A delivery that a claim made SKIPPED. */
struct store_skip {
	int64_t delivery;
	int64_t event;
	int64_t hook;                     /* store id */
	char reason[EVENT_TYPE_MAX + 64]; /* "overtaken by transaction.approved (event 41)" */
};

/* Takes due deliveries, in rounds of one per hook in the order of `wants`, each
 * hook's by due time, until `total` are taken: makes them RUNNING and opens
 * their attempts. Of an ordered hook one that has no turn yet is held, and left
 * alone until that may have changed: it costs no later claim anything. One claim
 * looks at no more than 4 * max + 64 deliveries of a hook; with more to look at,
 * next_due is in the past. When the wall clock has been set since `offset` was taken, what is
 * due goes by the clock of before: those that wait are yet to be shifted. */
struct store_claim {
	struct store_op op;       /* STORE_OP_CLAIM */
	struct store_want *wants; /* borrowed until done */
	size_t want_count;
	unsigned total;
	int64_t offset;             /* ms, clock_wall minus clock_steady; 0: not known */
	struct delivery_job **jobs; /* out: an array to free, each job to delivery_job_free */
	size_t job_count;           /* out */
	struct store_skip *skips;   /* out: an array to free; NULL: none */
	size_t skip_count;          /* out */
	int64_t next_due;           /* out: the earliest of the wants' */
};

/* Closes an attempt and moves its delivery on. */
struct store_settle {
	struct store_op op; /* STORE_OP_SETTLE */
	int64_t delivery;
	unsigned attempt;
	bool unstarted; /* nothing was run: all is as before the claim. Of what follows only due_at
			   is read: now */
	const struct attempt_outcome *outcome; /* borrowed until done */
	int64_t started_at;                    /* unix ms; 0: as claimed */
	int64_t ended_at;
	enum delivery_state state; /* READY, DONE or DEAD */
	int64_t due_at;            /* READY: unix ms */
	int64_t failure_hook;      /* DEAD: the store id of the hook to run for that; 0: none */
};

enum store_name_kind { STORE_NAME_SOURCE, STORE_NAME_HOOK };

/* The id of a source or hook of that name, made when it is new. */
struct store_name {
	struct store_op op; /* STORE_OP_NAME */
	enum store_name_kind name_kind;
	const char *name;
	int64_t id; /* out */
};

/* The wall clock was set: moves the READY deliveries' due times by delta ms, so
 * that the waits stay as long as they were. One that was never tried has no wait,
 * and may have come under the new clock already: it is never moved ahead. */
struct store_shift {
	struct store_op op; /* STORE_OP_SHIFT */
	int64_t delta;
};

struct store_options {
	const char *path;
	int64_t retention; /* ms; 0: keep for ever */
	unsigned backlog;  /* READY and RUNNING deliveries; more: STORE_FULL */
	/* Called from the writer's thread after a commit that left READY deliveries
	 * that were not there before; must not block. NULL: nobody asks. */
	void (*on_ready)(void *arg);
	void *on_ready_arg;
};

/* Opens or makes the store for the daemon: takes the lock beside it (two daemons
 * on one store would run everything twice), migrates the schema, makes RUNNING
 * deliveries READY, starts the writer. Returns new, or NULL with the reason
 * logged. */
struct store *store_open(const struct store_options *options) WARN_UNUSED;

/* New retention and backlog, as after a reload. Any thread. */
void store_configure(struct store *st, int64_t retention, unsigned backlog);

/* Hands over an operation (op.kind, op.done and the inputs set). */
void store_submit(struct store *st, struct store_op *op);

/* Hands over all those linked by op->next, to go in together. */
void store_submit_all(struct store *st, struct store_op *first);

/* Hands over an operation and waits for it; op->done is overwritten. */
enum store_result store_wait(struct store *st, struct store_op *op);

struct store_counts {
	int64_t stored;      /* events since start */
	int64_t duplicates;  /* since start */
	int64_t quarantined; /* since start */
	int64_t waiting;     /* READY and RUNNING deliveries now */
	int64_t dead;        /* DEAD deliveries in the store */
	int64_t recovered;   /* deliveries found RUNNING at start */
};

void store_counts(struct store *st, struct store_counts *out); /* any thread */

/* Has a person paused the hook, as far as the store was told? Any thread. */
bool store_hook_paused(struct store *st, int64_t hook);

/* Deliveries that wait for each hook the conf does not have any more are told
 * through `say`; from the daemon's main thread, at start and after a reload. */
void store_orphans(struct store *st, const int64_t *known_hooks, size_t known_count,
	void (*say)(void *arg, const char *hook, int64_t waiting), void *arg);

/* Does what is still queued, stops the writer, closes. */
void store_close(struct store *st);

#endif
