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
 * What a person asks for may change many rows, so it comes in slices: each is run in a transaction
 * of its own, stops itself after a few milliseconds of work, and reports how far it came; the
 * caller submits it again for the rest. The writer lets the other operations go first between two
 * slices, so that four fifths of its time are theirs as long as there are any.
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
	STORE_DUPLICATE, /* put: one of its keys is stored already */
	STORE_FULL,      /* put: too many deliveries wait */
	STORE_ERROR,     /* nothing of it is stored: disk full, I/O error, ... (logged) */
};

enum store_op_kind {
	STORE_OP_PUT,
	STORE_OP_CLAIM,
	STORE_OP_SETTLE,
	STORE_OP_NAMES,
	STORE_OP_SHIFT,
	STORE_OP_CATCHUP, /* store/catchup.h */
	STORE_OP_PING,
	STORE_OP_ORPHANS, /* used by store_orphans only */
	/* The rest are slices of what a person asks for. */
	STORE_OP_CHANGE,  /* store/change.h */
	STORE_OP_PAUSE,   /* store/change.h */
	STORE_OP_RELEASE, /* store/quarantine.h */
	STORE_OP_DROP,    /* store/quarantine.h */
	STORE_OP_IMPORT,  /* store/import.h */
	STORE_OP_PRUNE,   /* store/maintenance.h */
	STORE_OP_VACUUM,  /* store/maintenance.h */
	STORE_OP_BACKUP,  /* store/maintenance.h */
	STORE_OP_AUDIT,   /* store/audit.h */
	STORE_OP_REFUSED, /* the writer's own: store/refused.h */
};

struct store_op {
	struct store_op *next; /* for the store, until `done` */
	enum store_op_kind kind;
	enum store_result result;
	const char *why; /* STORE_ERROR: the reason, a literal; otherwise NULL */
	bool at_fault;   /* STORE_ERROR: because of its own rows, which cannot be read, say; others
			  * can be stored */
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
	const char *skip;     /* why its deliveries are SKIPPED instead of READY; NULL: they are
			       * not; borrowed until done */
	int64_t event_id;     /* out, OK and DUPLICATE: the row that holds the key */
	bool conflict;        /* out, DUPLICATE: the one with its idempotency key came by the same
			       * way, but with another payload */
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
	bool once;    /* and with it: deliveries of an entity on which the hook has acted (one of
		       * them is DONE) are SKIPPED */
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
	char reason[EVENT_TYPE_MAX + 64]; /* "overtaken by transaction.approved (event 41)",
					   * "acted already by delivery 12" */
};

/* A payload that is large enough to be counted: fewer bytes are bounded by the number of attempts
 * that run at once. */
#define STORE_SMALL_PAYLOAD 65536

/* Takes due deliveries, in rounds of one per hook in the order of `wants`, each hook's by due
 * time, until `total` are taken: makes them RUNNING and opens their attempts. A delivery of an
 * ordered hook that is not next is blocked, and costs later claims nothing until it is released.
 * One claim reads at most 4 * max + 64 deliveries of a hook; if there are more, next_due is in
 * the past. What is left for want of room is due again in a second, unless others were taken. The
 * caller's `now` decides what is due, also if the clock is set while the claim is under way: the
 * due times are shifted after it. */
struct store_claim {
	struct store_op op;       /* STORE_OP_CLAIM */
	struct store_want *wants; /* borrowed until done */
	size_t want_count;
	unsigned total;
	int64_t now;                /* unix ms */
	int64_t room;               /* bytes that the payloads may have together. Those of up to
				     * STORE_SMALL_PAYLOAD do not count */
	bool alone;                 /* the first one that counts is taken, however large it is */
	struct delivery_job **jobs; /* out: an array to free, each job to delivery_job_free */
	size_t job_count;           /* out */
	struct store_skip *skips;   /* out: an array to free; NULL: none */
	size_t skip_count;          /* out */
	int64_t next_due;           /* out: the earliest of the wants' */
	int64_t needed;             /* out: bytes of the first payload that was left for want of
				     * room; 0: none was … */
	int64_t needed_hook;        /* … and its hook */
};

