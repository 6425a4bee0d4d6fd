/* control/acts/import_line.h - a line of a file to import: an event as `export --format ndjson`
 * writes it, or the body of one as its sender would post it. One thread for each; they parse one at
 * a time. A line of more than 100,000 JSON values is refused. */
#ifndef HOOKD_CONTROL_ACTS_IMPORT_LINE_H
#define HOOKD_CONTROL_ACTS_IMPORT_LINE_H

#include "base/attributes.h"
#include "base/buf.h"
#include "conf/conf.h"
#include "event/event.h"
#include "match.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* A line's event, and the memory that it needs. */
struct import_line {
	json_t *root;  /* once it is read: the payload, if that is in it */
	char *payload; /* decoded from base64; NULL: the payload is in text or in root */
	char *text;
	struct event event;
	struct hook_match match;
	size_t number; /* of the line, from 1 */
};

/* Reads the line of `len` bytes, which may be neither empty nor blank. `source` is for lines that
 * name none; NULL: the only one. False: *why says what was expected. Free it in any case. */
bool import_line_read(struct import_line *l, const struct conf *conf, const char *source,
	const char *text, size_t len, struct buf *why) WARN_UNUSED;
void import_line_free(struct import_line *l);

#endif
