/* store/sqlite/checksum.c - whether a payload is still what came in. SQLite sees damage to its own
 * structure only: a bit of a payload that a disk has turned around is no fault to it. */
#include "checksum.h"

#include <sodium.h>
#include <sqlite3.h>

/* Against accidents, not against attackers: whoever writes to the file can do worse. So the
 * key is no secret, and may never change. */
static const unsigned char key[crypto_shorthash_KEYBYTES] = "hookd's payloads";

int64_t store_checksum(const void *payload, size_t len)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t sum = 0;

	(void)crypto_shorthash(hash, payload, len, key);
	for (size_t i = 0; i < sizeof(hash); i++)
		sum |= (uint64_t)hash[i] << (8 * i);
	return (int64_t)sum;
}

bool store_checksum_damaged(struct sqlite3_stmt *s, int payload, int checksum)
{
	const void *bytes = sqlite3_column_blob(s, payload);
	size_t len = (size_t)sqlite3_column_bytes(s, payload);

	if ((bytes == NULL && len > 0) || sqlite3_column_type(s, checksum) == SQLITE_NULL)
		return false;
	return sqlite3_column_type(s, checksum) != SQLITE_INTEGER ||
	       sqlite3_column_int64(s, checksum) != store_checksum(bytes, len);
}

static void checksum(sqlite3_context *out, int argc, sqlite3_value **argv)
{
	const void *bytes = sqlite3_value_blob(argv[0]);
	size_t len = (size_t)sqlite3_value_bytes(argv[0]);

	(void)argc;
	if (bytes != NULL || len == 0)
		sqlite3_result_int64(out, store_checksum(bytes, len));
	else
		sqlite3_result_error_nomem(out);
}

int store_checksum_register(struct sqlite3 *db)
{
	return sqlite3_create_function(db, "payload_checksum", 1,
		SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, checksum, NULL, NULL);
}
