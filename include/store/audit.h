/* store/audit.h - what the store records of each act that changes it: when, which user, what was
 * asked, how many rows it changed, and how it ended. */
#ifndef HOOKD_STORE_AUDIT_H
#define HOOKD_STORE_AUDIT_H

#include "base/attributes.h"
#include "read.h"
#include "store.h"

#include <stdbool.h>
#include <stdint.h>

/* An act may take many operations; all of them point to one struct, which the caller zeroes, fills
 * in and keeps until the last has ended. One operation of an act at a time. The first one that
 * commits adds the act's row, and each adds what it changed, in its own transaction: so a row
 * without a result shows how many rows an act had changed when hookd was killed. */
struct store_audit {
	int64_t at;         /* unix ms */
	int64_t uid;        /* of the process that asked */
	const char *act;    /* "replay" */
	const char *detail; /* the request, as compact JSON; "" */
	int64_t id;         /* the store's: 0 until an operation of the act was committed */
};

/* The end of an act, or all that is recorded of one that changes no rows (backup, check). */
struct store_note {
	struct store_op op;        /* STORE_OP_AUDIT */
	struct store_audit *audit; /* borrowed until done */
	const char *result;        /* "done", "stopped", or the error; borrowed until done */
	int64_t now;               /* unix ms */
};

struct store_audit_row {
	int64_t id;
	int64_t at, ended_at; /* unix ms; ended_at 0: it has not ended */
	int64_t uid;
	const char *act, *detail;
	int64_t changed;
	const char *result; /* NULL: it has not ended */
};
typedef void store_audit_seen(void *arg, const struct store_audit_row *row);

/* The last acts, newest first. A row's pointers are valid during the call only. False with the
 * reason in why. */
bool store_read_audit(struct store_reader *r, int64_t limit, store_audit_seen *seen, void *arg,
	char why[STORE_READ_WHY]) WARN_UNUSED;

#endif
