/* event/document.h - an event as conditions and templates see it: the body's JSON,
 * with `entity` unfolded where a sender gives it as a JSON text; and for an
 * action, hookd's own facts under "hookd" and "failure" (they go before members
 * of the body of the same name):
 *
 *   hookd.event  hookd.type  hookd.source  hookd.hook  hookd.delivery
 *   hookd.attempt  hookd.idempotency_key  hookd.received_at (RFC 3339)
 *   failure.hook  failure.delivery  failure.attempts  failure.reason
 *   failure.output (its last 4 KiB)   - of the delivery given up; on_failure only
 *
 * Any thread; one document belongs to one thread. */
#ifndef HOOKD_DOCUMENT_H
#define HOOKD_DOCUMENT_H

#include "base/attributes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct delivery_job;

/* Parses a body. *out gets a new reference, or NULL when it is not JSON. False
 * only when memory is short. Numbers beyond 64 bits make all numbers reals. */
bool document_parse(const void *body, size_t len, json_t **out) WARN_UNUSED;

/* The entity of a parsed body that is an object: borrowed from root. Unfolds it in
 * root if it is a JSON text. *out is NULL when there is none. False only when
 * memory is short. */
bool document_entity(json_t *root, json_t **out) WARN_UNUSED;

/* The document of a claimed delivery for the hook's action. Returns new, never
 * not an object; NULL: memory is short. */
json_t *document_of_job(const struct delivery_job *job, const char *hook) WARN_UNUSED;

#endif
