/* hookctl/trial.h - runs one attempt without the daemon and the store, for `hookctl test`.
 * One thread; blocks until the attempt has ended. */
#ifndef HOOKD_TRIAL_H
#define HOOKD_TRIAL_H

#include "action/action.h"
#include "base/attributes.h"
#include "conf/conf.h"
#include "event/delivery.h"

#include <stdbool.h>
#include <stdint.h>

struct trial {
	int epoll;
	struct action_place *place;
	struct action *action;
	bool ended;
	int64_t took; /* ms */
};

/* Runs the hook's action for job to its end, scripts without a sandbox. Takes job. After
 * transfer_global_init. False: out of memory or descriptors, and nothing was done. */
bool trial_run(struct trial *trial, struct conf *conf, const struct conf_hook *hook,
	struct delivery_job *job) WARN_UNUSED;

/* Valid until trial_end. */
const struct attempt_outcome *trial_outcome(const struct trial *trial);
void trial_end(struct trial *trial);

/* Makes up the failure that an on_failure action reports. False: out of memory. */
bool trial_add_failure(struct delivery_job *job) WARN_UNUSED;

#endif
