/* listener/health.h - is each source's last request authentic, or has every one been refused since
 * some time? A list with an element for each source that a config of this process has had; an
 * element stays until the listener ends, so that requests read the list without a lock. Main thread
 * for `add` and `free`, any thread for the others. */
#ifndef HOOKD_LISTENER_HEALTH_H
#define HOOKD_LISTENER_HEALTH_H

#include "base/attributes.h"
#include "conf/conf.h"
#include "listener/listener.h"

#include <stdbool.h>
#include <stdint.h>

struct health;

/* Adds the sources of a conf that the list does not have; NULL is an empty list. False: out of
 * memory. */
bool health_add(struct health **list, const struct conf *conf) WARN_UNUSED;
void health_free(struct health *list);

/* `reason` is a literal. */
void health_refused(struct health *list, int64_t source, int64_t now, const char *reason);
void health_accepted(struct health *list, int64_t source, int64_t now);
void health_read(struct health *list, int64_t source, struct listener_health *out);

#endif
