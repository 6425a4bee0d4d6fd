/* store/import.h - adds events to a store from outside, with origin `manual`, or `recheck` if they
 * came as refused requests, each key once: an operation for store_submit or store_wait. */
#ifndef HOOKD_STORE_IMPORT_H
#define HOOKD_STORE_IMPORT_H

#include "audit.h"
#include "base/attributes.h"
#include "change.h"
#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum store_imported {
	STORE_IMPORT_NEW,
	STORE_IMPORT_THERE,    /* its idempotency key or its state key is stored already */
	STORE_IMPORT_REPAIRED, /* … with a damaged payload, which is repaired now */
	STORE_IMPORT_CONFLICT, /* its idempotency key was imported with another payload */
};

struct store_imported_event {
	const struct event *event; /* with its source_id; `origin` and `remote` are not used.
				    * Borrowed until done, like all pointers here */
	const int64_t *hooks;      /* store ids; each gets a delivery */
	size_t hook_count;
	const char *declined;       /* as in struct store_put; NULL: none */
	const char *skipped;        /* why its deliveries are SKIPPED; NULL: they are to run */
	int64_t refused;            /* the refused request (store/refused.h) that it came as, which
				     * is removed; 0: none … */
	int64_t refused_at;         /* … and when: unix ms. Its address is the event's `remote` */
	int64_t checksum;           /* of the payload; set by the store */
	enum store_imported result; /* out */
};

struct store_import {
	struct store_op op; /* STORE_OP_IMPORT */
	struct store_imported_event *list;
	size_t count;
	int64_t now; /* unix ms */
	struct store_audit *audit;
	size_t done; /* out: the first `done` were imported; submit the rest again */
	bool full;   /* out: not the next one, which is to run: too many deliveries wait */
};

#endif
