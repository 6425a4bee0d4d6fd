/* hookctl/trial.h - one attempt outside of the daemon: what the dispatcher does for many
 * with a store, done for one without. For `hookctl test`. One thread; blocks. */
#ifndef HOOKD_TRIAL_H
#define HOOKD_TRIAL_H

#include "action/action.h"
#include "base/attributes.h"
#include "conf/conf.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

struct trial {
	int epoll;
	struct transfers *transfers;
	struct mailer *mailer;
	struct action *action;
	int64_t took; /* ms */
};

/* Runs the hook's action for job to its end. Takes job. curl_global_init must
 * have been called. False: no memory or descriptor; nothing was done. */
bool trial_run(struct trial *trial, struct conf *conf, const struct conf_hook *hook,
	struct delivery_job *job) WARN_UNUSED;

/* Valid until trial_end. */
const struct attempt_outcome *trial_outcome(const struct trial *trial);
void trial_end(struct trial *trial);

/* Makes up the failure that an on_failure action tells of. False: no memory. */
bool trial_add_failure(struct delivery_job *job) WARN_UNUSED;

#endif
