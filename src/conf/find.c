/* conf/find.c - sources and hooks by name, path or number. */
#include "conf/conf.h"

#include <string.h>

bool conf_action_is_set(const struct conf_action *action)
{
	return action->program != NULL || action->email.to.count > 0 || action->forward.url != NULL;
}

const struct conf_source *conf_source_by_name(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->source_count; i++)
		if (conf->sources[i].name != NULL && strcmp(conf->sources[i].name, name) == 0)
			return &conf->sources[i];
	return NULL;
}

const struct conf_source *conf_source_by_path(const struct conf *conf, const char *path)
{
	for (size_t i = 0; i < conf->source_count; i++)
		if (conf->sources[i].path != NULL && strcmp(conf->sources[i].path, path) == 0)
			return &conf->sources[i];
	return NULL;
}

const struct conf_hook *conf_hook_by_name(const struct conf *conf, const char *name)
{
	for (size_t i = 0; i < conf->hook_count; i++)
		if (conf->hooks[i].name != NULL && strcmp(conf->hooks[i].name, name) == 0)
			return &conf->hooks[i];
	return NULL;
}

const struct conf_hook *conf_hook_by_store_id(const struct conf *conf, int64_t id)
{
	for (size_t i = 0; i < conf->all_count; i++)
		if (conf->all[i]->store_id == id)
			return conf->all[i];
	return NULL;
}
