/* event/scan.h - finds the values that event_parse needs in a body, by the sender's shape, in
 * one pass that builds nothing. */
#ifndef HOOKD_EVENT_SCAN_H
#define HOOKD_EVENT_SCAN_H

#include "base/attributes.h"
#include "event/shape.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A member's value; bytes is NULL if it is missing, or neither a text nor an integer. */
struct event_value {
	const char *bytes; /* the text, which may hold NULs, or the integer's digits */
	size_t len;
	bool integer;
};

#define EVENT_FIELDS_ROOM 512

struct event_fields {
	struct event_value values[EVENT_FIELDS];
	bool is_object;               /* the body is an object; if not, all values are missing */
	char room[EVENT_FIELDS_ROOM]; /* for values that the body does not have literally */
	size_t used;
};

/* Reads a body. True: jansson would take it too, it is an object, and f has what
 * event_fields_of would find; the pointers are into body and f. False: it is rare or wrong,
 * and jansson must decide; f is undefined. Any thread. */
bool event_scan(struct event_fields *f, const struct event_shape *shape, const char *body,
	size_t len) WARN_UNUSED;

/* The same from a parsed body, unfolded by document_entity; root may be any JSON value or
 * NULL. The pointers are into root and f. */
void event_fields_of(struct event_fields *f, const struct event_shape *shape, const json_t *root);

#endif
