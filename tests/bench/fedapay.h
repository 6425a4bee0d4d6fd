/* fedapay.h - the JSON of FedaPay's events, some 1.2 KB each or 6.8 KB, from a few numbers:
 * the same numbers give the same bytes. Made for speed (no JSON library); what
 * `hookctl send` makes up for people is src/sender/fedapay.c's. Any thread. */
#ifndef BENCH_FEDAPAY_H
#define BENCH_FEDAPAY_H

#include <stddef.h>
#include <stdint.h>

#define FEDAPAY_BODY_MAX 8192 /* room for any body */

enum fedapay_kind { FEDAPAY_TRANSACTION, FEDAPAY_CUSTOMER, FEDAPAY_PAYOUT };

struct fedapay_event {
	uint64_t id; /* 0: as FedaPay sends it, without an id and time of its own, with the account
		      */
	enum fedapay_kind kind;
	const char *state; /* "approved": the type's last word */
	uint64_t entity_id;
	uint64_t customer_id;
	uint64_t looks;     /* random bits: name, order, number, brand of the entity */
	int64_t amount;     /* XOF; not used for a customer */
	int64_t created_at; /* unix ms: the entity */
	int64_t changed_at; /* unix ms: what the event reports */
};

/* "transaction", "customer", "payout" */
const char *fedapay_kind_text(enum fedapay_kind kind);

/* Writes the body, without a NUL. Returns its bytes. */
size_t fedapay_write(const struct fedapay_event *ev, char out[FEDAPAY_BODY_MAX]);

#endif
