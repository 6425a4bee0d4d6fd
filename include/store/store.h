/* store/store.h - the durable queue.
 *
 *   READY --claim--> RUNNING --ok-------------> DONE
 *     ^ '--overtaken--> |------given up-------> DEAD
 *     |         SKIPPED
 *     '--retry, interrupted'
 *
 * A READY delivery of an ordered hook may be blocked by another one of its entity that comes
 * first. It is released in the transaction that ends that one.
 * One database, one writer thread. Work reaches it as operations: each request below begins with
 * a struct store_op, which the caller owns and leaves alone until `done` is called. The writer
 * takes all operations that wait (up to a limit), runs them in one transaction with one fsync,
 * then calls each `done`. So when the result is STORE_OK, it is on disk.
 * A RUNNING delivery found at start becomes READY again, its attempt "interrupted": an action may
 * run twice, so each carries an idempotency key.
 * store_submit may be called from any thread; `done` runs in the writer's thread, must not block
 * and must not call store_wait. */
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
	STORE_DUPLICATE, /* put: the key is stored already */
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
	STORE_OP_REFRESH, /* another process has changed deliveries: read everything again */
	STORE_OP_ORPHANS, /* used by store_orphans only */
};

struct store_op {
	struct store_op *next; /* for the store, until `done` */
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
	bool repaired;        /* out, DUPLICATE: the damaged stored payload was replaced */
	int64_t checksum;     /* of the payload; set by the store */
};

/* "In order" means that no delivery starts while one that comes before it is unfinished, or while
 * another one of its entity runs. So a delivery whose event arrives while a later one runs is
 * started right after that. Without an entity there is no order. */
struct store_want {
	int64_t hook;
	unsigned max; /* deliveries of this hook that could start now */
	bool ordered; /* one at a time per entity, by occurred_at, or else received_at, and id */
	const struct lifecycle_state *skip_stale; /* of the hook's sender: deliveries that a later
						   * state of their entity has overtaken are
						   * SKIPPED; NULL: none are */
	int64_t next_due; /* out: unix ms at which the next READY delivery is due that was
			   * neither taken nor blocked; INT64_MAX: none waits, or it is paused */
};

/* A delivery that a claim made SKIPPED. */
struct store_skip {
	int64_t delivery;
	int64_t event;
	int64_t hook;                     /* store id */
	char reason[EVENT_TYPE_MAX + 64]; /* "overtaken by transaction.approved (event 41)" */
};

/* Takes due deliveries, in rounds of one per hook in the order of `wants`, each hook's by due
 * time, until `total` are taken: makes them RUNNING and opens their attempts. A delivery of an
 * ordered hook that is not next is blocked, and costs later claims nothing until it is released.
 * One claim reads at most 4 * max + 64 deliveries of a hook; if there are more, next_due is in
 * the past. If the wall clock was set after `offset` was taken, the earlier clock decides what is
 * due, because the due times have not been shifted yet. */
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
	bool unstarted; /* nothing was run: undo the claim. Of the fields below only due_at is
			   read: now */
	const struct attempt_outcome *outcome; /* borrowed until done */
	int64_t started_at;                    /* unix ms; 0: as claimed */
	int64_t ended_at;
	enum delivery_state state; /* READY, DONE or DEAD */
	int64_t due_at;            /* READY: unix ms */
	int64_t failure_hook;      /* DEAD: the store id of the hook to run for that; 0: none */
};

enum store_name_kind { STORE_NAME_SOURCE, STORE_NAME_HOOK };

/* The id of a source or hook by name; a new one is added. */
struct store_name {
	struct store_op op; /* STORE_OP_NAME */
	enum store_name_kind name_kind;
	const char *name;
	int64_t id; /* out */
};

/* The wall clock was set: moves the READY deliveries' due times by delta ms, so that they wait as
 * long as before. A delivery that was never tried does not wait, and may have arrived after the
 * clock was set: it is never moved ahead. */
struct store_shift {
	struct store_op op; /* STORE_OP_SHIFT */
	int64_t delta;
};

struct store_options {
	const char *path;
	int64_t retention; /* ms; 0: keep forever */
	unsigned backlog;  /* READY and RUNNING deliveries; more: STORE_FULL */
	/* Called from the writer's thread after a commit with new READY deliveries, or new due
	 * times; must not block. May be NULL. */
	void (*on_ready)(void *arg);
	void *on_ready_arg;
};

/* Opens or makes the store for the daemon: takes the lock beside it (two daemons on one store
 * would run everything twice), migrates the schema, makes RUNNING deliveries READY, starts the
 * writer. The caller closes it. NULL: logged. */
struct store *store_open(const struct store_options *options) WARN_UNUSED;

/* Sets retention and backlog, as after a reload. Any thread. */
void store_configure(struct store *st, int64_t retention, unsigned backlog);

/* Submits an operation with op.kind, op.done and its inputs set. */
void store_submit(struct store *st, struct store_op *op);

/* Submits all operations linked by op->next, to be run together. */
void store_submit_all(struct store *st, struct store_op *first);

/* Submits an operation and waits for it; overwrites op->done. */
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

/* Was the hook paused by a person when the store last read that (at start and by STORE_OP_REFRESH)?
 * Any thread. */
bool store_hook_paused(struct store *st, int64_t hook);

/* Reports the number of waiting deliveries of each hook that is not among the known ones, i.e. no
 * longer in the config. From the daemon's main thread, at start and after a reload. */
void store_orphans(struct store *st, const int64_t *known_hooks, size_t known_count,
	void (*report)(void *arg, const char *hook, int64_t waiting), void *arg);

/* Runs what is still queued, stops the writer, closes. */
void store_close(struct store *st);

#endif
