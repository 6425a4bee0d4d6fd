/* store/damage_fixture.h - damages single pages of a closed store's file. */
#ifndef HOOKD_STORE_DAMAGE_FIXTURE_H
#define HOOKD_STORE_DAMAGE_FIXTURE_H

#include "fixture.h"

#define DAMAGE_PAGE 16384

/* The number of a page, by a query of dbstat (https://www.sqlite.org/dbstat.html). */
static inline int64_t damage_find(const struct fixture *fx, const char *where)
{
	char sql[512];

	(void)snprintf(sql, sizeof(sql), "SELECT pageno FROM dbstat WHERE %s LIMIT 1", where);
	return fx_number(fx, sql);
}

/* Overwrites the beginning of a page: the type of a b-tree's, the next one's number in a chain of
 * overflow pages. The store must be closed. */
static inline void damage_page(const struct fixture *fx, int64_t page)
{
	static const unsigned char bad[8] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
	int fd = open(fx->path, O_RDWR);

	assert_true(fd >= 0);
	assert_int_equal(
		pwrite(fd, bad, sizeof(bad), (page - 1) * DAMAGE_PAGE), (ssize_t)sizeof(bad));
	assert_int_equal(close(fd), 0);
}

/* The first overflow page of an event's payload, while all events are on one leaf: their ids count
 * from 1. */
static inline int64_t damage_payload(const struct fixture *fx, int64_t event)
{
	char where[128];

	(void)snprintf(where, sizeof(where),
		"name = 'events' AND path = printf('/%%03x+000000', %d)", (int)event - 1);
	return damage_find(fx, where);
}

#endif
