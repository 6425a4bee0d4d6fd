/* base/secret_text.h - what copying does to a secret: marks, quotes, names and lines that came with
 * it. Private to base. Pure; any thread. */
#ifndef HOOKD_SECRET_TEXT_H
#define HOOKD_SECRET_TEXT_H

#include <stddef.h>

/* What is wrong with a text that is to be a secret, and what was expected: "is in quotes: expected
 * …"; never a part of it. NULL: nothing. len is at least 1. */
const char *secret_text_fault(const unsigned char *bytes, size_t len);

#endif
