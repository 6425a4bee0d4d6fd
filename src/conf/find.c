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

const struct event_shape *conf_shape_of(const struct conf *conf, const char *source)
{
	const struct conf_source *s = conf_source_by_name(conf, source);

	if (s != NULL && s->sender != NULL)
		return &s->sender->shape;
	return strcmp(source, conf->own.name) == 0 ? &conf->own.sender->shape
						   : &sender_default()->shape;
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

static bool is_word(const struct conf_hook *hook, const char *word)
{
	return hook->confirm_count == 1 && strcmp(hook->confirm[0], word) == 0;
}

bool conf_confirms(const struct conf_hook *hook, const char *type, const char *origin,
	const char *const **states, size_t *count)
{
	const struct sender *sender = hook->source->sender;
	const char *state = lifecycle_state(sender->states, type);

	*states = NULL;
	*count = 0;
	if (hook->source->api.key == NULL || is_word(hook, "false"))
		return false;
	/* By default what came late, by the API, about money: days may have passed. */
	if (hook->confirm_count == 0)
		return strcmp(origin, "api") == 0 && state != NULL &&
		       lifecycle_means(sender->states, state, sender->paid);
	if (!is_word(hook, "true")) {
		*states = (const char *const *)hook->confirm;
		*count = hook->confirm_count;
	}
	return true;
}
