/* conf/derive.c - adds what follows from a config once it is read and checked: the hooks that are
 * derived from on_failure, digest, silence and alert, and the environment of programs. */
#include "read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The action for a delivery of the hook that is given up; NULL: none. */
static const struct conf_action *failure_of(const struct conf *conf, const struct conf_hook *hook)
{
	if (conf_action_is_set(&hook->own_failure))
		return &hook->own_failure;
	return conf_action_is_set(&conf->on_failure) ? &conf->on_failure : NULL;
}

/* Adds a derived hook. NULL: out of memory. */
static const struct conf_hook *derive(struct conf *conf, const char *parent, const char *name,
	const struct conf_source *source, const struct conf_action *action)
{
	struct conf_hook *hook = &conf->derived[conf->derived_count];

	if (asprintf(&hook->name, "%s/%s", parent, name) < 0) {
		hook->name = NULL;
		return NULL;
	}
	hook->source = source;
	hook->action = action;
	conf->derived_count++;
	return hook;
}

static bool derive_failure(struct conf *conf, struct conf_hook *hook)
{
	const struct conf_action *action = failure_of(conf, hook);

	if (action == NULL)
		return true;
	hook->on_failure = derive(conf, hook->name, "on_failure", hook->source, action);
	return hook->on_failure != NULL;
}

static bool derive_failures(struct conf *conf)
{
	for (size_t i = 0; i < conf->hook_count; i++)
		if (!derive_failure(conf, &conf->hooks[i]))
			return false;
	return true;
}

static bool derive_own(struct conf *conf, const char *name, const struct conf_action *action,
	const struct conf_hook **hook)
{
	if (!conf_action_is_set(action))
		return true;
	*hook = derive(conf, CONF_OWN_SOURCE, name, &conf->own, action);
	return *hook != NULL;
}

static bool gather(struct conf *conf)
{
	conf->all = calloc(conf->hook_count + conf->derived_count + 1, sizeof(struct conf_hook *));
	if (conf->all == NULL)
		return false;
	for (size_t i = 0; i < conf->hook_count; i++)
		conf->all[conf->all_count++] = &conf->hooks[i];
	for (size_t i = 0; i < conf->derived_count; i++)
		conf->all[conf->all_count++] = &conf->derived[i];
	return true;
}

static struct conf_source *source_of(struct conf *conf, const struct conf_hook *hook)
{
	return &conf->sources[hook->source - conf->sources];
}

/* Lists each source's hooks, so that an event passes by no others. */
static bool list_hooks(struct conf *conf)
{
	for (size_t i = 0; i < conf->hook_count; i++)
		source_of(conf, &conf->hooks[i])->hook_count++;
	for (size_t i = 0; i < conf->source_count; i++) {
		struct conf_source *source = &conf->sources[i];

		source->hooks = calloc(source->hook_count + 1, sizeof(struct conf_hook *));
		if (source->hooks == NULL)
			return false;
		source->hook_count = 0;
	}
	for (size_t i = 0; i < conf->hook_count; i++) {
		struct conf_source *source = source_of(conf, &conf->hooks[i]);

		source->hooks[source->hook_count++] = &conf->hooks[i];
	}
	return true;
}

static bool complete(struct conf_action *action)
{
	if (!conf_action_is_set(action))
		return true;
	action->base_env = conf_base_env(&action->user, action->env, action->env_count);
	return action->base_env != NULL;
}

static bool complete_all(struct conf *conf)
{
	bool good = complete(&conf->on_failure) && complete(&conf->digest.action) &&
		    complete(&conf->silence.action) && complete(&conf->alert.action);

	for (size_t i = 0; i < conf->hook_count; i++) {
		struct conf_hook *hook = &conf->hooks[i];

		hook->action = &hook->own;
		good = good && complete(&hook->own) && complete(&hook->own_failure);
	}
	return good;
}

void conf_derive(struct conf_reader *r)
{
	struct conf *conf = r->conf;

	conf->own.name = strdup(CONF_OWN_SOURCE);
	conf->own.sender = &sender_own;
	conf->derived = calloc(conf->hook_count + 3, sizeof(*conf->derived));
	if (conf->own.name == NULL || conf->derived == NULL || !complete_all(conf) ||
		!derive_failures(conf) ||
		!derive_own(conf, "digest", &conf->digest.action, &conf->digest_hook) ||
		!derive_own(conf, "silence", &conf->silence.action, &conf->silence_hook) ||
		!derive_own(conf, "alert", &conf->alert.action, &conf->alert_hook) ||
		!gather(conf) || !list_hooks(conf))
		r->errors.no_memory = true;
}