/* Frees what a claim has returned, with the jobs. */
void store_claim_free(struct store_claim *c);

/* Closes an attempt and moves its delivery on. */
struct store_settle {
	struct store_op op; /* STORE_OP_SETTLE */
	int64_t delivery;
	unsigned attempt;
	bool unstarted;     /* nothing was run: undo the claim. Of the fields below only due_at is
			       read: now */
	bool deferred;      /* … and it is due at due_at, not now */
	bool skipped;       /* … or it is SKIPPED at ended_at */
	const char *reason; /* … why, of these two. Borrowed */
	const struct attempt_outcome *outcome; /* borrowed until done */
	int64_t started_at;                    /* unix ms; 0: as claimed */
	int64_t ended_at;
	enum delivery_state state; /* READY, DONE or DEAD */
	bool uncounted;            /* it does not use up one of the attempts that may fail */
	int64_t due_at;            /* READY: unix ms */
	bool once;                 /* DONE: its hook acts once on each entity */
	int64_t failure_hook;      /* DEAD: the store id of the hook to run for that; 0: none */
};

enum store_name_kind { STORE_NAME_SOURCE, STORE_NAME_HOOK };

struct store_name {
	enum store_name_kind kind;
	const char *name;
	int64_t *id; /* where its id goes */
};

/* The ids of sources and hooks by name; new ones are added. */
struct store_names {
	struct store_op op;            /* STORE_OP_NAMES */
	const struct store_name *list; /* borrowed until done */
	size_t count;
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
	/* With migrate: the shape of the bodies that an older store has of a source, for their
	 * state keys; NULL: it is not known. If it is NULL itself, they get none. */
	const struct event_shape *(*shape_of)(void *arg, const char *source);
	void *shape_arg;
	bool migrate;      /* makes the store if there is none, and brings an older one to this
			    * version's schema; otherwise both are refused */
	int64_t retention; /* ms; 0: keep forever */
	unsigned backlog;  /* READY and RUNNING deliveries; more: STORE_FULL. One event that alone
			    * has more is taken while none waits or runs */
	/* Called from the writer's thread after a commit with new READY deliveries, or new due
	 * times; must not block. May be NULL. */
	void (*on_ready)(void *arg);
	void *on_ready_arg;
	/* Called once, from a thread of the store's, when a sync has failed: what the disk has is
	 * not known, so from now on each operation gets STORE_ERROR. The process should end, or
	 * close the store and open it again: that recovers from what the disk has. Must not block.
	 * May be NULL. */
	void (*on_failure)(void *arg);
	void *on_failure_arg;
};

/* Opens or makes the store for the daemon: takes the lock beside it (two daemons on one store
 * would run everything twice), makes RUNNING deliveries READY, starts the
 * writer. The caller closes it. NULL: logged. */
struct store *store_open(const struct store_options *options) WARN_UNUSED;

#define STORE_TROUBLE 256 /* bytes */

/* Does something with the store's files need a person: are they gone from their place, or does
 * another process let the WAL grow? Then `text` says what. */
bool store_trouble(struct store *st, char text[STORE_TROUBLE]);

/* Writes the path of hookd's control socket into STORE.lock, see store/lock.h. From the main
 * thread. False: errno is set. */
bool store_announce(struct store *st, const char *control) WARN_UNUSED;

/* Sets retention and backlog, as after a reload. Any thread. */
void store_configure(struct store *st, int64_t retention, unsigned backlog);

/* Submits an operation with op.kind, op.done and its inputs set. */
void store_submit(struct store *st, struct store_op *op);

/* Submits all operations linked by op->next, to be run together; no slices. */
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

/* Is the hook paused by a person? Any thread. */
bool store_hook_paused(struct store *st, int64_t hook);

/* Reports the number of waiting deliveries of each hook that is not among the known ones, i.e. no
 * longer in the config. From the daemon's main thread, at start and after a reload. */
void store_orphans(struct store *st, const int64_t *known_hooks, size_t known_count,
	void (*report)(void *arg, const char *hook, int64_t waiting), void *arg);

/* Runs what is still queued, stops the writer, checkpoints and closes; after a failed sync without
 * a checkpoint. */
void store_close(struct store *st);

#endif
