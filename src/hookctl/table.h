/* hookctl/table.h - rows in columns, for people: as wide as their text; on a terminal truncated
 * to its width. Zero-initialised except `columns` and `column_count`. One thread. */
#ifndef HOOKD_CTL_TABLE_H
#define HOOKD_CTL_TABLE_H

#include "base/attributes.h"
#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_TABLE_COLUMNS 9 /* at most */

struct ctl_column {
	const char *title;
	bool right;        /* right-aligned */
	unsigned shrinks;  /* on a narrow terminal 1 shrinks first, then 2, …; 0: never */
	size_t soft, hard; /* shrinks to the soft width; once all have, to the hard one */
};

struct ctl_row;

struct ctl_table {
	const struct ctl_column *columns;
	size_t column_count;
	struct ctl_row *rows;
	size_t count, capacity;
	size_t widths[CTL_TABLE_COLUMNS];
	bool headed; /* the titles were printed */
	bool failed; /* out of memory */
};

#define CTL_RED     "\033[31m"
#define CTL_GREEN   "\033[32m"
#define CTL_YELLOW  "\033[33m"
#define CTL_MAGENTA "\033[35m"
#define CTL_BOLD    "\033[1m"
#define CTL_DIM     "\033[2m"
#define CTL_PLAIN   "\033[0m"

/* A new row's cells, one buffer for each column, to be filled before the next call; out of
 * memory they are discarded. Text from outside must be escaped (ctl_cell). `colour`, one of
 * the above or NULL, applies to the column `coloured`. */
struct buf *ctl_table_row(struct ctl_table *t, const char *colour, size_t coloured);

/* Adds text from outside: escaped, "-" for NULL and "". */
void ctl_cell(struct buf *cell, const char *text);

/* Prints the rows and discards them; prints the titles before the first row. False: reported. */
bool ctl_table_print(struct ctl_table *t) WARN_UNUSED;
void ctl_table_free(struct ctl_table *t);

/* The width of the terminal on standard output; 0: it is not a terminal. */
size_t ctl_screen(void);

/* The columns that UTF-8 text takes, whatever the locale: two for a wide character, none for a mark
 * above or below another. */
size_t ctl_width(const char *text);

/* The bytes of the character at `text`, which is not empty, and the columns that it takes. */
size_t ctl_character(const char *text, size_t *width);

/* Adds a time as ls(1) prints it: with the time of day for the last half year, with the year
 * for older ones; `relative`: "5 min ago" or "in 5 min", up to a month. */
void ctl_cell_time(struct buf *cell, int64_t ms, int64_t now, bool relative);

#endif
