#include "match.h"

#include "conf/match.h"

#include <stdlib.h>

bool hook_match_find(struct hook_match *m, const struct conf_source *source, struct event *ev)
{
	*m = (struct hook_match){.hooks = calloc(source->hook_count + 1, sizeof(*m->hooks))};
	if (m->hooks == NULL)
		return false;
	m->count = match_hooks(source, ev, m->hooks, &m->declined);
	return buf_ok(&m->declined);
}

void hook_match_free(struct hook_match *m)
{
	buf_free(&m->declined);
	free(m->hooks);
	*m = (struct hook_match){0};
}
