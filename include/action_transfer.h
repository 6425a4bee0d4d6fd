/* action_transfer.h - an attempt that is a network transfer: what the kinds
 * "email" and "forward" share. The dispatcher's thread. */
#ifndef HOOKD_ACTION_TRANSFER_H
#define HOOKD_ACTION_TRANSFER_H

#include "action.h"
#include "transfer.h"

#include <stdbool.h>

struct action_transfer {
	struct action action; /* first: the dispatcher knows only this */
	struct transfer transfer;
	bool interrupted; /* by hookd's stop */
};

/* Starts the transfer, whose options are set, and the hook's timeout. If it cannot
 * be started the outcome is set. */
enum action_step action_transfer_begin(struct action_transfer *t) WARN_UNUSED;

/* The attempt fails for want of memory, before it began. */
enum action_step action_transfer_no_memory(struct action_transfer *t) WARN_UNUSED;

/* What libcurl has to say of a transfer that failed, cut to fit a message. */
const char *action_transfer_error(const struct action_transfer *t);

/* The outcome of an attempt whose time is over, by hookd's stop or by its timeout.
 * The caller closes the transfer, which must not end behind its back. */
void action_transfer_expire(struct action_transfer *t);

/* For the kinds' tables. */
void action_transfer_interrupt(struct action *a);
void action_transfer_kill(struct action *a);

#endif
