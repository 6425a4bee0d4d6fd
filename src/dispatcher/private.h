/* dispatcher/private.h - what the dispatcher's files share, highest first:
 *   dispatcher.c  the thread, its orders from other threads, its epoll
 *   clock.c       the timer, and steps of the wall clock
 *   claim.c       what is claimed from the store, and when
 *   answer.c      what the sender's API answered before a delivery starts
 *   run.c         a claimed delivery from its start until its result is stored
 *   confirm.c     what is asked of the sender's API before it starts
 *   hold.c        hooks that wait until their target is well again
 *   payloads.c    the room in memory for payloads
 *   queue.c       the hooks' queues
 *   passage.c     operations on their way to the store and back
 *   retry.c       how long a retry waits
 *
 * If attempts are short, a round trip to the store for each would leave the slots empty
 * half of the time and cost an fsync per attempt. So a few deliveries are claimed ahead of
 * the slots that are about to be free: only as many as will start in a moment, judging by
 * how long the hook's recent attempts took. They are RUNNING in the store and wait here.
 * One that cannot be started after all is requeued as if it had never been claimed; one that
 * remains when hookd dies counts as interrupted, like those that had started. Results
 * in turn are batched for a moment, to go to the store with the next claim.
 *
 * All but what the lock guards and the atomics belongs to the dispatcher's thread alone. */
#ifndef HOOKD_DISPATCHER_PRIVATE_H
#define HOOKD_DISPATCHER_PRIVATE_H

#include "action/action.h"
#include "base/log.h"
#include "conf/conf.h"
#include "dispatcher/dispatcher.h"
#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	DISPATCHER_AHEAD = 16,      /* deliveries claimed ahead, at most */
	DISPATCHER_AHEAD_TIME = 20, /* ms in which they are expected to start */
	DISPATCHER_AHEAD_MAX = 200, /* ms after which they are requeued */
	DISPATCHER_BATCH_TIME = 10, /* ms a result may wait for others */
	/* Bytes of payloads in memory, except those of up to STORE_SMALL_PAYLOAD: as many as the
	 * largest body that limits.body allows. One alone may be larger. */
	DISPATCHER_PAYLOADS = 64 << 20,
	DISPATCHER_CLAIM_AGAIN = 1000,   /* ms after which a claim that was at fault itself … */
	DISPATCHER_SETTLE_AGAIN = 30000, /* … or such a result is tried again */
	DISPATCHER_HOLD_FAILURES = 3,    /* in a row after which a hook is held, … */
	DISPATCHER_HOLD_TIME = 60000,    /* … ms from the first to the last of them */
	DISPATCHER_TOOK_UNIT = 16,       /* of struct queue's `took`, in a ms */
	DISPATCHER_TOOK_FIRST = 1000 * DISPATCHER_TOOK_UNIT,
};

/* What is known about a hook's target. */
struct target {
	unsigned failures; /* in a row that say that it is not reachable or not well … */
	int64_t first;     /* … steady ms: the end of the first … */
	int64_t deliveries[DISPATCHER_HOLD_FAILURES]; /* … and the first deliveries among them */
	struct dispatcher_hold *hold; /* NULL: the hook is not held. Guarded by the lock, as is what
				       * it points to */
	int64_t since;                /* steady ms: it is held */
	int64_t gap;                  /* ms from the end of one probe to the next */
	int64_t probe;                /* steady ms: the next one */
};

/* What is known about a hook's deliveries. */
struct queue {
	struct queue *next;
	int64_t hook;                 /* store id */
	const struct conf_hook *rule; /* the hook in conf; NULL: removed. Valid while `prepared` */
	unsigned running;             /* attempts */
	unsigned waiting;             /* deliveries claimed ahead */
	unsigned asking;              /* … and those that wait for a confirmation */
	unsigned took;                /* moving average of the time that attempts take */
	int64_t due;                  /* unix ms: when one may be due; INT64_MAX: none waits */
	struct target target;
};

/* A claimed delivery: it waits to be started, it runs, then its outcome is in the batch or
 * with the store, or waits until the store works again. */
struct run {
	struct store_settle settle; /* first: dispatcher_run_settled gets its op */
	struct dispatcher *dispatcher;
	struct run *next;
	struct queue *queue;
	int64_t claimed;              /* steady ms */
	int64_t bytes;                /* dispatcher_payload_take's */
	struct conf *conf;            /* a reference */
	const struct conf_hook *hook; /* set at its start, like conf */
	struct delivery_job *job;     /* owned by the action, or by the run if there is none */
	struct action *action;        /* NULL: not run */
	struct confirmation question; /* while it is in `asking`, or settled by its answer */
	bool confirmed;
	struct attempt_outcome not_run; /* the outcome if there is no action */
	int64_t started;                /* steady ms */
	int64_t took;                   /* ms */
	int64_t ended_at;               /* unix ms */
	int64_t retry_in;               /* ms from the settlement to the next attempt, if READY */
};

