/* reporter/reporter.h - hookd's own events: the daily digest, the alert about a silent source, and
 * those about a source all of whose requests are refused, or a hook that is held.
 * A thread sleeps until one of them is due, reads the store through a reader of its own, and stores
 * an event of the source "hookd" with a delivery for the hook that the config derives
 * (hookd/digest, hookd/silence, hookd/alert). From there on it is an event like any other: durable,
 * retried, listed. Its id names its day or its silence, so that no restart makes it twice. */
#ifndef HOOKD_REPORTER_H
#define HOOKD_REPORTER_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "store/store.h"

struct reporter;

struct listener;
struct dispatcher;

/* What it watches and stores into; each lives longer than the reporter. */
struct reporter_watched {
	struct store *store;
	struct listener *listener;
	struct dispatcher *dispatcher;
};

/* Starts the thread, which sleeps as long as the conf wants no report. Takes references to
 * conf. NULL: logged. Main thread, like the next two. */
struct reporter *reporter_start(
	struct conf *conf, const struct reporter_watched *watched) WARN_UNUSED;
void reporter_reload(struct reporter *r, struct conf *conf);

/* The store may have the cause of an alert: looks at once. Any thread. */
void reporter_notify(struct reporter *r);

/* Before store_close. NULL is allowed. */
void reporter_stop(struct reporter *r);

#endif
