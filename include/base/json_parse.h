/* base/json_parse.h - jansson's parser, made safe for want of memory. jansson 2.14 does
 * not look whether it could save a character of a token: it leaves the character
 * out, calls the text no JSON, or ends the process by an assertion. So the first
 * allocation that fails leaves the parser. Any thread. */
#ifndef HOOKD_JSON_PARSE_H
#define HOOKD_JSON_PARSE_H

#include "attributes.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* As json_loadb(text, len, flags, error). *out is new, or NULL when the text is not
 * JSON: *error says why. False only when memory is short; *out is NULL then, and
 * *error says nothing. */
bool json_parse(
	const char *text, size_t len, size_t flags, json_t **out, json_error_t *error) WARN_UNUSED;

#endif
