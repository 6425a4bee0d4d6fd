/* base/character.h - what a character does to a text that people read: in a table, a log, a mail.
 * Each function takes a valid sequence of UTF-8 of n bytes (base/utf8.h). Any thread. */
#ifndef HOOKD_CHARACTER_H
#define HOOKD_CHARACTER_H

#include <stdbool.h>
#include <stddef.h>

/* The code point. */
unsigned character_code(const unsigned char *p, size_t n);

/* Does some reader take it for the end of a line, or does it control a terminal? C0, DEL, C1,
 * U+2028 and U+2029. */
bool character_is_control(unsigned code);

/* Does it change the order of the text after it: the embeddings, overrides and isolates of
 * bidirectional text (U+202A-202E, U+2066-2069)? */
bool character_reorders(unsigned code);

/* Does it change or hide something without being seen itself: what reorders, the marks of
 * direction, joiners, blanks and hyphens without width, byte order marks, tags? */
bool character_is_invisible(unsigned code);

/* How many columns of a terminal it takes: 0 (a mark above or below the character before it),
 * 1 or 2. It is 1 for all where the C library has no C.UTF-8. */
size_t character_width(unsigned code);

/* Loads what character_width needs, which reads files: before the threads that may open none.
 * Otherwise the first call of character_width does it. */
void character_load(void);

/* A text that is being shown, character by character; zero-initialised at its start. */
struct shown_text {
	bool begun;     /* there is a character that marks can belong to */
	unsigned marks; /* which it has already */
};

#define SHOWN_MARKS 4 /* above and below one character; more would cover the lines around it */

/* Can the character be shown as it is? Otherwise it is to be escaped: controls, what is invisible,
 * marks that have no character in this text, or are too many. Call it for each character in turn;
 * for a byte that is none with n = 0. */
bool shown_as_it_is(struct shown_text *s, const unsigned char *p, size_t n);

#endif
