/* hookctl/filter.h - the words by which events and deliveries are listed, and how a list is
 * followed. One thread. */
#ifndef HOOKD_CTL_FILTER_H
#define HOOKD_CTL_FILTER_H

#include "base/attributes.h"
#include "command.h"
#include "store/read.h"

#include <stdbool.h>
#include <stdint.h>

/* Rows of a command's table of options. */
#define CTL_FILTER_OPTIONS                                                                         \
	{'t', "type", "GLOB", "of these types: 'transaction.*'"},                                  \
		{'s', "source", "NAME", "of this source"},                                         \
		{'e', "entity", "ID", "of this entity: 98446301, transaction:98446301"},           \
		{'f', "since", "TIME", "received since: 2h, 3d, 2026-06-30T22:50:00Z"},            \
		{'u', "until", "TIME", "received before that"},                                    \
		{'x', "text", "TEXT", "with this in the payload"},                                 \
		{'j', "json", NULL, "one JSON object a line"},                                     \
		{'U', "utc", NULL, "times in UTC, not local"},                                     \
	{                                                                                          \
		'D', "store", "FILE", "look into this store (the config's)"                        \
	}
#define CTL_PAGE_OPTIONS                                                                           \
	{'l', "limit", "N", "at most so many (20)"}, {'b', "before", "ID", "older than this one"}, \
		{'p', "page", "N", "the N-th --limit of them"},                                    \
	{                                                                                          \
		'F', "follow", NULL, "show the last ones, then what comes"                         \
	}

#define CTL_LIMIT_DEFAULT 20

struct ctl_filter {
	struct store_filter filter;
	const char *store;
	int64_t limit, page;
	bool json, utc, follow, paged;
};

/* Deals with one of the options above, of -k HOOK, -S STATE and -q; the argument in
 * optarg. False with the reason said. */
bool ctl_filter_option(struct ctl_filter *f, int key) WARN_UNUSED;

/* When all words are read: what goes together? From here on times are in the zone that
 * --utc says. False with the reason said. */
bool ctl_filter_end(struct ctl_filter *f) WARN_UNUSED;

/* "ID" or "KIND:ID", cut in two in place; *kind is NULL when there is none. */
void ctl_entity_split(char *text, const char **kind, const char **id);

/* Calls look(arg) whenever something in the store has changed, until it returns false or
 * the store cannot be read (said): the code to exit with. */
int ctl_follow(struct store_reader *reader, bool (*look)(void *arg), void *arg);

#endif
