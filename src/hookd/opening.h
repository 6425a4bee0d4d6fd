/* hookd/opening.h - opens the store. While that cannot be for a reason that passes by itself, hookd
 * listens and answers 503, so that senders try again, and operators see that it is up. */
#ifndef HOOKD_OPENING_H
#define HOOKD_OPENING_H

#include "base/attributes.h"
#include "hookd.h"

#include <stdbool.h>

/* Sets h->store, and if it had to wait, h->listener, which takes over the sockets. False: logged,
 * or a signal asked hookd to stop: h->stopped. */
bool opening_store(struct hookd *h, const struct store_options *options, const int *sockets,
	size_t socket_count) WARN_UNUSED;

#endif
