/* http/settings.h - what a server's options said when a connection was accepted or a request
 * began: a copy that lives until the last of these is gone. Any thread. */
#ifndef HOOKD_HTTP_SETTINGS_H
#define HOOKD_HTTP_SETTINGS_H

#include "base/attributes.h"
#include "http/server.h"

#include <pthread.h>

struct settings {
	_Atomic unsigned references;
	char *certificate, *key; /* NULL: plain HTTP */
	struct net_range *trusted_proxies;
	size_t trusted_proxy_count;
	struct http_limits limits;
};

/* Those in use. */
struct current_settings {
	pthread_mutex_t lock; /* held to take a reference to `now`, and to replace it */
	struct settings *_Atomic now;
};

struct settings *settings_new(const struct http_options *options) WARN_UNUSED; /* NULL: no memory */
void settings_unref(struct settings *s);                                       /* NULL is allowed */

void settings_init(struct current_settings *current, struct settings *first); /* takes first */
void settings_destroy(struct current_settings *current);

struct settings *settings_current(struct current_settings *current); /* a reference */

/* Exchanges a reference for one to those in use; costs little when it is that already. */
void settings_refresh(struct current_settings *current, struct settings **held);

void settings_replace(struct current_settings *current, struct settings *next); /* takes next */

#endif
