#include "lifecycle.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *state;
	int rank;
} states[] = {
	{"created", 0},
	{"pending", 0},
	{"started", 1},
	{"processing", 1},
	{"approved", 2},
	{"declined", 2},
	{"canceled", 2},
	{"expired", 2},
	{"sent", 2},
	{"failed", 2},
	{"transferred", 3},
	{"refunded", 3},
	{"deleted", 4},
};

int lifecycle_rank(const char *type)
{
	const char *dot = strrchr(type, '.');

	if (dot == NULL)
		return -1;
	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		if (strcmp(dot + 1, states[i].state) == 0)
			return states[i].rank;
	return -1;
}
