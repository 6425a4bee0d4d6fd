/* dispatcher_private.h - what the dispatcher's files share. dispatcher.c: the
 * thread, its orders from outside and its one epoll; dispatcher_claim.c: what
 * is taken from the store and when; dispatcher_run.c: a claimed delivery from
 * its start to its settlement.
 * All but `orders` and the atomics belongs to the dispatcher's thread alone. */
#ifndef HOOKD_DISPATCHER_PRIVATE_H
#define HOOKD_DISPATCHER_PRIVATE_H

#include "action.h"
#include "conf.h"
#include "dispatcher.h"
#include "store.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* A claimed delivery: it runs, then its outcome is with the store or waits to be
 * handed over again. */
struct run {
	struct store_settle settle; /* first: dispatcher_run_settled gets its op */
	struct dispatcher *dispatcher;
	struct run *next;
	struct conf *conf;              /* a reference */
	const struct conf_hook *hook;   /* NULL: not in the conf any more */
	struct store_job *job;          /* owned by the action, or by the run without one */
	struct action *action;          /* NULL: not run */
	struct attempt_outcome not_run; /* the outcome without an action */
	int64_t began;                  /* steady ms */
	int64_t took;                   /* ms */
	int64_t ended_at;               /* unix ms */
	int64_t retry_in;               /* ms from the settlement, when it is to be READY */
};

struct dispatcher {
	int epoll;
	struct transfers *transfers; /* its descriptor is in epoll */
	struct mailer *mailer;       /* its, too */
	int wake;                    /* eventfd: there are orders, or a poke */
	int timer;                   /* timerfd on the wall clock: the next delivery falls due */
	int drained;                 /* eventfd: see dispatcher_drain */
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
	struct run *running;
	unsigned running_count;
	struct run *unsettled; /* outcomes the store did not take */
	struct run *idle;      /* made before a claim, so that no job is without one */
	unsigned idle_count;
	unsigned with_store; /* operations the store has */

	struct store_claim claim;
	struct store_want *wants;
	bool claim_wanted;
	bool claim_busy;
	int64_t last_served; /* store id of the hook that had the last turn */
	int64_t next_due;    /* unix ms */
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

/* dispatcher.c */

/* Hands an operation to the store; it comes back through the orders. */
void dispatcher_submit(struct dispatcher *d, struct store_op *op);
void dispatcher_store_failed(struct dispatcher *d);
void dispatcher_store_well(struct dispatcher *d);
bool dispatcher_store_is_well(const struct dispatcher *d);

/* `done` of all operations: puts op into d's orders. In the store's thread. */
void dispatcher_deliver(struct dispatcher *d, struct store_op *op);

/* dispatcher_claim.c */
void dispatcher_claim(struct dispatcher *d); /* if there is reason and room */
void dispatcher_claimed(struct dispatcher *d);
void dispatcher_clock_start(struct dispatcher *d);
void dispatcher_clock_check(struct dispatcher *d); /* was the wall clock set? */
void dispatcher_shift(struct dispatcher *d);       /* if there is reason */
void dispatcher_shifted(struct dispatcher *d);
void dispatcher_timer_fired(struct dispatcher *d);
void dispatcher_timer_arm(struct dispatcher *d);

/* dispatcher_run.c */

/* Makes room for up to `wanted` more jobs; returns for how many there is. */
unsigned dispatcher_run_reserve(struct dispatcher *d, unsigned wanted);
void dispatcher_run_start(struct dispatcher *d, struct store_job *job); /* takes job */
void dispatcher_run_step(struct dispatcher *d, struct action *a, enum action_step step);
int64_t dispatcher_run_deadline(const struct dispatcher *d); /* the nearest, steady ms */
void dispatcher_run_expire(struct dispatcher *d);
void dispatcher_run_interrupt(struct dispatcher *d);    /* all */
void dispatcher_run_settle_again(struct dispatcher *d); /* all the store did not take */
void dispatcher_run_settled(struct dispatcher *d, struct store_op *op);
void dispatcher_run_kill(struct dispatcher *d); /* what runs; its delivery stays RUNNING */
void dispatcher_run_free(struct dispatcher *d); /* what does not */

#endif
