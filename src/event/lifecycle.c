/* event/lifecycle.c - finds an event type's state in a sender's list. */
#include "event/lifecycle.h"

#include <stddef.h>
#include <string.h>

const struct lifecycle_state *lifecycle_find(const struct lifecycle_state *states, const char *type)
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
	const struct lifecycle_state *state = lifecycle_find(states, type);

	return state != NULL ? state->rank : -1;
}

const char *lifecycle_state(const struct lifecycle_state *states, const char *type)
{
	return lifecycle_find(states, type) != NULL ? strrchr(type, '.') + 1 : NULL;
}

const char *lifecycle_before(const struct lifecycle_state *states, const char *type)
{
	const struct lifecycle_state *state = lifecycle_find(states, type);

	return state != NULL ? state->before : NULL;
}

bool lifecycle_is_settled(const struct lifecycle_state *states, const char *type)
{
	const struct lifecycle_state *state = lifecycle_find(states, type);

	for (; state != NULL && states->name != NULL; states++)
		if (states->outcome && states->rank <= state->rank)
			return true;
	return false;
}

bool lifecycle_means(const struct lifecycle_state *states, const char *state, const char *type)
{
	const struct lifecycle_state *reported = lifecycle_find(states, type);

	if (reported == NULL || strcmp(state, reported->name) == 0)
		return true;
	for (; states->name != NULL; states++)
		if (strcmp(states->name, state) == 0)
			return states->keeps && states->before != NULL &&
			       strcmp(states->before, reported->name) == 0;
	return false;
}
