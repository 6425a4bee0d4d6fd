#include "settings.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

static bool copy_text(char **out, const char *text)
{
	*out = text != NULL ? strdup(text) : NULL;
	return text == NULL || *out != NULL;
}

static bool copy_proxies(struct settings *s, const struct http_options *options)
{
	s->trusted_proxy_count = options->trusted_proxy_count;
	s->trusted_proxies = calloc(s->trusted_proxy_count + 1, sizeof(*s->trusted_proxies));
	if (s->trusted_proxies == NULL)
		return false;
	for (size_t i = 0; i < s->trusted_proxy_count; i++)
		s->trusted_proxies[i] = options->trusted_proxies[i];
	return true;
}

struct settings *settings_new(const struct http_options *options)
{
	struct settings *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	atomic_init(&s->references, 1);
	s->limits = options->limits;
	if (!copy_text(&s->certificate, options->certificate) ||
		!copy_text(&s->key, options->key) || !copy_proxies(s, options)) {
		settings_unref(s);
		return NULL;
	}
	return s;
}

void settings_unref(struct settings *s)
{
	if (s == NULL || atomic_fetch_sub(&s->references, 1) > 1)
		return;
	free(s->certificate);
	free(s->key);
	free(s->trusted_proxies);
	free(s);
}

void settings_init(struct current_settings *current, struct settings *first)
{
	pthread_mutex_init(&current->lock, NULL);
	atomic_init(&current->now, first);
}

void settings_destroy(struct current_settings *current)
{
	settings_unref(current->now);
	pthread_mutex_destroy(&current->lock);
}

struct settings *settings_current(struct current_settings *current)
{
	struct settings *s;

	pthread_mutex_lock(&current->lock);
	s = atomic_load(&current->now);
	atomic_fetch_add(&s->references, 1);
	pthread_mutex_unlock(&current->lock);
	return s;
}

void settings_refresh(struct current_settings *current, struct settings **held)
{
	/* Without the lock: what is held cannot have been freed and made again. */
	if (atomic_load(&current->now) == *held)
		return;
	settings_unref(*held);
	*held = settings_current(current);
}

void settings_replace(struct current_settings *current, struct settings *next)
{
	struct settings *old;

	pthread_mutex_lock(&current->lock);
	old = atomic_exchange(&current->now, next);
	pthread_mutex_unlock(&current->lock);
	settings_unref(old);
}
