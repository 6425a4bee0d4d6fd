/* event/document.h - an event as conditions and templates see it: the JSON of the body, in
 * which an `entity`, and its `metadata` and `custom_metadata`, that is the JSON text of an object
 * is replaced with the object; and for an action hookd's own facts under "hookd" and "failure",
 * which hide members of the body of the same name:
 *
 *   hookd.event  hookd.type  hookd.source  hookd.hook  hookd.delivery
 *   hookd.attempt  hookd.idempotency_key  hookd.received_at (RFC 3339)
 *   hookd.origin ("webhook", "api", "manual")
 *   hookd.late (seconds from occurred to received; not there if that is not known)
 *   failure.hook  failure.delivery  failure.attempts  failure.reason
 *   failure.output (its last 4 KiB)   - of the delivery that failed; on_failure only
 *
 * Any thread; one document belongs to one thread. */
#ifndef HOOKD_DOCUMENT_H
#define HOOKD_DOCUMENT_H

#include "base/attributes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct delivery_job;

/* Parses a body as json_read does (base/json.h). *out gets a new reference, or NULL if it is not
 * JSON. False: out of memory. */
bool document_parse(const void *body, size_t len, json_t **out) WARN_UNUSED;

/* The entity of a parsed body if it is an object, else NULL: borrowed from root. Unfolds in root
 * what is the JSON text of an object, as above. False: out of memory. */
bool document_entity(json_t *root, json_t **out) WARN_UNUSED;

/* The document of a claimed delivery for the hook's action. Returns a new object; NULL: out
 * of memory. */
json_t *document_of_job(const struct delivery_job *job, const char *hook) WARN_UNUSED;

#endif
