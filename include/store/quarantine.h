/* store/quarantine.h - releases a quarantined event with a type, so that hooks get it, or drops it.
 * Each is an operation for store_submit or store_wait. */
#ifndef HOOKD_STORE_QUARANTINE_H
#define HOOKD_STORE_QUARANTINE_H

#include "audit.h"
#include "base/attributes.h"
#include "change.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store_release {
	struct store_op op; /* STORE_OP_RELEASE */
	int64_t event;
	int64_t source;                      /* its store id */
	const char *type;                    /* borrowed until done, like all pointers here */
	const char *entity_kind, *entity_id; /* NULL: none */
	const char *state_key;               /* NULL: none */
	const int64_t *hooks;                /* store ids; each gets a READY delivery */
	size_t hook_count;
	const char *declined; /* as in struct store_put; NULL: none */
	int64_t now;          /* unix ms */
	struct store_audit *audit;
	bool done;        /* out; false: the event is not, or no longer, in quarantine, or … */
	int64_t reported; /* … out: this event has its state key; 0: none has */
};

/* Deletes the event. */
struct store_drop {
	struct store_op op; /* STORE_OP_DROP */
	int64_t event;
	struct store_audit *audit; /* borrowed until done */
	bool done;                 /* out; false: as in struct store_release */
};

#endif
