/* base/buf.h - a growable byte buffer. A failed allocation is remembered in `failed`, after which
 * the buffer stays as it is: append everything first, then call buf_ok once at the end.
 * Zero-initialised is empty and valid. Not for secrets. One thread at a time. */
#ifndef HOOKD_BUF_H
#define HOOKD_BUF_H

#include "attributes.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* NULL while empty; else len bytes followed by a NUL */
	size_t len;
	size_t capacity;
	bool failed;
};

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_text(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list args) PRINTF(2, 0);

/* Text as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. */
void buf_add_json(struct buf *b, const char *bytes, size_t len);

/* Text in a form safe for terminals and logs: printable UTF-8 as it is, control
 * characters and invalid bytes as \n \t \xNN, and the character `quote` and backslashes with a
 * backslash before them. With quote '\0' those two are left as they are: for people to read, not to
 * be read back. */
void buf_add_escaped(struct buf *b, const char *bytes, size_t len, char quote);

bool buf_ok(const struct buf *b) WARN_UNUSED;

/* The bytes as a NUL-terminated string that the caller frees; the buffer is
 * empty again. NULL when an allocation failed. */
char *buf_take(struct buf *b) WARN_UNUSED;

void buf_clear(struct buf *b); /* keeps the memory */
void buf_free(struct buf *b);

#endif
