/* base/letter_case.h - upper and lower case of UTF-8 text by Unicode's simple mapping,
 * for ASCII, Latin-1 Supplement and Latin Extended-A: most European and West African
 * names in Latin letters are written with these. Other characters stay as they are, as
 * do letters whose other case is outside of these blocks. Independent of the locale.
 * Pure; any thread. */
#ifndef HOOKD_LETTER_CASE_H
#define HOOKD_LETTER_CASE_H

#include "buf.h"

#include <stdbool.h>
#include <stddef.h>

/* Appends the changed text, which has as many bytes as before. */
void letter_case(struct buf *out, const char *text, size_t len, bool up);

#endif
