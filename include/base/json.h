/* base/json.h - jansson's parser and writer with two corrections. Any thread. */
#ifndef HOOKD_JSON_H
#define HOOKD_JSON_H

#include "attributes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* As json_loadb(text, len, flags, error), but safe when out of memory: jansson 2.14 does
 * not check whether it could save a character of a token. It leaves the character out,
 * reports a syntax error, or aborts by an assertion. So json_parse leaves the parser at the first
 * allocation that fails. *out is new, or NULL when the text is not JSON: *error says why. False:
 * out of memory; *out is NULL then and *error is not set. */
bool json_parse(
	const char *text, size_t len, size_t flags, json_t **out, json_error_t *error) WARN_UNUSED;

/* As json_dumps(json, flags), but with the hex digits of \u00e9 in lower case, as PHP and
 * most others write them; jansson writes upper case. Returns new, to be freed; NULL: out of
 * memory. */
char *json_text(const json_t *json, size_t flags) WARN_UNUSED;

#endif
