/* reporter/contradictions.h - the contradictions between events of one entity that have become
 * apparent in a period, for the digest and the alert. One thread, the reader's. */
#ifndef HOOKD_REPORTER_CONTRADICTIONS_H
#define HOOKD_REPORTER_CONTRADICTIONS_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/contradiction.h"
#include "store/report.h"

#include <stdbool.h>
#include <stdint.h>

#define CONTRADICTION_EVENTS 100 /* of an entity, the newest, that are compared */

/* `number` counts those of c->event from 1. */
typedef void contradictions_seen(void *arg, const struct store_report_entity *entity,
	const struct contradiction *c, unsigned number);

/* Shows each that an event of [from, to), unix ms, has made apparent. False: why. */
bool contradictions_each(struct store_reader *r, const struct conf *conf, int64_t from, int64_t to,
	contradictions_seen *seen, void *arg, char why[STORE_READ_WHY]) WARN_UNUSED;

/* Appends the body of an event hookd.alert about one: a JSON object with name, id, created_at,
 * subject, text, kind, source, entity_kind, entity_id, event and reason. The id is the same
 * whenever it is made. False: out of memory. */
bool contradiction_body(const struct store_report_entity *entity, const struct contradiction *c,
	unsigned number, int64_t now, struct buf *body) WARN_UNUSED;

#endif
