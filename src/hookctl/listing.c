#include "listing.h"

#include "base/clock.h"
#include "config.h"
#include "output.h"

#include <stdlib.h>

int ctl_listing_open(struct ctl *ctl, struct ctl_listing *l, const struct ctl_filter *filter)
{
	char *name;
	int status;

	l->reader = ctl_store_open(ctl, filter->store, &name, &status);
	free(name);
	if (l->reader == NULL)
		return status;
	l->filter = filter->filter;
	l->json = filter->json;
	l->relative = ctl_screen() > 0 && !filter->utc && !filter->follow;
	l->now = clock_wall();
	return CTL_OK;
}

void ctl_listing_close(struct ctl_listing *l)
{
	ctl_table_free(&l->table);
	store_reader_close(l->reader);
}

void ctl_listing_count(struct ctl_listing *l, int64_t id)
{
	if (l->lowest == 0 || id < l->lowest)
		l->lowest = id;
	if (id > l->highest)
		l->highest = id;
}

bool ctl_listing_print(struct ctl_listing *l)
{
	if (l->failed)
		return false;
	return l->table.count == 0 || ctl_table_print(&l->table);
}

int ctl_listing_follow(struct ctl_listing *l, ctl_listing_read_ids *read_ids,
	bool (*list_new)(void *arg), void *arg)
{
	const struct store_filter newest = {.limit = 1};
	char why[STORE_READ_WHY];
	int64_t top;

	if (!read_ids(l, &newest, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	top = l->highest;
	l->lowest = 0;
	if (!read_ids(l, &l->filter, why)) {
		ctl_error("%s", why);
		return CTL_FAILED;
	}
	/* The last rows that match are listed like new ones. */
	l->highest = l->lowest != 0 ? l->lowest - 1 : top;
	l->filter.oldest_first = true;
	l->filter.limit = UINT32_MAX;
	l->filter.since = 0;
	return ctl_follow(l->reader, list_new, arg);
}
