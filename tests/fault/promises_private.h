/* promises_private.h - what promises.c, which works and records, and promises_check.c, which
 * checks, share. */
#ifndef HOOKD_FAULT_PROMISES_PRIVATE_H
#define HOOKD_FAULT_PROMISES_PRIVATE_H

#include "promises.h"

#include <pthread.h>
#include <stdatomic.h>

enum { EVENTS = 1 << 16, DELIVERIES = 1 << 18, HOOKS = 3, CLAIM = 8, DAY = 86400000 };

/* What is known of a delivery. */
struct delivery {
	unsigned claimed; /* the greatest attempt whose claim was acknowledged */
	unsigned settled; /* the greatest attempt whose settling was acknowledged */
	unsigned char state;
	unsigned char result;
	bool told;   /* given up, and a delivery of the failure hook with it */
	bool unsure; /* a later operation was not acknowledged: it may be in or not */
};

struct promises {
	uint64_t seed;
	int64_t source;
	int64_t hooks[HOOKS];  /* plain, in order, told of failures */
	pthread_mutex_t mutex; /* guards all below */
	int64_t *numbers;      /* of events: 0 not acknowledged; else the store's id */
	uint32_t *sizes;       /* of their payloads; 0: never sent */
	struct delivery *deliveries;
	unsigned next;
	unsigned left;
	struct promised count;
	char *version_1;  /* what a store of that version held; NULL: it was a new one */
	unsigned running; /* putters */
	char broken[200];
	_Atomic bool stopped; /* the store has called on_failure */
	_Atomic unsigned stops;
	/* While it works; constant. */
	const struct work *work;
	struct store *st;
	const char *path;
};

/* An event, as its number gives it. */
struct made {
	char key[40];
	char entity[16];
	unsigned hooks;
	bool old;       /* retention may take it */
	uint64_t bytes; /* the seed of its payload */
};

struct made promises_made(const struct promises *p, unsigned i);
bool promises_payload_is(const struct promises *p, unsigned i, const void *bytes, size_t len);
/* The event's number from a key of ours; -1: it is none. */
int promises_number(const char *key);
/* The ids of source and hooks, made when they are new. */
bool promises_names(struct promises *p, struct store *st);
/* Puts once more what was acknowledged; what is wrong with the answer is in p->broken. */
void promises_put_again(struct promises *p, struct store *st, unsigned i);

/* All that a store of version 1 held, as one text. */
extern const char promises_version_1_content[];

#endif