struct dispatcher {
	int epoll;
	struct action_place *place; /* its descriptors are in epoll; protects conf's secrets */
	int wake;                   /* eventfd: there are orders, or dispatcher_notify was called */
	int timer;                  /* timerfd on the wall clock: the next delivery falls due */
	int drained;                /* eventfd: see dispatcher_drain */
	pthread_t thread;
	bool started;
	struct store *store;

	pthread_mutex_t lock; /* guards `orders`, the list of queues and their holds */
	struct {
		struct store_op *first; /* operations that the store has finished */
		struct store_op *last;
		struct conf *conf; /* a reference to a new one, or NULL */
		struct confirmation *answered;
		bool drain;
		bool quit;
	} orders;
	atomic_bool notified;
	atomic_bool asleep;
	atomic_ullong rounds;
	atomic_ullong rounds_seen; /* at the last dispatcher_alive */
	atomic_uint running_now;
	atomic_llong done;
	atomic_llong failed;
	atomic_llong dead;

	struct conf *conf;
	struct queue *queues;  /* of all hooks since the start; this thread alone adds some */
	struct queue **sorted; /* the same, by store id */
	size_t queue_count;
	struct queue **queue_of; /* for each hook of conf */
	struct queue **want_of;  /* for each of `wants` */
	bool prepared;           /* these arrays are those of conf */
	struct run *waiting;     /* claimed ahead, oldest claim first */
	unsigned waiting_count;
	struct run *asking;         /* claimed, and the sender's API is asked: takes no slot */
	struct confirmer confirmer; /* `ask` NULL: there is none */
	struct log_limit deferrals; /* that are logged */
	struct run *running;
	unsigned running_count;
	struct store_op *batch; /* results to be submitted to the store together … */
	struct store_op **batch_end;
	unsigned batch_count;
	int64_t batch_since;   /* … and when the first came (steady ms) */
	struct run *unsettled; /* results that could not be stored */
	struct run *idle;      /* allocated before a claim, so that each job gets one */
	unsigned idle_count;
	unsigned with_store; /* operations that the store has now */

	struct {
		int64_t bytes;  /* in memory that count */
		int64_t max;    /* DISPATCHER_PAYLOADS */
		int64_t needed; /* of the first that was left for want of room; 0: none … */
		int64_t hook;   /* … and its hook, which has the next turn */
		bool reserved;  /* the claim under way takes none that counts */
	} payloads;

	struct store_claim claim;
	struct store_want *wants;
	bool claim_busy;
	bool refreshed_since; /* something has become due since the claim was submitted */
	int64_t last_served;  /* store id of the hook that was last in turn */
	int64_t armed;        /* the time that the timer is set to; 0: it must be set again */

	struct store_shift shift;
	bool shift_busy;
	int64_t shift_delta; /* to be submitted */
	int64_t offset;      /* wall clock minus steady clock */
	int64_t now; /* unix ms: the one reading of this round. What is due by it is claimed,
		      * what is not has the timer armed: two readings would leave a gap */

	int64_t store_again;  /* steady ms to try the store again; INT64_MAX: it works */
	int64_t backoff;      /* ms; 0: its last operation succeeded */
	int64_t settle_again; /* steady ms to try again what was at fault itself; INT64_MAX: nothing
			       * was */

	bool draining;
	int64_t drain_deadline; /* steady ms to interrupt what runs; INT64_MAX: done */
	bool drained_reported;
};

/* dispatcher/passage.c */

void dispatcher_wake(struct dispatcher *d); /* any thread */

/* Submits the batch to the store, then op (may be NULL); both come back as orders. */
void dispatcher_submit(struct dispatcher *d, struct store_op *op);
void dispatcher_store_failed(struct dispatcher *d);
void dispatcher_store_worked(struct dispatcher *d);
bool dispatcher_store_is_well(const struct dispatcher *d);

/* Each operation's `done` calls it, in the store's thread: puts op into d's orders. */
void dispatcher_op_returned(struct dispatcher *d, struct store_op *op);

/* dispatcher/claim.c */
void dispatcher_claim(struct dispatcher *d); /* if something is due and there is room */
void dispatcher_claimed(struct dispatcher *d);

