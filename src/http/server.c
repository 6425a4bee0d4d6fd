#include "http/server.h"

#include "base/log.h"
#include "generation.h"
#include "hygiene.h"
#include "refusal.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

static bool fits_library(void)
{
	if (hygiene_fits_library())
		return true;
	log_error("this hookd was built against another libmicrohttpd than the installed one: "
		  "rebuild it",
		log_text("built_for", HYGIENE_CHECKS_LAYOUT ? "before 0.9.77" : "0.9.77 or later"),
		log_text("installed", MHD_get_version()));
	return false;
}

/* Takes the settings. NULL: logged. */
static struct http_server *new_server(
	const struct http_handler *handler, void *arg, struct settings *settings)
{
	struct http_server *s = settings != NULL ? calloc(1, sizeof(*s)) : NULL;

	if (s == NULL) {
		log_error("cannot start the HTTP server", log_text("error", "out of memory"));
		settings_unref(settings);
		return NULL;
	}
	s->handler = handler;
	s->arg = arg;
	s->loop_owner = (struct loop_owner){
		.connections = &s->connections,
		.ran = refusal_log,
		.thread_begin = handler->thread_begin,
		.turn_over = handler->turn_over,
		.arg = arg,
	};
	settings_init(&s->settings, settings);
	pthread_mutex_init(&s->lock, NULL);
	return s;
}

static void free_server(struct http_server *s)
{
	if (s->drained != -1)
		close(s->drained);
	settings_destroy(&s->settings);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

static bool start_deadlines(struct http_server *s)
{
	s->drained = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->drained == -1) {
		log_error("cannot start the HTTP server", log_text("error", strerror(errno)));
		return false;
	}
	return connections_start(&s->connections, generations_stop_empty, s);
}

struct http_server *http_server_start(const struct http_options *options, const int *sockets,
	size_t socket_count, const struct http_handler *handler, void *arg)
{
	struct http_server *s =
		fits_library() ? new_server(handler, arg, settings_new(options)) : NULL;
	struct generation *first = NULL;

	if (s == NULL)
		return NULL;
	if (!start_deadlines(s)) {
		free_server(s);
		return NULL;
	}
	if (sockets_open(&s->sockets, options, sockets, socket_count))
		first = generation_start(s, s->settings.now);
	if (first == NULL) {
		http_server_stop(s);
		return NULL;
	}
	pthread_mutex_lock(&s->lock);
	s->generations = first;
	pthread_mutex_unlock(&s->lock);
	sockets_log(&s->sockets, options->certificate != NULL);
	return s;
}

bool http_server_reload(struct http_server *s, const struct http_options *options)
{
	const struct settings *old = s->settings.now; /* only this thread replaces them */
	struct settings *next = settings_new(options);
	struct generation *fresh = NULL, *stale = s->generations;

	if (next == NULL) {
		log_error("cannot reload the HTTP server", log_text("error", "out of memory"));
		return false;
	}
	if (next->certificate != NULL || old->certificate != NULL ||
		next->limits.connections != old->limits.connections) {
		fresh = generation_start(s, next);
		if (fresh == NULL) {
			settings_unref(next);
			return false;
		}
	}
	settings_replace(&s->settings, next);
	if (fresh == NULL)
		return true;
	pthread_mutex_lock(&s->lock);
	fresh->next = s->generations;
	s->generations = fresh;
	pthread_mutex_unlock(&s->lock);
	generation_close(stale);
	return true;
}

int http_server_drain(struct http_server *s)
{
	atomic_store(&s->draining, true);
	/* From here on only this thread changes the list: generations_stop_empty checks
	 * `draining` under the lock. The lock cannot be held meanwhile: loops take it. */
	pthread_mutex_lock(&s->lock);
	pthread_mutex_unlock(&s->lock);
	for (struct generation *g = s->generations; g != NULL; g = g->next) {
		generation_quiesce(g);
		atomic_store(&g->closing, true);
	}
	sockets_refuse(&s->sockets);
	connections_close_idle(&s->connections, NULL);
	return s->drained;
}

void http_server_counts(struct http_server *s, struct http_counts *out)
{
	*out = (struct http_counts){
		.requests = atomic_load(&s->requests),
		.refused = atomic_load(&s->refused),
		.unavailable = atomic_load(&s->unavailable),
		.connections = connections_count(&s->connections),
	};
}

void http_server_stop(struct http_server *s)
{
	/* libmicrohttpd aborts when it is stopped with a connection suspended, and drops
	 * answers that are not sent: suspend nothing more, and wait until what was suspended
	 * is answered. */
	atomic_store(&s->stopping, true);
	while (atomic_load(&s->suspended) > 0)
		usleep(1000);
	connections_stop(&s->connections);
	while (s->generations != NULL) {
		struct generation *g = s->generations;

		s->generations = g->next;
		generation_quiesce(g);
		generation_free(g);
	}
	connections_free(&s->connections);
	sockets_close(&s->sockets);
	free_server(s);
}
