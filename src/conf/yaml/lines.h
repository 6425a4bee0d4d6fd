/* conf/yaml/lines.h - the lines of a YAML text, to find places in it that libyaml does
 * not give. Private to conf. */
#ifndef HOOKD_CONF_LINES_H
#define HOOKD_CONF_LINES_H

#include "errors.h"

#include <stddef.h>

struct conf_lines {
	const char *bytes;
	size_t len;
	const char *line; /* where the line `number` begins, as lookups mostly go forward */
	unsigned number;
};

/* The rest of the text from a line (from 1) on. */
const char *conf_lines_go(struct conf_lines *lines, unsigned line, size_t *rest);

/* Where the byte at `offset` is. */
struct conf_place conf_lines_place(const struct conf_lines *lines, size_t offset);

/* Where the text of a block scalar begins whose | is in line `sign`; line 0: unknown. */
struct conf_place conf_lines_block(struct conf_lines *lines, unsigned sign, const char *text);

/* The number of UTF-8 characters, the unit of columns. */
size_t conf_characters(const char *text);

#endif
