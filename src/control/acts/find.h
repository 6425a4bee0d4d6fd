/* control/acts/find.h - the deliveries that a request to replay or cancel is about. One thread. */
#ifndef HOOKD_CONTROL_ACTS_FIND_H
#define HOOKD_CONTROL_ACTS_FIND_H

#include "act.h"
#include "base/attributes.h"

struct found {
	int64_t delivery, event;
	const char *hook;
	enum delivery_state state;
};

/* By age, each once. */
struct found_list {
	struct found *rows;
	size_t count, capacity;
	int64_t as_of; /* the latest end of them, or of an attempt of those that wait, unix ms */
	char **hooks;  /* each name once */
	size_t hook_count;
	bool no_memory;
};

/* Finds the deliveries that the request's members events, hook, since, until and as_of name.
 * `runs`: their actions are to run, so no event's payload may be damaged. False: the reason is in
 * a->why. Free the list in any case. */
bool found_by_request(
	struct act *a, enum store_change_set set, bool runs, struct found_list *found) WARN_UNUSED;
void found_free(struct found_list *found);

#endif
