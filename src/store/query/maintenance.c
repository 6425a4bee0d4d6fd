/* store/query/maintenance.c - checks a store and a copy of one, counts its old events. */
#include "store/maintenance.h"
#include "reader.h"

bool store_backup_check(int fd, store_progress *progress, void *arg, char why[STORE_READ_WHY])
{
	return store_sqlite_sessions.check_copy(fd, progress, arg, why);
}

bool store_check(struct store_reader *r, bool full, store_fault_seen *seen,
	store_progress *progress, void *arg, char why[STORE_READ_WHY])
{
	return r->engine->check(r->session, full, seen, progress, arg, why);
}

static void count_row(const struct store_row *row, void *to)
{
	*(int64_t *)to = store_row_number(row, 0);
}

bool store_old_count(
	struct store_reader *r, int64_t before, int64_t *count, char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = before};

	*count = 0;
	return store_query(r, QUERY_OLD_COUNT, &value, 1, count_row, count, why);
}
