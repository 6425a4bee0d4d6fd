/* base/json_text.h - JSON written as FedaPay's PHP and most others do: with the hex
 * digits of \u00e9 in lower case, where jansson has them in upper case. Any
 * thread. */
#ifndef HOOKD_JSON_TEXT_H
#define HOOKD_JSON_TEXT_H

#include "attributes.h"

#include <jansson.h>
#include <stddef.h>

/* As json_dumps(json, flags). New, to be freed; NULL when memory is short. */
char *json_text(const json_t *json, size_t flags) WARN_UNUSED;

#endif
