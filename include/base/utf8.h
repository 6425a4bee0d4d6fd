/* base/utf8.h - what is UTF-8 (RFC 3629: shortest form, no surrogates, at most
 * U+10FFFF) and what is not. Pure; any thread. */
#ifndef HOOKD_UTF8_H
#define HOOKD_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* U+FFFD, which replaces a byte that is not part of a character. */
#define UTF8_REPLACEMENT "\xef\xbf\xbd"

/* Length of the valid sequence at p, of which `left` (at least 1) bytes are there; 0: it
 * is not valid. */
size_t utf8_sequence(const unsigned char *p, size_t left);

bool utf8_is_valid(const char *text, size_t len);

#endif
