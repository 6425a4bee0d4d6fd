/* dispatcher/private.h - what the dispatcher's files share. dispatcher/dispatcher.c: the
 * thread, its orders from outside and its one epoll; dispatcher/claim.c: what
 * is taken from the store and when; dispatcher/run.c: a claimed delivery from
 * its start to its settlement; dispatcher/clock.c: the timer and the wall clock.
 *
 * Where attempts are short, a round trip to the store for each would leave the
 * slots empty half of the time and cost an fsync an attempt. So a few deliveries
 * are claimed ahead of the slots that are about to be free: no more than will
 * start in a moment, by how long the hook's attempts took of late. They are
 * RUNNING in the store and wait here; one that cannot be started after all is
 * given back as if it had never been claimed, and one that hookd's death leaves
 * behind counts as interrupted, as those do that had begun. Meanwhile results
 * are held for a moment, to go to the store with the next claim.
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
	DISPATCHER_AHEAD_MAX = 200, /* ms after which they are given back */
	DISPATCHER_HOLD = 10,       /* ms a result may be held */
	DISPATCHER_TOOK_UNIT = 16,  /* of struct queue's `took`, in a ms */
	DISPATCHER_TOOK_FIRST = 1000 * DISPATCHER_TOOK_UNIT,
};

/* What is known of a hook's deliveries. */
struct queue {
	struct queue *next;
	int64_t hook;     /* store id */
	unsigned running; /* attempts */
	unsigned waiting; /* claimed ahead */
	unsigned took;    /* how long attempts take, on a moving average */
	int64_t due;      /* unix ms: when there may be one to claim; INT64_MAX: none waits */
};

/* A claimed delivery: it waits to be started, it runs, then its outcome is with the store or waits
 * to be handed over again. */
struct run {
	struct store_settle settle; /* first: dispatcher_run_settled gets its op */
	struct dispatcher *dispatcher;
	struct run *next;
	struct queue *queue;
	int64_t claimed;                /* steady ms */
	struct conf *conf;              /* a reference */
	const struct conf_hook *hook;   /* set when it is started, as is conf */
	struct delivery_job *job;       /* owned by the action, or by the run without one */
	struct action *action;          /* NULL: not run */
	struct attempt_outcome not_run; /* the outcome without an action */
	int64_t began;                  /* steady ms */
	int64_t took;                   /* ms */
	int64_t ended_at;               /* unix ms */
	int64_t retry_in;               /* ms from the settlement, when it is to be READY */
};

struct dispatcher {
	int epoll;
	struct action_place *place; /* its descriptors are in epoll; protects conf's secrets */
	int wake;                   /* eventfd: there are orders, or dispatcher_poke was called */
	int timer;                  /* timerfd on the wall clock: the next delivery falls due */
	int drained;                /* eventfd: see dispatcher_drain */
	pthread_t thread;
	bool started;
	struct store *store;

	pthread_mutex_t lock; /* guards `orders` */
	struct {
		struct store_op *first; /* operations the store is done with */
		struct store_op *last;
		struct conf *conf; /* a reference; NULL: none new */
		bool drain;
		bool quit;
	} orders;
	atomic_bool poked;
	atomic_bool asleep;
	atomic_ullong rounds;
	atomic_ullong rounds_seen; /* at the last dispatcher_alive */
	atomic_uint running_now;
	atomic_llong done;
	atomic_llong failed;
	atomic_llong dead;

	struct conf *conf;
	struct queue *queues;    /* of all hooks there have been */
	struct queue **queue_of; /* of each hook of conf, if prepared */
	bool prepared;
	struct run *waiting; /* claimed ahead, the first claimed first */
	unsigned waiting_count;
	struct run *running;
	unsigned running_count;
	struct store_op *held; /* results to be handed to the store together … */
	struct store_op **held_end;
	unsigned held_count;
	int64_t held_since;    /* … steady ms: the first of them */
	struct run *unsettled; /* outcomes the store did not take */
	struct run *idle;      /* made before a claim, so that no job is without one */
	unsigned idle_count;
	unsigned with_store; /* operations the store has */

	struct store_claim claim;
	struct store_want *wants;
	bool claim_busy;
	bool looked_since;   /* something has become due since the claim was handed over */
	int64_t last_served; /* store id of the hook that had the last turn */
	int64_t armed;       /* what the timer is set to; 0: to be set again */

	struct store_shift shift;
	bool shift_busy;
	int64_t shift_delta; /* still to be handed over */
	int64_t offset;      /* wall clock minus steady clock */

	int64_t store_again; /* steady ms to try the store again; INT64_MAX: it is well */
	int64_t backoff;     /* ms; 0: its last operation went well */

	bool draining;
	int64_t drain_deadline; /* steady ms: then what runs is interrupted; INT64_MAX: it was */
	bool drained_said;
};

/* dispatcher/passage.c */

void dispatcher_wake(struct dispatcher *d); /* any thread */

/* Hands an operation to the store, after the results that are held; it comes back
 * through the orders. */
void dispatcher_submit(struct dispatcher *d, struct store_op *op);
void dispatcher_store_failed(struct dispatcher *d);
void dispatcher_store_well(struct dispatcher *d);
bool dispatcher_store_is_well(const struct dispatcher *d);

/* `done` of all operations: puts op into d's orders. In the store's thread. */
void dispatcher_deliver(struct dispatcher *d, struct store_op *op);

/* dispatcher/claim.c */
void dispatcher_look(struct dispatcher *d);  /* there may be something due, of any hook */
void dispatcher_claim(struct dispatcher *d); /* if there is reason and room */
void dispatcher_claimed(struct dispatcher *d);
void dispatcher_queues_free(struct dispatcher *d);

/* dispatcher/clock.c */
void dispatcher_clock_start(struct dispatcher *d);
void dispatcher_clock_check(struct dispatcher *d); /* was the wall clock set? */
void dispatcher_shift(struct dispatcher *d);       /* if there is reason */
void dispatcher_shifted(struct dispatcher *d);
void dispatcher_timer_fired(struct dispatcher *d);
void dispatcher_timer_arm(struct dispatcher *d); /* on the next delivery to fall due */

/* dispatcher/run.c */

/* Makes room for up to `wanted` more jobs; returns for how many there is. */
unsigned dispatcher_run_reserve(struct dispatcher *d, unsigned wanted);
/* Takes a claimed job of the queue, which waits until dispatcher_run_begin starts it. */
void dispatcher_run_take(struct dispatcher *d, struct queue *queue, struct delivery_job *job);
/* Starts those that wait and have room, gives back those that are not to be started. */
void dispatcher_run_begin(struct dispatcher *d);
/* Settles a running attempt that has ended. */
void dispatcher_run_ended(struct dispatcher *d, struct action *a);
int64_t dispatcher_run_deadline(const struct dispatcher *d); /* the nearest, steady ms */
void dispatcher_run_expire(struct dispatcher *d);
void dispatcher_run_interrupt(struct dispatcher *d);    /* all */
void dispatcher_run_settle_again(struct dispatcher *d); /* all the store did not take */
void dispatcher_run_hand_over(struct dispatcher *d);    /* what is held, if it is time */
void dispatcher_run_settled(struct dispatcher *d, struct store_op *op);
void dispatcher_run_kill(struct dispatcher *d); /* what runs; its delivery stays RUNNING */
void dispatcher_run_free(struct dispatcher *d); /* what does not */

#endif
