/* base/json.h - JSON that outsiders wrote, as a tree of jansson's whose numbers keep their digits;
 * and JSON as text. jansson's own parser reads nothing in hookd: it ends the process when out of
 * memory, and knows numbers only as 64 bits or a double. Any thread; a tree belongs to one. */
#ifndef HOOKD_JSON_H
#define HOOKD_JSON_H

#include "attributes.h"
#include "buf.h"
#include "json_cursor.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

struct json_rules {
	size_t values; /* at most so many */
	bool strict;   /* no name twice in an object, and no NUL in a text */
};

/* Reads a value as base/json_cursor.h does. rules may be NULL: JSON_VALUES_MAX, not strict. Of
 * several members of one name the last counts. A NUL in a name becomes U+FFFD; one in a text is
 * kept. A number that is not a plain 64-bit integer is a JSON_REAL with its text, for
 * json_number_text.
 *
 * *out is new, or NULL when the text is not JSON: *wrong (may be NULL) says why. False: out of
 * memory; *out is NULL then. */
bool json_read(const char *text, size_t len, const struct json_rules *rules, json_t **out,
	struct json_wrong *wrong) WARN_UNUSED;

#define JSON_NUMBER 32

/* A number as it was written. The text is in room or in the number. */
const char *json_number_text(const json_t *number, char room[JSON_NUMBER]);

/* Appends a value as json_dumps(json, flags | JSON_ENCODE_ANY) would, but with numbers as they
 * were written, and with the hex digits of \u00e9 in lower case, as PHP and most others write
 * them. Flags: JSON_COMPACT, JSON_ENSURE_ASCII, JSON_ESCAPE_SLASH; and JSON_REAL_PRECISION(n) for
 * numbers as a program writes them that has read them as a double. */
void json_write(struct buf *out, const json_t *json, size_t flags);

/* The same as a new string, to be freed; NULL: out of memory. */
char *json_text(const json_t *json, size_t flags) WARN_UNUSED;

/* A JSON string of a text that may have bytes that are not UTF-8, from a database or a command
 * line: then it is escaped as by buf_add_escaped. Returns new; NULL: out of memory. */
json_t *json_safe_text(const char *text) WARN_UNUSED;

#endif
