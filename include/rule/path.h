/* rule/path.h - dotted paths into JSON: entity.customer.email, items.0.sku.
 *
 *   path = step { "." step }
 *   step = one or more of A-Z a-z 0-9 _ - $ @ : / and bytes from 0x80 on,
 *          or a JSON-like "quoted text" in which \" and \\ are escapes
 *
 * A step is a member's name in an object and, if it is a whole number, an index
 * from 0 in an array. At most PATH_STEPS steps and PATH_TEXT bytes. A struct path
 * is constant; any thread. */
#ifndef HOOKD_PATH_H
#define HOOKD_PATH_H

#include "base/attributes.h"
#include "base/fault.h"

#include <jansson.h>
#include <stddef.h>

#define PATH_STEPS 16
#define PATH_TEXT  256

struct path;

/* Returns new; or NULL with *fault filled (also when out of memory). */
struct path *path_parse(const char *text, size_t len, struct fault *fault) WARN_UNUSED;

/* The value at the path, borrowed from root; NULL: there is none. JSON's null is a value. */
const json_t *path_find(const struct path *path, const json_t *root);

/* As it was written. */
const char *path_text(const struct path *path);

/* The number of steps; the name of the i-th one (from 0). */
size_t path_count(const struct path *path);
const char *path_step(const struct path *path, size_t i);

void path_free(struct path *path); /* NULL is allowed */

#endif
