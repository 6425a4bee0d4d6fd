/* store/sqlite/descriptor.h - databases whose file has no name, or none that hookd may open: a copy
 * that is read from a descriptor, and one whose pages are gathered before they are handed over. */
#ifndef HOOKD_STORE_DESCRIPTOR_H
#define HOOKD_STORE_DESCRIPTOR_H

#include "base/attributes.h"

struct store_pages;
struct sqlite3;

/* Both return an SQLite result code; close *sqlite also after an error. Any thread. */

/* Opens the file to read it, and trusts nothing in it (trust.h). Nothing may write it meanwhile.
 * The descriptor stays the caller's, who closes it after *sqlite. */
int store_descriptor_open(int fd, struct sqlite3 **sqlite) WARN_UNUSED;

/* Opens an empty database for sqlite3_backup_step: what it writes is added to what *pages points to
 * at the time. */
int store_gather_open(struct store_pages **pages, struct sqlite3 **sqlite) WARN_UNUSED;

#endif
