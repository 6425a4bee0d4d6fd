#include "damage.h"

#include "store/checksum.h"

#include <sqlite3.h>

bool store_bytes_are_damaged(struct sqlite3_stmt *s, int checksum, const void *payload, size_t len)
{
	if (sqlite3_column_type(s, checksum) == SQLITE_NULL)
		return false;
	return sqlite3_column_type(s, checksum) != SQLITE_INTEGER ||
	       sqlite3_column_int64(s, checksum) != store_checksum(payload, len);
}

bool store_is_damaged(struct sqlite3_stmt *s, int payload, int checksum)
{
	const void *bytes = sqlite3_column_blob(s, payload);
	size_t len = (size_t)sqlite3_column_bytes(s, payload);

	return (bytes != NULL || len == 0) && store_bytes_are_damaged(s, checksum, bytes, len);
}

static void payload_checksum(sqlite3_context *out, int argc, sqlite3_value **argv)
{
	const void *bytes = sqlite3_value_blob(argv[0]);
	size_t len = (size_t)sqlite3_value_bytes(argv[0]);

	(void)argc;
	if (bytes != NULL || len == 0)
		sqlite3_result_int64(out, store_checksum(bytes, len));
	else
		sqlite3_result_error_nomem(out);
}

int store_damage_register(struct sqlite3 *db)
{
	return sqlite3_create_function(db, "payload_checksum", 1,
		SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY, NULL, payload_checksum,
		NULL, NULL);
}
