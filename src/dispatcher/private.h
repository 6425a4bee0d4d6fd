/* dispatcher/private.h - what the dispatcher's files share, highest first:
 *   dispatcher.c  the thread, its orders from other threads, its epoll
 *   clock.c       the timer, and steps of the wall clock
 *   claim.c       what is claimed from the store, and when
 *   run.c         a claimed delivery from its start until its result is stored
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
 * All but `orders` and the atomics belongs to the dispatcher's thread alone. */
#ifndef HOOKD_DISPATCHER_PRIVATE_H
#define HOOKD_DISPATCHER_PRIVATE_H

#include "action/action.h"
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
	DISPATCHER_TOOK_UNIT = 16,  /* of struct queue's `took`, in a ms */
	DISPATCHER_TOOK_FIRST = 1000 * DISPATCHER_TOOK_UNIT,
};

/* What is known about a hook's deliveries. */
struct queue {
	struct queue *next;
	int64_t hook;     /* store id */
	unsigned running; /* attempts */
	unsigned waiting; /* deliveries claimed ahead */
	unsigned took;    /* moving average of the time that attempts take */
	int64_t due;      /* unix ms: when one may be due; INT64_MAX: none waits */
};

/* A claimed delivery: it waits to be started, it runs, then its outcome is in the batch or
 * with the store, or waits until the store works again. */
struct run {
	struct store_settle settle; /* first: dispatcher_run_settled gets its op */
	struct dispatcher *dispatcher;
	struct run *next;
	struct queue *queue;
	int64_t claimed;                /* steady ms */
	struct conf *conf;              /* a reference */
	const struct conf_hook *hook;   /* set at its start, like conf */
	struct delivery_job *job;       /* owned by the action, or by the run if there is none */
	struct action *action;          /* NULL: not run */
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

	pthread_mutex_t lock; /* guards `orders` */
	struct {
		struct store_op *first; /* operations that the store has finished */
		struct store_op *last;
		struct conf *conf; /* a reference to a new one, or NULL */
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
	struct queue *queues;    /* of all hooks since the start */
	struct queue **queue_of; /* for each hook of conf, if prepared */
	bool prepared;
	struct run *waiting; /* claimed ahead, oldest claim first */
	unsigned waiting_count;
	struct run *running;
	unsigned running_count;
	struct store_op *batch; /* results to be submitted to the store together … */
	struct store_op **batch_end;
	unsigned batch_count;
	int64_t batch_since;   /* … and when the first came (steady ms) */
	struct run *unsettled; /* results that the store has refused */
	struct run *idle;      /* allocated before a claim, so that each job gets one */
	unsigned idle_count;
	unsigned with_store; /* operations that the store has now */

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

	int64_t store_again; /* steady ms to try the store again; INT64_MAX: it works */
	int64_t backoff;     /* ms; 0: its last operation succeeded */

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
void dispatcher_refresh(struct dispatcher *d); /* any hook may have something due */
void dispatcher_claim(struct dispatcher *d);   /* if something is due and there is room */
void dispatcher_claimed(struct dispatcher *d);
void dispatcher_queues_free(struct dispatcher *d);

/* dispatcher/clock.c */
void dispatcher_clock_start(struct dispatcher *d);
void dispatcher_clock_check(struct dispatcher *d); /* has the wall clock been set? */
void dispatcher_shift(struct dispatcher *d);       /* submits shift_delta, if it is not 0 */
void dispatcher_shifted(struct dispatcher *d);
void dispatcher_timer_fired(struct dispatcher *d);
void dispatcher_timer_arm(struct dispatcher *d); /* on the next delivery to fall due */

/* dispatcher/run.c */

/* Allocates room for up to `wanted` more jobs; returns for how many there is room. */
unsigned dispatcher_run_reserve(struct dispatcher *d, unsigned wanted);
/* Takes a claimed job of the queue: it waits for dispatcher_run_start_waiting. */
void dispatcher_run_take(struct dispatcher *d, struct queue *queue, struct delivery_job *job);
/* Starts the waiting jobs that have a slot, requeues those that must no longer start. */
void dispatcher_run_start_waiting(struct dispatcher *d);
/* Settles a running attempt that has ended. */
void dispatcher_run_ended(struct dispatcher *d, struct action *a);
int64_t dispatcher_run_deadline(const struct dispatcher *d); /* the nearest, steady ms */
void dispatcher_run_expire(struct dispatcher *d);
void dispatcher_run_interrupt(struct dispatcher *d);    /* all */
void dispatcher_run_settle_again(struct dispatcher *d); /* what the store has refused */
void dispatcher_run_flush(struct dispatcher *d);        /* submits the batch, if it is time */
void dispatcher_run_settled(struct dispatcher *d, struct store_op *op);
void dispatcher_run_kill(struct dispatcher *d); /* what runs; the deliveries stay RUNNING */
void dispatcher_run_free(struct dispatcher *d); /* what does not run */

#endif
