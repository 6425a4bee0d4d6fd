/* http/generation.h - a server, and the loops that it started together: some for each socket. A
 * reload that needs new loops starts a new generation on the same sockets, and the old one
 * ends once its connections are closed. */
#ifndef HOOKD_HTTP_GENERATION_H
#define HOOKD_HTTP_GENERATION_H

#include "base/attributes.h"
#include "body.h"
#include "connection.h"
#include "http/server.h"
#include "loop.h"
#include "settings.h"
#include "socket.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct generation {
	struct generation *next;
	struct http_server *server;
	struct loop **loops;
	size_t loop_count;
	_Atomic unsigned open; /* its connections */
	_Atomic bool closing;  /* answers carry "Connection: close" */
};

struct http_server {
	const struct http_handler *handler;
	void *arg; /* the handler's */
	struct current_settings settings;
	struct connections connections;
	struct body_budget bodies;
	struct loop_owner loop_owner;
	struct sockets sockets;
	pthread_mutex_t lock;           /* guards generations */
	struct generation *generations; /* the newest first */
	_Atomic unsigned suspended;     /* requests that were suspended and have not ended */
	_Atomic bool draining;
	_Atomic bool stopping; /* no further request is suspended */
	int drained;           /* eventfd */
	_Atomic int64_t requests, refused, unavailable;
};

/* Starts loops on the server's sockets. NULL, logged: the loops that did start, and their
 * connections, end like those of a generation that was replaced. */
struct generation *generation_start(
	struct http_server *s, const struct settings *settings) WARN_UNUSED;

/* Accepts no more connections. */
void generation_quiesce(struct generation *g);

/* Accepts no more connections, and closes its idle ones. */
void generation_close(struct generation *g);

/* Stops and frees it. None of its connections may be suspended. */
void generation_free(struct generation *g);

/* Stops the closing generations that have no connection left, and reports a drained
 * server. Called by the thread that closes connections at their deadlines, since no loop can stop
 * itself. */
void generations_stop_empty(void *server);

#endif
