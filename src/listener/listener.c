#include "listener/listener.h"

#include "base/log.h"
#include "health.h"
#include "http/server.h"
#include "request.h"

#include <stdlib.h>

/* The part of the config that the server reads, borrowed from it. */
static struct http_options options_of(const struct conf *conf)
{
	return (struct http_options){
		.certificate = conf->tls.certificate,
		.key = conf->tls.key,
		.trusted_proxies = conf->trusted_proxies,
		.trusted_proxy_count = conf->trusted_proxy_count,
		.limits = {.body = conf->limits.body,
			.bodies = conf->limits.bodies,
			.connections = conf->limits.connections,
			.per_ip = conf->limits.per_ip,
			.request_time = conf->limits.request_time},
	};
}

static struct http_listen *listen_of(const struct conf *conf)
{
	struct http_listen *listen = calloc(conf->listen_count + 1, sizeof(*listen));

	for (size_t i = 0; listen != NULL && i < conf->listen_count; i++)
		listen[i] = (struct http_listen){
			.text = conf->listen[i].text,
			.unix_path = conf->listen[i].unix_path,
			.address = conf->listen[i].address,
			.port = conf->listen[i].port,
			.proxy_protocol = conf->listen[i].proxy_protocol,
		};
	return listen;
}

static struct http_server *start_server(struct listener *l, const int *sockets, size_t socket_count)
{
	struct http_options options = options_of(l->conf);
	struct http_listen *listen = listen_of(l->conf);
	struct http_server *server = NULL;

	options.listen = listen;
	options.listen_count = l->conf->listen_count;
	if (listen != NULL)
		server = http_server_start(&options, sockets, socket_count, &request_handler, l);
	else
		log_error("cannot start the listener", log_text("error", "out of memory"));
	free(listen);
	return server;
}

static void free_listener(struct listener *l)
{
	conf_unref(l->conf);
	health_free(l->health);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

/* The sources' ids are known only now. */
bool listener_use_store(struct listener *l, struct store *st)
{
	if (!health_add(&l->health, l->conf))
		return false;
	atomic_store(&l->store, st);
	return true;
}

struct listener *listener_start(
	struct conf *conf, struct store *st, const int *sockets, size_t socket_count)
{
	struct listener *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		log_error("cannot start the listener", log_text("error", "out of memory"));
		return NULL;
	}
	l->conf = conf_ref(conf);
	pthread_mutex_init(&l->lock, NULL);
	if (st != NULL && !listener_use_store(l, st)) {
		log_error("cannot start the listener", log_text("error", "out of memory"));
		free_listener(l);
		return NULL;
	}
	l->server = start_server(l, sockets, socket_count);
	if (l->server == NULL) {
		free_listener(l);
		return NULL;
	}
	return l;
}

bool listener_reload(struct listener *l, struct conf *conf)
{
	struct http_options options = options_of(conf);
	struct conf *old = l->conf;

	if (!health_add(&l->health, conf) || !http_server_reload(l->server, &options))
		return false;
	pthread_mutex_lock(&l->lock);
	l->conf = conf_ref(conf);
	pthread_mutex_unlock(&l->lock);
	conf_unref(old);
	return true;
}

void listener_check_tls(const struct conf *conf, struct buf *errors, struct buf *cautions)
{
	char why[HTTP_WHY];

	if (conf->tls.certificate == NULL)
		return;
	switch (http_check_certificate(conf->tls.certificate, conf->tls.key, why)) {
	case HTTP_CERTIFICATE_GOOD:
		break;
	case HTTP_CERTIFICATE_OUTDATED:
		buf_printf(cautions, "tls: %s\n", why);
		break;
	case HTTP_CERTIFICATE_UNUSABLE:
		buf_printf(errors, "tls: %s\n", why);
		break;
	}
}

int listener_drain(struct listener *l)
{
	return http_server_drain(l->server);
}

void listener_health(struct listener *l, int64_t source, struct listener_health *out)
{
	health_read(l->health, source, out);
}

void listener_counts(struct listener *l, struct listener_counts *out)
{
	struct http_counts counts;

	http_server_counts(l->server, &counts);
	*out = (struct listener_counts){
		.requests = counts.requests,
		.refused = counts.refused,
		.unavailable = counts.unavailable,
		.connections = counts.connections,
	};
}

void listener_stop(struct listener *l)
{
	http_server_stop(l->server);
	free_listener(l);
}
