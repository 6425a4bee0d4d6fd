/* event/event.h - what hookd reads in an authentic body: id, type, entity, times and
 * the idempotency key. Lenient by design: senders do not publish the shape of their
 * bodies, and change it. What cannot be read is left out; a body that is not JSON, or has no
 * type, is quarantined, never refused. The body is borrowed and never changed. Any thread;
 * one event belongs to one thread. */
#ifndef HOOKD_EVENT_H
#define HOOKD_EVENT_H

#include "base/attributes.h"
#include "event/shape.h"

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
	int64_t occurred_at;     /* unix ms; 0: unknown */
	int64_t state_at;        /* unix ms: when its entity came into its state (the moment below);
				  * 0: unknown */
	int64_t received_at;     /* unix ms */
	char *idempotency_key;   /* never NULL: see event_parse */
	char *state_key;         /* NULL: none, see event_parse */
	const char *quarantined; /* NULL, or why it is quarantined: a literal, or the text below */
	char *why;               /* where it is not JSON; NULL: it is */
	const char *origin;      /* "webhook", "api" or "manual": a literal */
	char remote[48];         /* the client's address, or "unix" */
	const void *payload;     /* borrowed: the raw body */
	size_t payload_len;
	json_t *document; /* event_document's */
	bool parsed;      /* document is set, or the body is not JSON */
};

/* Reads a body of that shape into *ev, which it overwrites; the caller sets source,
 * source_id, received_at, origin and remote afterwards. The idempotency key is the first of
 *   id:<id>                                     the number 7 and the text "7" are one id;
 *                                               a number as it is written, without exponent
 *   entity:<type>:<entity id>:<updated_at>
 *   sha256:<hex of the body>
 * that the body has the parts for. An id that is long, or has characters other than
 * printable ASCII, is replaced with idhash:<sha256 hex>.
 *   An event without an id of its own has a state key, too, if its parts are known:
 *   state:<type>:<entity id>:<unix ms at which the entity came into that state>
 * The moment is entity.<last word of the type>_at, else entity.updated_at, else the event's own
 * time. The sender may touch the entity for reasons of its own and send the event again: that moves
 * updated_at, not the moment. False: out of memory; *ev is then empty. */
bool event_parse(struct event *ev, const struct event_shape *shape, const void *body,
	size_t len) WARN_UNUSED;

/* Gives an event that is in quarantine a type, and takes it out; its key stays, as it may be stored
 * already. False: out of memory; event_free either way. */
bool event_set_type(
	struct event *ev, const struct event_shape *shape, const char *type) WARN_UNUSED;

/* Gives an event a state key also if it has an id: that of an event that the sender's API has
 * returned is in no webhook. False: out of memory. */
bool event_set_state_key(struct event *ev, const struct event_shape *shape) WARN_UNUSED;

/* The body as conditions see it (event/document.h), parsed when first asked for; NULL: not
 * JSON. Borrowed from ev. False: out of memory. */
bool event_document(struct event *ev, const json_t **out) WARN_UNUSED;

/* Frees the parsed body, once it is no longer used. */
void event_drop_document(struct event *ev);

void event_free(struct event *ev); /* *ev's own memory, not the payload */

#endif
