/* hookctl/ask.h - asks for an act, such as a replay, of the hookd that runs on the store. If none
 * runs, a process of hookctl's own does it (hookctl/alone.h). Errors are reported on stderr. One
 * thread. */
#ifndef HOOKD_CTL_ASK_H
#define HOOKD_CTL_ASK_H

#include "base/attributes.h"
#include "command.h"
#include "exchange.h"

#include <jansson.h>
#include <stdbool.h>

struct ctl_ask {
	const struct ctl *ctl;
	char *store; /* its path */

	/* the caller's */
	struct ctl_exchange exchange; /* its handlers and input */
	bool matches;                 /* without hookd the act needs the config … */
	bool only_reads; /* … and not the store's lock: a check, a dry run. It is done
			  * here, too, if hookd may not be asked */
};

/* Finds the store: --store, or for NULL the config's. CTL_OK, or the code to exit with; call
 * ctl_ask_end either way. */
int ctl_ask_begin(struct ctl_ask *ask, struct ctl *ctl, const char *store) WARN_UNUSED;
void ctl_ask_end(struct ctl_ask *ask);

/* Asks, any number of times in turn. Takes the request; NULL: out of memory. CTL_OK: what was done
 * is in ask->exchange.done, which is valid until the next call. Otherwise the code to exit with:
 * ask->exchange.done, unless it is NULL, is what was done until the act could not go on. */
int ctl_ask(struct ctl_ask *ask, json_t *request) WARN_UNUSED;

/* Checks a copy of the store, in a process that has become the store's owner. As ctl_ask. */
int ctl_ask_check_copy(struct ctl_ask *ask, int copy) WARN_UNUSED;

/* The same as ctl_ask, and false if no hookd runs, or it does not answer within `patience` ms:
 * nothing is reported then, and *why, to be freed, says why not; "" if none runs. */
bool ctl_ask_hookd(struct ctl_ask *ask, json_t *request, int patience, struct buf *why) WARN_UNUSED;

/* Was the act stopped before its end? */
bool ctl_ask_stopped(const struct ctl_ask *ask);

/* Adds a member to a request, and takes the value. Out of memory: *request is released, and NULL.
 */
void ctl_ask_add(json_t **request, const char *name, json_t *value);

#endif
