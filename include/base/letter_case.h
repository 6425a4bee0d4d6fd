/* base/letter_case.h - upper and lower case of UTF-8 text by Unicode's simple mapping, for
 * ASCII, Latin-1 Supplement and Latin Extended-A: what European and West African
 * names in Latin letters mostly are written with. Letters whose other case lies
 * elsewhere, and all else, stay as they are; no locale counts. Pure; any thread. */
#ifndef HOOKD_LETTER_CASE_H
#define HOOKD_LETTER_CASE_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the text so changed; as many bytes as it has. */
void letter_case(struct buf *out, const char *text, size_t len, bool up);

#endif
