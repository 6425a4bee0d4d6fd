#include "match.h"

#include <fnmatch.h>

bool match_type(const char *glob, const char *type)
{
	return fnmatch(glob, type, 0) == 0;
}

static bool wants(const struct conf_hook *hook, const char *type)
{
	for (size_t i = 0; i < hook->on_count; i++)
		if (match_type(hook->on[i], type))
			return true;
	return false;
}

size_t match_hooks(const struct conf *conf, const struct conf_source *source,
	const struct event *ev, int64_t *ids)
{
	size_t n = 0;

	if (ev->quarantined != NULL || ev->type == NULL)
		return 0;
	for (size_t i = 0; i < conf->hook_count; i++)
		if (conf->hooks[i].source == source && wants(&conf->hooks[i], ev->type))
			ids[n++] = conf->hooks[i].store_id;
	return n;
}
