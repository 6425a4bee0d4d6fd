/* store/edit/maintenance.c - backs up and checks a store, removes old events and returns free
 * pages to the disk. */
#include "store/maintenance.h"
#include "editor.h"
#include "store/query/reader.h"

enum { SLICE = 200 /* events in one transaction */ };

bool store_backup(struct store_reader *r, const char *file, store_progress *progress, void *arg,
	char why[STORE_READ_WHY])
{
	return r->engine->backup(r->session, file, progress, arg, why);
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

struct slice {
	int64_t ids[SLICE];
	size_t count;
	struct store_prune *prune; /* how far this slice has come */
};

static void old_row(const struct store_row *row, void *to)
{
	struct slice *slice = to;

	slice->prune->event = slice->ids[slice->count++] = store_row_number(row, 0);
	slice->prune->received_at = store_row_number(row, 1);
}

static bool find_slice(struct store_editor *e, struct slice *slice)
{
	const struct store_value values[] = {
		{.number = slice->prune->received_at},
		{.number = slice->prune->event},
		{.number = slice->prune->before},
		{.number = SLICE},
	};

	return e->engine->select(e->session, QUERY_OLD, STORE_VALUES(values), old_row, slice);
}

static bool remove_slice(struct store_editor *e, const struct slice *slice)
{
	struct store_changed changed;

	for (size_t i = 0; i < slice->count; i++) {
		const struct store_value id = {.number = slice->ids[i]};
		if (!store_editor_run(e, EDIT_REMOVE_EVENT, &id, 1, &changed))
			return false;
		slice->prune->removed += changed.rows > 0;
	}
	return true;
}

bool store_prune(struct store_editor *e, struct store_prune *prune, char why[STORE_READ_WHY])
{
	struct store_prune next = *prune;
	struct slice slice = {.prune = &next};

	if (next.seen == 0)
		next.received_at = INT64_MIN;
	if (!store_editor_begin(e, why))
		return false;
	bool good = find_slice(e, &slice) && remove_slice(e, &slice);
	if (!store_editor_end(e, good, why))
		return false;
	next.seen += (int64_t)slice.count;
	next.over = slice.count < SLICE;
	*prune = next;
	return true;
}

bool store_vacuum(struct store_editor *e, int64_t *pages, int64_t *size, char why[STORE_READ_WHY])
{
	if (!store_editor_begin(e, why))
		return false;
	bool good = e->engine->vacuum(e->session, pages, size);
	return store_editor_end(e, good, why);
}
