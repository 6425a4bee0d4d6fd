/* catchup/task.h - the work on one source, which the files of this folder share. Of catchup.c's
 * thread alone. */
#ifndef HOOKD_CATCHUP_TASK_H
#define HOOKD_CATCHUP_TASK_H

#include "base/attributes.h"
#include "catchup/catchup.h"
#include "client.h"
#include "conf/conf.h"
#include "store/catchup.h"
#include "store/store.h"
#include "sweep.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct task {
	const struct conf_source *source;
	struct store *store;
	const char *store_path;
	int stop;                    /* readable: leave everything */
	struct client *client;       /* NULL: out of memory */
	struct store_reader *reader; /* during a sweep */
	struct store_catchup_state state;
	struct catchup_order *order;           /* by which the sweep is made; NULL: it is due */
	struct confirms *confirms;             /* whose questions go first … */
	void (*before_asking)(struct task *t); /* … answers them */
	bool confirming;                       /* … and are being answered */
	json_t *known, *wanted;                /* parts.c's; NULL: empty */
	int64_t silence;      /* ms without an event from the webhook that are unusual */
	int64_t offset;       /* ms by which the API's clock is ahead */
	int64_t next_at;      /* steady ms of the next sweep */
	int64_t health_at;    /* … and of the next look at the webhook */
	int64_t refused;      /* 503s of the listener, at the last look */
	int64_t refusal_at;   /* steady ms: when they last made a sweep due; 0: never */
	int64_t silent_since; /* when the webhook brought its last event, if that is long ago */
	unsigned failures;    /* sweeps that failed in a row */
	bool swept;           /* once since the start */
	bool denied;          /* the key was refused, and that was logged */
	bool disorder;        /* the list is not newest first, and that was logged */
	bool dead;            /* since the last sweep the webhook was not well, or events were
			       * answered 503: api.grace does not count */
	bool changed;         /* … and the reporter may have to know */
};

/* Why a sweep cannot go on. */
enum task_end {
	TASK_WHOLE,
	TASK_INCOMPLETE, /* the rest is out of reach */
	TASK_LATER,      /* the API or the store does not work: again soon */
	TASK_DENIED,     /* the key, or the API is not what it was: again in an hour */
	TASK_STOPPED,
};

/* task.c: waits; false: to be stopped. */
bool task_sleep(const struct task *t, int64_t ms);

/* task.c: is the order to be stopped? */
bool task_stopped(const struct task *t);

/* task.c: notes why the sweep fails, for people. */
void task_note(struct task *t, const char *format, ...) PRINTF(2, 3);

/* task.c: can it be part of a path? */
bool task_is_plain_id(const char *id);

/* task.c: stores the state. False: noted. */
bool task_save(struct task *t) WARN_UNUSED;

/* ask.c: GET, as soon as the pace allows it, and again while the API is busy. Of a question
 * that failed: again up to three times. */
void task_get(struct task *t, const char *path, struct client_answer *answer);

/* ask.c: the same, but asks once. */
void task_get_once(struct task *t, const char *path, struct client_answer *answer);

/* ask.c: PUT, once. */
void task_put(struct task *t, const char *path, const char *json, struct client_answer *answer);

/* ask.c: what the failure of a question means for the sweep; noted. */
enum task_end task_end_of(struct task *t, const struct client_answer *answer);

/* due.c: opens the task's reader, and reads the state. False: noted. */
bool due_open_store(struct task *t) WARN_UNUSED;
void due_close_store(struct task *t);

/* due.c: one sweep with all that belongs to it, from the store and back. *more: see pass_run. */
enum task_end due_sweep(struct task *t, bool *more);

/* due.c: logs how a sweep ended, and how many events it filled in. */
void due_log(struct task *t, enum task_end end, int64_t filled);

/* due.c: the ms until the next sweep. */
int64_t due_wait(struct task *t, enum task_end end, bool more);

/* pass.c: one sweep, from the state in the store to what it shows. *more: rows were left, so the
 * next one is due at once. The state is not stored yet. */
enum task_end pass_run(struct task *t, bool *more);

/* fill.c: of struct sweep_plan; arg is the task. */
sweep_judge fill_judge;

/* fill.c: completes and stores the body of an event that was made of an entity, unless it is stored
 * already. *had: it was. */
enum task_end fill_body(struct task *t, struct buf *body, bool *had);

/* refresh.c: reads an entity back, and stores the events that its state implies and that are not
 * there. Tells the order, if there is one, what it saw. TASK_INCOMPLETE: the API does not have
 * it; noted. */
enum task_end refresh_entity(struct task *t, const char *kind, const char *id);

/* pending.c: reads back entities that have been pending since they began, each at growing gaps:
 * those whose time came after `before` (unix ms), when it was last done. */
enum task_end pending_ask(struct task *t, int64_t before);

/* fill.c: completes and stores what was kept, in order; or shows it to a dry order. TASK_WHOLE: all
 * of it. */
enum task_end fill_rows(struct task *t, struct sweep *s);

#endif
