/* store/query/audit.c - the acts that changed the store. */
#include "store/audit.h"
#include "reader.h"

struct audit_to {
	store_audit_seen *seen;
	void *arg;
};

static void audit_row(const struct store_row *row, void *to)
{
	const struct audit_to *a = to;
	struct store_audit_row act = {
		.id = store_row_number(row, 0),
		.at = store_row_number(row, 1),
		.ended_at = store_row_number(row, 2),
		.uid = store_row_number(row, 3),
		.act = store_row_string(row, 4),
		.detail = store_row_string(row, 5),
		.changed = store_row_number(row, 6),
		.result = store_row_text(row, 7),
	};

	a->seen(a->arg, &act);
}

bool store_read_audit(struct store_reader *r, int64_t limit, store_audit_seen *seen, void *arg,
	char why[STORE_READ_WHY])
{
	const struct store_value value = {.number = limit};
	struct audit_to to = {seen, arg};

	return store_query(r, QUERY_AUDIT, &value, 1, audit_row, &to, why);
}
