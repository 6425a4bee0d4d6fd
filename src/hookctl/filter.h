/* hookctl/filter.h - the options that select events and deliveries, and the loop of --follow. One
 * thread. */
#ifndef HOOKD_CTL_FILTER_H
#define HOOKD_CTL_FILTER_H

#include "base/attributes.h"
#include "command.h"
#include "store/read.h"

#include <stdbool.h>
#include <stdint.h>

/* Rows of a command's table of options. */
#define CTL_FILTER_OPTIONS                                                                         \
	{'t', "type", "GLOB", "of this type: 'transaction.*'"},                                    \
		{'s', "source", "NAME", "of this source"},                                         \
		{'e', "entity", "ID", "of this entity: 98446301, transaction:98446301"},           \
		{'f', "since", "TIME", "received since: 2h, 3d, 2026-06-30, …T22:50:00Z"},         \
		{'u', "until", "TIME", "received before that"},                                    \
		{'x', "text", "TEXT", "whose payload contains this"},                              \
		{'j', "json", NULL, "print one JSON object a line"},                               \
		{'U', "utc", NULL, "print times in UTC, not local"},                               \
	{                                                                                          \
		'D', "store", "FILE", "read this store (the config's)"                             \
	}
#define CTL_PAGE_OPTIONS                                                                           \
	{'l', "limit", "N", "at most N (20)"}, {'b', "before", "ID", "older than this one"},       \
		{'p', "page", "N", "the N-th page of --limit"},                                    \
	{                                                                                          \
		'F', "follow", NULL, "print the last ones, then each new one"                      \
	}

#define CTL_LIMIT_DEFAULT 20

struct ctl_filter {
	struct store_filter filter;
	const char *store, *since, *until;
	int64_t limit, page;
	bool json, utc, follow, paged;
};

/* Takes one of the options above, or hook (k), state (S), origin (o) or quarantined (q); its
 * argument in optarg. False: reported. */
bool ctl_filter_option(struct ctl_filter *f, int key) WARN_UNUSED;

/* After the last option: sets the defaults and checks which options go together. With --utc
 * sets the process's time zone; --since and --until are read in it. False: reported. */
bool ctl_filter_end(struct ctl_filter *f) WARN_UNUSED;

/* Splits "KIND:ID" in place; for "ID" alone *kind is NULL. */
void ctl_entity_split(char *text, const char **kind, const char **id);

/* Calls list(arg) whenever the store has changed, until it returns false or the store cannot be
 * read (reported). Returns the exit code. */
int ctl_follow(struct store_reader *reader, bool (*list)(void *arg), void *arg);

#endif
