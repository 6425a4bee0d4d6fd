/* event/scan.h - finds the values that event_parse needs in a body, by the sender's shape, in
 * one pass that builds nothing. */
#ifndef HOOKD_EVENT_SCAN_H
#define HOOKD_EVENT_SCAN_H

#include "base/attributes.h"
#include "event/shape.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A member's value; bytes is NULL if it is missing, or neither a text nor a number without an
 * exponent. */
struct event_value {
	const char *bytes; /* the text, which may hold NULs, or the number as it was written */
	size_t len;
	bool number;
};

/* When the entity came into a state: "approved_at". */
struct event_moment {
	const char *name;
	size_t len;
	struct event_value value; /* a text, or missing */
};

#define EVENT_FIELDS_ROOM    512
#define EVENT_FIELDS_MOMENTS 32 /* an entity has a dozen; what is beyond is not read */

struct event_fields {
	struct event_value values[EVENT_FIELDS];
	struct event_moment moments[EVENT_FIELDS_MOMENTS];
	size_t moment_count;
	bool is_object;               /* the body is an object; if not, all values are missing */
	char room[EVENT_FIELDS_ROOM]; /* for values that the body does not have literally */
	size_t used;
};

/* Reads a body. True: it is an object, and f has what event_fields_of would find; the pointers
 * are into body and f. False: it is rare or wrong, and the tree must decide; f is undefined. Any
 * thread. */
bool event_scan(struct event_fields *f, const struct event_shape *shape, const char *body,
	size_t len) WARN_UNUSED;

/* The same from a parsed body, unfolded by document_entity; root may be any JSON value or
 * NULL. The pointers are into root and f. */
void event_fields_of(struct event_fields *f, const struct event_shape *shape, json_t *root);

/* The moment of that name; NULL: there is none. Borrowed from f. */
const struct event_moment *event_fields_moment(
	const struct event_fields *f, const char *name, size_t len);

#endif
