/* catchup/catchup.h - reads back from a sender's API what its webhook did not bring. A thread
 * sweeps over the API's list of events of each source that has an API key, compares it with the
 * store, and stores what is missing as events of the origin "api", oldest first. How far it has
 * read is in the store, and moves only after a whole sweep: whatever happens in between, the next
 * one starts where the last good one ended, and finds again what is stored already. */
#ifndef HOOKD_CATCHUP_H
#define HOOKD_CATCHUP_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct catchup;
struct confirms;
struct listener;

/* What it works with; each lives longer than the catchup. */
struct catchup_with {
	struct store *store;
	struct listener *listener; /* after its 503s a sweep is due */
	/* Called in its thread: the state of a webhook or of a key has changed, in the store. */
	void (*changed)(void *arg);
	void *arg;
	struct confirms *confirms; /* whose questions it answers: catchup/confirms.h */
};

/* Starts the thread, which sleeps as long as no source has an API key. Takes references to conf.
 * NULL: logged. Main thread, like the next three. */
struct catchup *catchup_start(struct conf *conf, const struct catchup_with *with) WARN_UNUSED;
void catchup_reload(struct catchup *c, struct conf *conf);

/* Leaves what is under way, and works no more. */
void catchup_drain(struct catchup *c);

/* Before store_close. NULL is allowed. */
void catchup_stop(struct catchup *c);

/* ---- what an operator asks for ---- */

/* An event that is missing, or was until now. */
struct catchup_row {
	const char *source, *type;
	const char *entity;  /* "transaction:98446301"; NULL: none */
	int64_t occurred_at; /* unix ms; 0: not known */
	int64_t event;       /* its number in the store; 0: it is not stored */
	const char *skip;    /* why no hook runs, or would run, for it; NULL: they do */
};

/* What the API does, as a question and its answer. */
struct catchup_fact {
	const char *source, *question, *answer;
};

struct catchup_order {
	const char *source; /* NULL: each that has an API key */
	int64_t since;      /* unix ms: all from then on; 0: from where the last sweep ended */
	const char *kind;   /* an entity's, to read back that one alone; NULL: events … */
	const char *id;     /* … and its id */
	bool dry_run;       /* store nothing */
	bool check;         /* ask the API what it does, instead */

	/* Called in the catchup's thread while catchup_run waits. */
	void (*row)(void *arg, const struct catchup_row *row);
	void (*fact)(void *arg, const struct catchup_fact *fact);
	void (*progress)(void *arg, int64_t done, int64_t all); /* of 0: not known */
	bool (*stopped)(void *arg);
	void *arg;

	/* out */
	int64_t found;  /* rows */
	int64_t filled; /* stored */
	bool good;      /* all was read; otherwise: */
	char why[512];
	struct catchup_order *next; /* catchup.c's */
	bool ended;                 /* catchup.c's */
};

/* Leaves a sweep that is under way, runs the order, and returns when it has ended. Any thread but
 * the catchup's. */
void catchup_run(struct catchup *c, struct catchup_order *order);

#endif
