#include "generation.h"

#include "base/log.h"
#include "certificate.h"
#include "refusal.h"
#include "request.h"
#include "tls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#define POOL_MAX  8 /* threads per socket; their work is short, the store waits for the disk */
#define MEMORY    ((size_t)12 * 1024) /* per connection: the head and a part of the body */
#define INCREMENT 4096

/* ---- libmicrohttpd ---- */

/* What it says right before it refuses a request; nothing else tells. */
static void take_message(struct loop *loop, const char *text)
{
	static const char refuses[] = "Error processing request (HTTP response code is ";
	static const char malformed[] = "Failed to parse `Content-Length'";
	static const char large[] = "Too large value of 'Content-Length'";

	if (strncmp(text, malformed, sizeof(malformed) - 1) == 0)
		refusal_of_length(loop, MHD_HTTP_BAD_REQUEST);
	else if (strncmp(text, large, sizeof(large) - 1) == 0)
		refusal_of_length(loop, MHD_HTTP_CONTENT_TOO_LARGE);
	else if (strncmp(text, refuses, sizeof(refuses) - 1) == 0)
		refusal_of_library(loop, (unsigned)strtoul(text + sizeof(refuses) - 1, NULL, 10));
}

static void log_library(void *arg, const char *format, va_list args) PRINTF(2, 0);

static void log_library(void *arg, const char *format, va_list args)
{
	static struct log_limit quiet;
	char text[256];
	unsigned suppressed;
	int n = vsnprintf(text, sizeof(text), format, args);

	if (n > 0)
		take_message(arg, text);
	if (n <= 0 || !log_wants(LOG_DEBUG) || !log_allowed(&quiet, &suppressed))
		return;
	text[strcspn(text, "\n")] = '\0';
	log_debug("libmicrohttpd", log_text("says", text), log_int("suppressed", suppressed));
}

static void notify_connection(void *arg, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct loop *loop = arg;
	const union MHD_ConnectionInfo *info;

	loop->idle_turns = 0;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context != NULL) {
			refusal_connection_closes(*context);
			request_abandon(*context);
			connections_remove(loop->owner->connections, *context);
		}
		*context = NULL;
		return;
	}
	info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info == NULL || info->connect_fd == -1)
		return;
	*context = arrivals_handed(loop, info->connect_fd);
	if (*context == NULL || (loop->tls && !tls_guard(*context, mhd)))
		shutdown(info->connect_fd, SHUT_RDWR);
}

static struct MHD_Daemon *start_daemon(
	struct loop *loop, unsigned connections, const char *certificate, const char *key)
{
	struct http_server *s = loop->generation->server;
	unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG |
			 ((unsigned)MHD_ALLOW_SUSPEND_RESUME & ~(unsigned)MHD_USE_ITC) |
			 (certificate != NULL ? MHD_USE_TLS : 0);
	struct MHD_OptionItem tls[] = {
		{MHD_OPTION_HTTPS_MEM_CERT, 0, NULL},
		{MHD_OPTION_HTTPS_MEM_KEY, 0, NULL},
		{MHD_OPTION_END, 0, NULL},
	};

	if (certificate == NULL) {
		tls[0].option = MHD_OPTION_END;
	} else {
		/* The library's interface takes them without const, but only reads them. */
		tls[0].ptr_value = (void *)(uintptr_t)certificate;
		tls[1].ptr_value = (void *)(uintptr_t)key;
	}
	return MHD_start_daemon(flags, 0, NULL, NULL, request_handle, s, MHD_OPTION_EXTERNAL_LOGGER,
		log_library, loop, /* first, so that it receives messages about the others */
		MHD_OPTION_ARRAY, tls, MHD_OPTION_CONNECTION_LIMIT, connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY, MHD_OPTION_CONNECTION_MEMORY_INCREMENT,
		(size_t)INCREMENT, HYGIENE_DAEMON_OPTIONS, MHD_OPTION_NOTIFY_CONNECTION,
		notify_connection, loop, MHD_OPTION_NOTIFY_COMPLETED, request_end, s,
		MHD_OPTION_URI_LOG_CALLBACK, request_begin, s, MHD_OPTION_END);
}

/* ---- start ---- */

/* Threads per socket. */
static unsigned pool_size(const struct http_limits *limits)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = cores < 2 ? 2 : cores > POOL_MAX ? POOL_MAX : (unsigned)cores;

	return n < limits->connections ? n : limits->connections;
}

static struct loop *new_loop(struct generation *g, int socket)
{
	int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
	struct loop *loop = fd != -1 ? loop_new(&g->server->loop_owner, g, fd) : NULL;

	if (loop == NULL) {
		log_error("cannot start the HTTP server", log_text("error", strerror(errno)));
		if (fd != -1)
			close(fd);
	}
	return loop;
}

