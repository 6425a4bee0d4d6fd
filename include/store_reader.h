/* store_reader.h - what store_read.c, store_report.c and others share and
 * nobody else sees: a reader's connection, behind one way to run a SELECT. */
#ifndef HOOKD_STORE_READER_H
#define HOOKD_STORE_READER_H

#include "attributes.h"
#include "store_read.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;

/* For what is more than a SELECT: begins to read, and ends it; between the two all
 * reads of the connection see one state. NULL and false: the reason is in why, when rc
 * is not SQLITE_OK in the connection's words. */
struct sqlite3 *store_look_begin(struct store_reader *r, char why[STORE_READ_WHY]) WARN_UNUSED;
bool store_look_end(struct store_reader *r, int rc, char why[STORE_READ_WHY]) WARN_UNUSED;

/* A parameter: the text, or where that is NULL the number. */
struct store_value {
	const char *text;
	int64_t number;
};

/* The statement stands on a row; what it gives is valid during the call. */
typedef void store_row_seen(struct sqlite3_stmt *s, void *to);

/* Shows each row of a SELECT with its parameters ?1 to ?count, of which it may leave
 * some out; all come from one state of the store. False with the reason in why. */
bool store_look(struct store_reader *r, const char *sql, const struct store_value *values,
	size_t count, store_row_seen *seen, void *to, char why[STORE_READ_WHY]) WARN_UNUSED;

/* What errno says of opening a store's file, with the group to join if that is what
 * is missing. */
void store_say_errno(const char *path, bool to_write, char why[STORE_READ_WHY]);

/* Of a column `state`, which has no other texts than these. */
enum delivery_state store_state_from_text(const char *text);

/* Never NULL. */
const char *store_column_text(struct sqlite3_stmt *s, int column);

#endif
