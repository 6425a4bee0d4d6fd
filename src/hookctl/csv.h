/* hookctl/csv.h - a field of CSV for spreadsheets. */
#ifndef HOOKD_HOOKCTL_CSV_H
#define HOOKD_HOOKCTL_CSV_H

#include "base/buf.h"

/* Appends a field in quotes (RFC 4180). What a spreadsheet would take for a formula gets an
 * apostrophe before it, so that no event can run one on an accountant's computer: at the start of
 * the text, and behind what a spreadsheet may split it at, as French ones do at semicolons. A
 * control character becomes a blank. */
void csv_add_text(struct buf *out, const char *text);

#endif
