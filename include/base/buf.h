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

/* Makes room for exactly `len` bytes, those that are there included, and no fewer than those: for a
 * buffer whose final size is known. What is added beyond them grows it as usual. */
void buf_set_room(struct buf *b, size_t len);

void buf_add(struct buf *b, const void *bytes, size_t len);
void buf_add_text(struct buf *b, const char *text);
void buf_add_char(struct buf *b, char c);
void buf_printf(struct buf *b, const char *format, ...) PRINTF(2, 3);
void buf_vprintf(struct buf *b, const char *format, va_list args) PRINTF(2, 0);

/* Text as a JSON string, quotes included; bytes that are not UTF-8 become U+FFFD. What
 * buf_add_escaped escapes is written as \uNNNN. */
void buf_add_json(struct buf *b, const char *bytes, size_t len);

/* A code point as JSON's \uNNNN, or two of them. */
void buf_add_json_escape(struct buf *b, unsigned code);

/* Text in a form safe for terminals and logs, the one for all that is shown: printable UTF-8 as it
 * is; what controls a terminal, reorders or hides text, or has no character to stand on
 * (base/character.h), and invalid bytes as \n \t \xNN; the character `quote` and backslashes
 * with a backslash before them. With quote '\0' those two are left as they are: for people to read,
 * not to be read back. */
void buf_add_escaped(struct buf *b, const char *bytes, size_t len, char quote);

bool buf_ok(const struct buf *b) WARN_UNUSED;

/* The bytes as a NUL-terminated string that the caller frees; the buffer is
 * empty again. NULL when an allocation failed. */
char *buf_take(struct buf *b) WARN_UNUSED;

void buf_clear(struct buf *b); /* keeps the memory */
void buf_free(struct buf *b);

#endif
