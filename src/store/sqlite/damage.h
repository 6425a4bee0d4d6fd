/* store/sqlite/damage.h - finds payloads that have changed since they were received. SQLite notices
 * damage to its own structures only, not a flipped bit in a payload. Any thread. */
#ifndef HOOKD_STORE_DAMAGE_H
#define HOOKD_STORE_DAMAGE_H

#include "base/attributes.h"

#include <stdbool.h>
#include <stddef.h>

struct sqlite3;
struct sqlite3_stmt;

/* Does the row's payload column differ from its checksum column? False if the row has no
 * checksum. */
bool store_is_damaged(struct sqlite3_stmt *s, int payload, int checksum) WARN_UNUSED;

/* The same of a copy of the payload. */
bool store_bytes_are_damaged(
	struct sqlite3_stmt *s, int checksum, const void *payload, size_t len) WARN_UNUSED;

/* Defines payload_checksum(BLOB) for the connection's statements. Returns an SQLite result
 * code. */
int store_damage_register(struct sqlite3 *db) WARN_UNUSED;

/* In a WHERE: the stored event is damaged, and the given payload and checksum are those that were
 * received, since one of the two is still stored. (A sound payload is left alone: another payload
 * may have the same checksum.) */
#define STORE_REPAIRABLE_SQL(payload_, checksum_)                                                  \
	"checksum <> payload_checksum(payload) AND (payload = " payload_                           \
	" OR checksum = " checksum_ ")"

#endif
