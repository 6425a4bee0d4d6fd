/* transactions_private.h - the operations (transactions_kinds.c) and how they are tried and checked
 * (transactions.c). */
#ifndef HOOKD_FAULT_TRANSACTIONS_PRIVATE_H
#define HOOKD_FAULT_TRANSACTIONS_PRIVATE_H

#include "store/audit.h"
#include "store/store.h"

#include <stdatomic.h>

/* What an operation has done. */
enum outcome {
	NOTHING,
	ALL,
	SOME,   /* each of several operations, or the part that fits into a slice */
	EITHER, /* NOTHING or ALL */
};

/* A kind of transaction. */
struct kind {
	const char *name;
	enum outcome (*run)(struct store *st);
	bool (*prepare)(struct store *st); /* without a fault; NULL: nothing to prepare */
	const char *counted;               /* of puts: a pattern of their keys; NULL: no puts */
};

extern const struct kind kinds[]; /* ends with one that has no name */

/* The names' ids, in the store that is open. */
bool kinds_find_names(struct store *st);
/* Something for each kind to work on. */
bool kinds_fill(struct store *st);

/* The audit of the operations. */
extern struct store_audit kinds_audit;
extern atomic_uint kinds_puts_stored; /* of the last ones that were put */
/* Frees what an operation has allocated. */
void kinds_release(void *memory);
/* How many faults there have been in the operation that runs; a directory for files. */
unsigned kinds_failed(void);
const char *kinds_directory(void);

#endif
