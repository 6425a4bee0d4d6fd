/* base/json_cursor.h - JSON (RFC 8259) read from front to back, a token at a time, without
 * building anything. json_read (base/json.h) builds its tree with it, event/scan.c finds a few
 * members with it: there is no other reader of a payload.
 *
 * All that the grammar allows is read, within the bounds below. A byte order mark at the front is
 * passed over. Bytes that are not UTF-8 are not JSON. Borrows the text; any thread. */
#ifndef HOOKD_JSON_CURSOR_H
#define HOOKD_JSON_CURSOR_H

#include "attributes.h"
#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

#define JSON_DEPTH_MAX  2048    /* arrays and objects inside one another */
#define JSON_VALUES_MAX 1000000 /* of a payload */

extern const char json_too_many[]; /* what is wrong if there are more values than may come */

struct json_cursor {
	const unsigned char *begin, *at, *end;
	unsigned depth;
	size_t values;     /* how many more may come */
	const char *wrong; /* NULL; or what is wrong at `at`, a literal: it is not JSON */
};

/* Where a text is not JSON, and why. */
struct json_wrong {
	size_t line, column; /* from 1; a column is a character */
	const char *what;    /* a literal */
};

/* A string, between its quotes; or a number. */
struct json_token {
	const char *bytes;
	size_t len;
	bool escaped; /* has a backslash */
};

void json_cursor_begin(struct json_cursor *c, const char *text, size_t len, size_t values);

/* The first byte of the next value, which is counted. '\0': there is none; wrong is set. */
char json_cursor_value(struct json_cursor *c);

/* For the byte that json_cursor_value returned: '"'; a digit or '-'. False: wrong is set. */
bool json_cursor_string(struct json_cursor *c, struct json_token *string) WARN_UNUSED;
bool json_cursor_number(struct json_cursor *c, struct json_token *number) WARN_UNUSED;

/* '{' or '['. Then call json_cursor_name or json_cursor_item, and read a value, until it is false:
 * at the end, or wrong is set. *count is 0 before the first. */
bool json_cursor_open(struct json_cursor *c) WARN_UNUSED;
bool json_cursor_name(struct json_cursor *c, size_t *count, struct json_token *name) WARN_UNUSED;
bool json_cursor_item(struct json_cursor *c, size_t *count) WARN_UNUSED;

/* Any value, and what is in it; the first byte is what json_cursor_value returned. */
bool json_cursor_skip(struct json_cursor *c, char first) WARN_UNUSED;

/* Passes over white space. */
void json_cursor_space(struct json_cursor *c);

/* Is there only white space behind the last value? False: wrong is set. */
bool json_cursor_end(struct json_cursor *c) WARN_UNUSED;

/* Line and column of what is wrong. */
void json_cursor_explain(const struct json_cursor *c, struct json_wrong *wrong);

/* Appends a string's text. Half of a surrogate pair becomes U+FFFD. */
void json_token_add(struct buf *out, const struct json_token *string);

#endif
