/* store/sqlite/trust.h - what is trusted of a store's file: its rows, nothing that SQLite would
 * run. hookd's scripts may run as the file's owner, and a person who reads it, or root, trusts
 * neither them nor a trigger, view or virtual table that they could add. */
#ifndef HOOKD_STORE_TRUST_H
#define HOOKD_STORE_TRUST_H

#include "base/attributes.h"
#include "store/read.h"

#include <stdbool.h>
#include <stddef.h>

struct sqlite3;

/* trust_files.c: before SQLite opens the store: is there no rollback journal beside it, and neither
 * a -wal nor a -shm that is no regular file? False with the reason in why. */
bool store_trust_files(const char *path, char why[STORE_READ_WHY]) WARN_UNUSED;

/* trust.c */

/* Call it before the connection's first statement. Returns an SQLite result code. */
int store_trust_nothing(struct sqlite3 *sqlite) WARN_UNUSED;

/* Compares all rows of a store's sqlite_schema with those of `made`, a database with the same
 * migrations. What ANALYZE adds is left out, and spaces, which SQLite might write differently in
 * another version. Returns SQLITE_OK, SQLITE_AUTH with what differs in `what`, e.g.
 * "trigger \"x\" is not hookd's", or the error of reading the store. */
int store_trust_schema(
	struct sqlite3 *store, struct sqlite3 *made, char *what, size_t size) WARN_UNUSED;

#endif
