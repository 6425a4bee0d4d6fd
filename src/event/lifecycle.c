/* event/lifecycle.c - finds an event type's state in a sender's list. */
#include "event/lifecycle.h"

#include <stddef.h>
#include <string.h>

static const struct lifecycle_state *find_state(
	const struct lifecycle_state *states, const char *type)
{
	const char *dot = strrchr(type, '.');

	if (dot == NULL)
		return NULL;
	for (; states->name != NULL; states++)
		if (strcmp(dot + 1, states->name) == 0)
			return states;
	return NULL;
}

int lifecycle_rank(const struct lifecycle_state *states, const char *type)
{
	const struct lifecycle_state *state = find_state(states, type);

	return state != NULL ? state->rank : -1;
}

const char *lifecycle_state(const struct lifecycle_state *states, const char *type)
{
	return find_state(states, type) != NULL ? strrchr(type, '.') + 1 : NULL;
}

const char *lifecycle_before(const struct lifecycle_state *states, const char *type)
{
	const struct lifecycle_state *state = find_state(states, type);

	return state != NULL ? state->before : NULL;
}
