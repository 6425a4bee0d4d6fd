#include "action.h"

#include <assert.h>

static bool runs_script(const struct conf_hook *hook)
{
	return hook->run != NULL;
}

static const struct {
	const struct action_kind *kind;
	bool (*wanted)(const struct conf_hook *hook);
} kinds[] = {
	{&action_script, runs_script},
};

const struct action_kind *action_of(const struct conf_hook *hook)
{
	const size_t count = sizeof(kinds) / sizeof(kinds[0]);
	size_t i = 0;
	while (i < count && !kinds[i].wanted(hook))
		i++;
	assert(i < count); /* conf_check.c lets no hook without an action pass */
	return kinds[i].kind;
}
