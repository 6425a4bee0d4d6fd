/* event/scan.h - the few values of an event's body that hookd itself needs, found in one
 * pass that builds nothing; what event_parse makes an event of. */
#ifndef HOOKD_EVENT_FIELDS_H
#define HOOKD_EVENT_FIELDS_H

#include "base/attributes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

enum event_field {
	EVENT_ID,
	EVENT_NAME,
	EVENT_TYPE,
	EVENT_OBJECT,
	EVENT_OBJECT_ID,
	EVENT_CREATED_AT,
	EVENT_ENTITY_ID,
	EVENT_ENTITY_KLASS,
	EVENT_ENTITY_UPDATED_AT,
	EVENT_FIELDS
};

/* A member's value; bytes is NULL when it is not there, or neither text nor integer. */
struct event_value {
	const char *bytes; /* the text, which may hold NULs, or the integer's digits */
	size_t len;
	bool integer;
};

#define EVENT_FIELDS_ROOM 512

struct event_fields {
	struct event_value values[EVENT_FIELDS];
	bool is_object;               /* the body; else all values are missing */
	char room[EVENT_FIELDS_ROOM]; /* for what does not stand in the body as it is */
	size_t used;
};

/* Reads a body. True: it is JSON by jansson's rules, an object, and f is what
 * event_fields_of would find, in pointers into body and f. False: it may be anything,
 * rare or wrong, and jansson must decide; f is undefined. Any thread. */
bool event_scan(struct event_fields *f, const char *body, size_t len) WARN_UNUSED;

/* The same from a parsed body and its entity (see document_entity; NULL: none); root may be
 * any JSON value or NULL. The pointers are into root and f. */
void event_fields_of(struct event_fields *f, const json_t *root, const json_t *entity);

#endif