struct tls {
	const char *file; /* the certificate's; NULL: plain HTTP */
	struct certificate pem;
};

/* Adds a loop for `connections` of the connections of the server's i-th socket. False: logged. */
static bool add_loop(struct generation *g, size_t i, unsigned connections, const struct tls *tls)
{
	const struct sockets *sockets = &g->server->sockets;
	struct loop *loop = new_loop(g, sockets->fds[i]);

	if (loop == NULL)
		return false;
	loop->tls = tls->file != NULL;
	loop->arrivals.limit = connections;
	loop->arrivals.proxied = sockets->proxied[i];
	loop->daemon = start_daemon(loop, connections, tls->pem.chain, tls->pem.key);
	if (loop->daemon == NULL)
		log_error("cannot start the HTTP server", log_text("tls", tls->file));
	if (loop->daemon == NULL || !loop_start(loop)) {
		loop_free(loop);
		return false;
	}
	g->loops[g->loop_count++] = loop;
	return true;
}

static bool add_loops(struct generation *g, const struct http_limits *limits, const struct tls *tls)
{
	static const struct tls plain;
	const struct sockets *sockets = &g->server->sockets;
	unsigned threads = pool_size(limits), limit = limits->connections;

	for (size_t i = 0; i < sockets->count * threads; i++) {
		size_t socket = i / threads, nth = i % threads;

		if (!add_loop(g, socket, limit / threads + (nth < limit % threads),
			    sockets->local[socket] ? &plain : tls))
			return false;
	}
	return true;
}

static struct generation *new_generation(struct http_server *s, const struct http_limits *limits)
{
	struct generation *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->server = s;
	g->loops = calloc(s->sockets.count * pool_size(limits), sizeof(struct loop *));
	if (g->loops == NULL) {
		free(g);
		return NULL;
	}
	return g;
}

/* A generation that was started only in part may have connections, even suspended ones, so it ends
 * like one that was replaced. It is put last in the list, since the first is the one in use. */
static void abandon(struct generation *g)
{
	struct http_server *s = g->server;
	struct generation **end = &s->generations;

	pthread_mutex_lock(&s->lock);
	while (*end != NULL)
		end = &(*end)->next;
	*end = g;
	pthread_mutex_unlock(&s->lock);
	generation_close(g);
}

/* False: logged. */
static bool load_certificate(struct tls *tls, const struct settings *settings)
{
	char why[HTTP_WHY];

	if (tls->file == NULL)
		return true;
	if (!certificate_load(&tls->pem, settings->certificate, settings->key, why)) {
		log_error("cannot use the TLS certificate", log_text("reason", why));
		return false;
	}
	if (!certificate_is_valid(&tls->pem, tls->file, why))
		log_warn("TLS certificate is not valid now: clients refuse it",
			log_text("reason", why));
	return true;
}

struct generation *generation_start(struct http_server *s, const struct settings *settings)
{
	struct generation *g = new_generation(s, &settings->limits);
	struct tls tls = {.file = settings->certificate};
	bool ok = g != NULL && load_certificate(&tls, settings) &&
		  add_loops(g, &settings->limits, &tls);

	certificate_free(&tls.pem);
	if (!ok && g != NULL) {
		abandon(g);
		g = NULL;
	}
	return g;
}

/* ---- end ---- */

void generation_quiesce(struct generation *g)
{
	for (size_t i = 0; i < g->loop_count; i++)
		loop_quiesce(g->loops[i]);
}

void generation_close(struct generation *g)
{
	generation_quiesce(g);
	atomic_store(&g->closing, true);
	connections_close_idle(&g->server->connections, g);
}

void generation_free(struct generation *g)
{
	for (size_t i = 0; i < g->loop_count; i++)
		loop_free(g->loops[i]);
	free(g->loops);
	free(g);
}

/* Takes them out of the server's list. */
static struct generation *take_empty(struct http_server *s)
{
	struct generation *empty = NULL, **link;

	pthread_mutex_lock(&s->lock);
	for (link = &s->generations; *link != NULL;) {
		struct generation *g = *link;

		if (atomic_load(&g->closing) && !atomic_load(&s->draining) &&
			atomic_load(&g->open) == 0) {
			*link = g->next;
			g->next = empty;
			empty = g;
		} else {
			link = &g->next;
		}
	}
	pthread_mutex_unlock(&s->lock);
	return empty;
}

void generations_stop_empty(void *server)
{
	struct http_server *s = server;
	struct generation *empty = take_empty(s);

	while (empty != NULL) {
		struct generation *g = empty;

		empty = g->next;
		generation_free(g);
	}
	if (atomic_load(&s->draining) && connections_count(&s->connections) == 0 &&
		eventfd_write(s->drained, 1) != 0)
		log_error("eventfd", log_text("error", strerror(errno)));
}
