/* event/event.h - what hookd reads in an authentic body: id, type, entity, times and
 * the idempotency key. Lenient by design: the sender's shape is not published
 * and changes; what cannot be read is left out, and a body that is not JSON or
 * has no type is quarantined, never refused. The body itself is only borrowed
 * and never altered. Any thread; one event belongs to one thread. */
#ifndef HOOKD_EVENT_H
#define HOOKD_EVENT_H

#include "base/attributes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_TYPE_MAX 128 /* bytes in a type; a longer one is quarantined */
#define EVENT_ID_MAX   200 /* bytes in an id; a longer one is used as its hash */

struct event {
	const char *source;      /* borrowed: the source's name */
	int64_t source_id;       /* the source's row in the store */
	char *provider_event_id; /* NULL: none */
	char *type;              /* NULL: quarantined without one */
	char *entity_kind;       /* "transaction"; NULL: none */
	char *entity_id;         /* NULL: none */
	int64_t occurred_at;     /* unix ms; 0: not said */
	int64_t received_at;     /* unix ms */
	char *idempotency_key;   /* never NULL: see event_parse */
	const char *quarantined; /* NULL, or a constant reason why it is quarantined */
	const char *origin;      /* "webhook", "api" or "manual": a literal */
	char remote[48];         /* the client's address, or "unix" */
	const void *payload;     /* borrowed: the raw body */
	size_t payload_len;
	json_t *document; /* event_document's; */
	bool parsed;      /* it is made, or the body is not JSON */
};

/* Reads the body into *ev (which it overwrites; source, source_id, received_at,
 * origin and remote are the caller's to set after). Idempotency key, by what
 * there is, in this order:
 *   id:<id>                                     a number and the same text are one key
 *   entity:<type>:<entity id>:<updated_at>
 *   sha256:<hex of the body>
 * An id that is long or has characters beyond printable ASCII is used as
 * idhash:<sha256 hex>. False only when memory is short; *ev is then empty. */
bool event_parse(struct event *ev, const void *body, size_t len) WARN_UNUSED;

/* The body as conditions see it (event/document.h), parsed when it is first asked for; NULL: not
 * JSON. Borrowed from ev. False only when memory is short. */
bool event_document(struct event *ev, const json_t **out) WARN_UNUSED;

/* Frees the parsed body, once nobody looks into it any more. */
void event_drop_document(struct event *ev);

void event_free(struct event *ev); /* *ev's own memory, not the payload */

#endif
