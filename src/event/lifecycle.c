#include "event/lifecycle.h"

#include <stddef.h>
#include <string.h>

static const struct life {
	const char *state;
	int rank;
	const char *before;
} states[] = {
	{"created", 0, NULL},
	{"pending", 0, NULL},
	{"started", 1, "created"},
	{"processing", 1, "created"},
	{"approved", 2, "created"},
	{"declined", 2, "created"},
	{"canceled", 2, "created"},
	{"expired", 2, "created"},
	{"sent", 2, "created"},
	{"failed", 2, "created"},
	{"transferred", 3, "approved"},
	{"refunded", 3, "approved"},
	{"deleted", 4, "created"},
};

static const struct life *life_of(const char *type)
{
	const char *dot = strrchr(type, '.');

	if (dot == NULL)
		return NULL;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(dot + 1, states[i].state) == 0)
			return &states[i];
	return NULL;
}

int lifecycle_rank(const char *type)
{
	const struct life *life = life_of(type);

	return life != NULL ? life->rank : -1;
}

const char *lifecycle_state(const char *type)
{
	return life_of(type) != NULL ? strrchr(type, '.') + 1 : NULL;
}

const char *lifecycle_before(const char *type)
{
	const struct life *life = life_of(type);

	return life != NULL ? life->before : NULL;
}