/* dispatcher/payloads.c */
void dispatcher_payloads_limit(struct dispatcher *d);   /* before a claim: what it may take */
void dispatcher_payloads_claimed(struct dispatcher *d); /* after it, and after its jobs are taken */
/* Returns how many bytes of a job's payload count, for dispatcher_payload_free. */
int64_t dispatcher_payload_take(struct dispatcher *d, const struct delivery_job *job);
void dispatcher_payload_free(struct dispatcher *d, int64_t bytes);

/* dispatcher/queue.c */
void dispatcher_refresh(struct dispatcher *d);        /* any hook may have something due */
bool dispatcher_queues_prepare(struct dispatcher *d); /* once for each conf; false: out of memory */
struct queue *dispatcher_queue(const struct dispatcher *d, int64_t hook); /* NULL: none yet */
const struct conf_hook *dispatcher_rule(const struct dispatcher *d, const struct queue *q);
void dispatcher_queues_free(struct dispatcher *d);

/* dispatcher/hold.c */

/* Takes note of what the outcome says of the target. True: the hook is held, so the failure is not
 * counted, and the delivery waits for *wait ms. */
bool dispatcher_hold_judge(struct dispatcher *d, struct queue *q, const struct run *r,
	const struct attempt_outcome *outcome, int64_t *wait);
/* unix ms: when one of the hook's deliveries may be claimed. */
int64_t dispatcher_hold_due(const struct dispatcher *d, const struct queue *q);
/* May one of its deliveries start now? */
bool dispatcher_hold_allows(const struct queue *q);
void dispatcher_hold_retry(struct dispatcher *d); /* after a reload: probes are due now */

/* dispatcher/confirm.c */

/* Asks, if the hook wants it: the run waits in `asking`. */
bool dispatcher_confirm_ask(struct dispatcher *d, struct run *r, const struct conf_hook *hook);
/* Takes the run of an answered question out of `asking`. */
struct run *dispatcher_confirm_take(struct dispatcher *d, struct confirmation *c);

/* dispatcher/answer.c */
void dispatcher_answers_take(struct dispatcher *d, struct confirmation *first); /* a list */

/* dispatcher/clock.c */
void dispatcher_clock_start(struct dispatcher *d);
void dispatcher_clock_check(struct dispatcher *d); /* reads `now`; has the clock been set? */
void dispatcher_shift(struct dispatcher *d);       /* submits shift_delta, if it is not 0 */
void dispatcher_shifted(struct dispatcher *d);
void dispatcher_timer_fired(struct dispatcher *d);
void dispatcher_timer_arm(struct dispatcher *d); /* on the next delivery to fall due */

/* dispatcher/run.c */

/* Allocates room for up to `wanted` more jobs; returns for how many there is room. */
unsigned dispatcher_run_reserve(struct dispatcher *d, unsigned wanted);
/* Takes a claimed job of the queue: it waits for dispatcher_run_start_waiting. */
void dispatcher_run_take(struct dispatcher *d, struct queue *queue, struct delivery_job *job);
/* Puts it, confirmed, among those that wait for a slot. */
void dispatcher_run_await_slot(struct dispatcher *d, struct run *r);
/* Settles it without an attempt: SKIPPED (`skip`: for its question's reason), or due again after
 * `wait` ms. */
void dispatcher_run_leave(struct dispatcher *d, struct run *r, bool skip, int64_t wait);
/* Settles it as an attempt that failed, for the reason of its question. */
void dispatcher_run_refuse(struct dispatcher *d, struct run *r, enum attempt_result result);
/* Starts the waiting jobs that have a slot, requeues those that must no longer start. */
void dispatcher_run_start_waiting(struct dispatcher *d);
/* Settles a running attempt that has ended. */
void dispatcher_run_ended(struct dispatcher *d, struct action *a);
int64_t dispatcher_run_deadline(const struct dispatcher *d); /* the nearest, steady ms */
void dispatcher_run_expire(struct dispatcher *d);
void dispatcher_run_interrupt(struct dispatcher *d);    /* all */
void dispatcher_run_settle_again(struct dispatcher *d); /* what could not be stored */
void dispatcher_run_flush(struct dispatcher *d);        /* submits the batch, if it is time */
void dispatcher_run_settled(struct dispatcher *d, struct store_op *op);
void dispatcher_run_kill(struct dispatcher *d); /* what runs: it counts as interrupted */
void dispatcher_run_free(struct dispatcher *d); /* what does not run */

#endif
