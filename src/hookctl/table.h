/* hookctl/table.h - rows in columns, for people: as wide as what they hold, on a terminal cut
 * to its width. Zero-initialised but for `columns` and `column_count`. One thread. */
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
	bool right;        /* aligned so */
	unsigned gives;    /* on a narrow terminal the 1st gives way first, …; 0: never */
	size_t soft, hard; /* down to this width, and when all have, to that */
};

struct ctl_row;

struct ctl_table {
	const struct ctl_column *columns;
	size_t column_count;
	struct ctl_row *rows;
	size_t count, capacity;
	size_t widths[CTL_TABLE_COLUMNS];
	bool headed; /* the titles are printed */
	bool failed; /* memory is short */
};

#define CTL_RED     "\033[31m"
#define CTL_GREEN   "\033[32m"
#define CTL_YELLOW  "\033[33m"
#define CTL_MAGENTA "\033[35m"
#define CTL_BOLD    "\033[1m"
#define CTL_DIM     "\033[2m"
#define CTL_PLAIN   "\033[0m"

/* A new row's cells, one buffer for each column, to be filled before the next call. When
 * memory is short they are thrown away. What comes from outside must be escaped (ctl_cell).
 * `colour`, one of the above or NULL, is for the column `coloured`. */
struct buf *ctl_table_row(struct ctl_table *t, const char *colour, size_t coloured);

/* Text from outside: escaped, "-" where there is none. */
void ctl_cell(struct buf *cell, const char *text);

/* Prints the rows and forgets them; the titles before the first. False, said, when that
 * failed. */
bool ctl_table_print(struct ctl_table *t) WARN_UNUSED;
void ctl_table_free(struct ctl_table *t);

/* Columns of the terminal on standard output; 0: it is none, nothing is cut. */
size_t ctl_screen(void);

/* How many columns UTF-8 text takes, one for each character. */
size_t ctl_width(const char *text);

/* A time for a cell: as ls does, the clock for the last months, the year for what is
 * older; `relative`: how long ago, or until then, for a month. */
void ctl_cell_time(struct buf *cell, int64_t ms, int64_t now, bool relative);

#endif
