/* listener/refused.h - hands a request that was not authentic to the store, to be judged again when
 * the source's secret is right. What is refused for its head is not kept: its body was not read,
 * and no secret would make it authentic. */
#ifndef HOOKD_LISTENER_REFUSED_H
#define HOOKD_LISTENER_REFUSED_H

#include "request.h"

#include <stdint.h>

/* A request with its body, at `now` (unix ms). Copies it, and waits for nothing. */
void refused_keep(const struct request *r, const char *reason, int64_t now);

#endif
