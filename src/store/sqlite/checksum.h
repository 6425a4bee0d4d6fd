/* store/sqlite/checksum.h - events.checksum: what a payload was when it came in. NULL in events
 * that a hookd before schema 3 stored. Any thread. */
#ifndef HOOKD_STORE_CHECKSUM_H
#define HOOKD_STORE_CHECKSUM_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sqlite3;
struct sqlite3_stmt;

/* SipHash-2-4 of the bytes (https://www.aumasson.jp/siphash/siphash.pdf), its 8 bytes read
 * as a little-endian number; under a fixed key. */
int64_t store_checksum(const void *payload, size_t len);

/* The row's two columns: is the payload another than came in? False where that is not known. */
bool store_checksum_damaged(struct sqlite3_stmt *s, int payload, int checksum) WARN_UNUSED;

/* payload_checksum(BLOB) for the connection's statements. Returns an SQLite result code. */
int store_checksum_register(struct sqlite3 *db) WARN_UNUSED;

/* In a WHERE: the event is damaged, and these are its payload and checksum, as one of the two
 * in the store still says. (A payload that is sound stays: it may share its checksum with
 * another.) */
#define STORE_MENDABLE_SQL(payload_, checksum_)                                                    \
	"checksum <> payload_checksum(payload) AND (payload = " payload_                           \
	" OR checksum = " checksum_ ")"

#endif
