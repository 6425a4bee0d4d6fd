/* reporter/reporter.h - hookd's own events: the daily digest and the alert on a source's
 * silence. A thread that sleeps until one of them is due, looks into the store
 * through a reader of its own, and puts an event of the source "hookd" with a
 * delivery for the hook that the config derives (hookd/digest, hookd/silence).
 * From there it is an event like any other: durable, retried, shown. Each has an
 * id by its day or silence, so that none is made twice, whatever restarts. */
#ifndef HOOKD_REPORTER_H
#define HOOKD_REPORTER_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "store/store.h"

struct reporter;

/* Starts the thread, which sleeps for good while the conf wants no report. Takes
 * references to conf. NULL: logged. Main thread, like the next two. */
struct reporter *reporter_start(struct conf *conf, struct store *st) WARN_UNUSED;
void reporter_reload(struct reporter *r, struct conf *conf);

/* Before store_close. NULL is allowed. */
void reporter_stop(struct reporter *r);

#endif
