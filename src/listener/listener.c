#include "listener/listener.h"

#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define POOL_MAX  8 /* threads per socket; the work is short, the disk is elsewhere */
#define MEMORY    ((size_t)12 * 1024) /* per connection: the head and a piece of the body */
#define INCREMENT 4096
#define PEM_MAX   ((size_t)256 * 1024)

struct conf *listener_conf(struct listener *l)
{
	struct conf *conf;

	pthread_mutex_lock(&l->lock);
	conf = conf_ref(l->conf);
	pthread_mutex_unlock(&l->lock);
	return conf;
}

/* ---- libmicrohttpd ---- */

static void log_library(void *arg, const char *format, va_list args) PRINTF(2, 0);

static void log_library(void *arg, const char *format, va_list args)
{
	static struct log_limit quiet;
	char text[256];
	unsigned suppressed;
	int n = vsnprintf(text, sizeof(text), format, args);

	(void)arg;
	if (n <= 0 || !log_wants(LOG_DEBUG) || !log_allowed(&quiet, &suppressed))
		return;
	text[strcspn(text, "\n")] = '\0';
	log_debug("libmicrohttpd", log_text("says", text), log_int("suppressed", suppressed));
}

static void notify_connection(void *arg, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct loop *loop = arg;
	struct listener *l = loop->generation->listener;

	loop->vain_turns = 0;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*context != NULL)
			connections_remove(&l->connections, *context);
		*context = NULL;
		return;
	}
	const union MHD_ConnectionInfo *fd =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	int connect_fd = fd != NULL ? fd->connect_fd : -1;
	const union MHD_ConnectionInfo *peer =
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	struct conf *conf = listener_conf(l);

	if (connect_fd != -1 && peer != NULL)
		*context = connections_add(&l->connections, loop, connect_fd,
			conf->tls.certificate != NULL && peer->client_addr->sa_family != AF_UNIX,
			peer->client_addr, conf);
	if (*context == NULL && connect_fd != -1)
		shutdown(connect_fd, SHUT_RDWR);
	conf_unref(conf);
}

/* A PEM file in guarded memory, as the key is a secret. */
static char *read_pem(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char *pem = sodium_malloc(PEM_MAX);
	size_t len = 0;
	ssize_t n = 0;

	while (fd != -1 && pem != NULL && len < PEM_MAX - 1 &&
		(n = read(fd, pem + len, PEM_MAX - 1 - len)) > 0)
		len += (size_t)n;
	if (fd == -1 || pem == NULL || n < 0 || len == 0) {
		log_error("cannot read the TLS file", log_text("file", path),
			log_text("error", fd == -1 || n < 0 ? strerror(errno) : "empty"));
		sodium_free(pem);
		pem = NULL;
	} else {
		pem[len] = '\0';
	}
	if (fd != -1)
		close(fd);
	return pem;
}

static unsigned pool_size(const struct conf *conf)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned n = cores < 2 ? 2 : cores > POOL_MAX ? POOL_MAX : (unsigned)cores;

	return n < conf->limits.connections ? n : conf->limits.connections;
}

static struct MHD_Daemon *start_daemon(
	struct loop *loop, unsigned connections, const char *certificate, const char *key)
{
	struct listener *l = loop->generation->listener;
	unsigned flags = MHD_USE_EPOLL | MHD_USE_ERROR_LOG |
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
		/* The library's interface takes them without const, but only reads. */
		tls[0].ptr_value = (void *)(uintptr_t)certificate;
		tls[1].ptr_value = (void *)(uintptr_t)key;
	}
	return MHD_start_daemon(flags, 0, NULL, NULL, request_handle, l, MHD_OPTION_EXTERNAL_LOGGER,
		log_library, NULL, /* first: it hears of the others */
		MHD_OPTION_LISTEN_SOCKET, loop->socket, MHD_OPTION_ARRAY, tls,
		MHD_OPTION_CONNECTION_LIMIT, connections, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		MEMORY, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)INCREMENT,
#if MHD_VERSION >= 0x00097701
		MHD_OPTION_CLIENT_DISCIPLINE_LVL, 1,
#else
		MHD_OPTION_STRICT_FOR_CLIENT, 0, /* hygiene_check is stricter, and answers once */
#endif
		MHD_OPTION_NOTIFY_CONNECTION, notify_connection, loop, MHD_OPTION_NOTIFY_COMPLETED,
		request_end, l, MHD_OPTION_URI_LOG_CALLBACK, request_begin, l, MHD_OPTION_END);
}

static void quiesce(struct generation *g)
{
	for (size_t i = 0; i < g->loop_count; i++)
		loop_quiesce(g->loops[i]);
}

static void stop_generation(struct generation *g)
{
	for (size_t i = 0; i < g->loop_count; i++)
		loop_free(g->loops[i]);
	free(g->loops);
	free(g);
}

/* Adds a loop, for `connections` of the socket's. False, logged. */
static bool add_loop(struct generation *g, const struct conf *conf, int socket,
	unsigned connections, const char *certificate, const char *key)
{
	/* A copy: a daemon that does not start closes the socket it was given. */
	int fd = fcntl(socket, F_DUPFD_CLOEXEC, 0);
	struct loop *loop = fd != -1 ? loop_new(g, fd) : NULL;

	if (loop == NULL) {
		log_error("cannot start the HTTP server", log_text("error", strerror(errno)));
		if (fd != -1)
			close(fd);
		return false;
	}
	loop->daemon = start_daemon(loop, connections, certificate, key);
	if (loop->daemon == NULL) {
		log_error("cannot start the HTTP server",
			log_text("tls", certificate != NULL ? conf->tls.certificate : NULL),
			log_text("expected", certificate != NULL
						     ? "a PEM certificate chain and its key"
						     : NULL));
		loop->socket = -1;
	}
	if (loop->daemon == NULL || !loop_start(loop)) {
		loop_free(loop);
		return false;
	}
	g->loops[g->loop_count++] = loop;
	return true;
}

static void close_generation(struct listener *l, struct generation *g)
{
	quiesce(g);
	atomic_store(&g->closing, true);
	connections_close_idle(&l->connections, g);
}

/* One that was started only in part may have connections already, some with an event in
 * the store's hands: it ends as one that was replaced. Last in the list, whose first is
 * the one in use. */
static void abandon_generation(struct listener *l, struct generation *g)
{
	struct generation **end = &l->generations;

	pthread_mutex_lock(&l->lock);
	while (*end != NULL)
		end = &(*end)->next;
	*end = g;
	pthread_mutex_unlock(&l->lock);
	close_generation(l, g);
}

static struct generation *start_generation(struct listener *l, const struct conf *conf)
{
	struct generation *g = calloc(1, sizeof(*g));
	unsigned threads = pool_size(conf), limit = conf->limits.connections;
	char *certificate = NULL, *key = NULL;
	bool ok = g != NULL;

	if (ok) {
		g->listener = l;
		g->loops = calloc(l->socket_count * threads, sizeof(struct loop *));
		ok = g->loops != NULL;
	}
	if (ok && conf->tls.certificate != NULL) {
		certificate = read_pem(conf->tls.certificate);
		key = read_pem(conf->tls.key);
		ok = certificate != NULL && key != NULL;
	}
	for (size_t i = 0; ok && i < l->socket_count * threads; i++) {
		size_t socket = i / threads, nth = i % threads;
		bool plain = l->unix_sockets[socket];

		ok = add_loop(g, conf, l->sockets[socket],
			limit / threads + (nth < limit % threads), plain ? NULL : certificate,
			plain ? NULL : key);
	}
	sodium_free(certificate);
	sodium_free(key);
	if (!ok && g != NULL) {
		abandon_generation(l, g);
		g = NULL;
	}
	return g;
}

/* Takes closing generations without connections out of the list and stops them;
 * called by the deadline thread, as no thread of theirs may do it. */
static void stop_empty_generations(void *arg)
{
	struct listener *l = arg;
	struct generation *empty = NULL, **link;

	pthread_mutex_lock(&l->lock);
	for (link = &l->generations; *link != NULL;) {
		struct generation *g = *link;

		if (atomic_load(&g->closing) && !atomic_load(&l->draining) &&
			atomic_load(&g->open) == 0) {
			*link = g->next;
			g->next = empty;
			empty = g;
		} else {
			link = &g->next;
		}
	}
	pthread_mutex_unlock(&l->lock);
	while (empty != NULL) {
		struct generation *g = empty;

		empty = g->next;
		stop_generation(g);
	}
	if (atomic_load(&l->draining) && connections_count(&l->connections) == 0 &&
		eventfd_write(l->drained, 1) != 0)
		log_error("eventfd", log_text("error", strerror(errno)));
}

/* ---- the interface ---- */

struct listener *listener_start(
	struct conf *conf, struct store *st, const int *sockets, size_t socket_count)
{
	struct listener *l = NULL;
	struct generation *first = NULL;

	if (!hygiene_fits_library())
		log_error("this hookd was built for another libmicrohttpd than is installed: build "
			  "it anew",
			log_text("built_for",
				MHD_VERSION < 0x00097701 ? "before 0.9.77" : "0.9.77 or later"),
			log_text("installed", MHD_get_version()));
	else
		l = calloc(1, sizeof(*l));
	if (l == NULL)
		return NULL;
	l->store = st;
	l->conf = conf_ref(conf);
	pthread_mutex_init(&l->lock, NULL);
	l->drained = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->drained == -1 || !connections_start(&l->connections, stop_empty_generations, l)) {
		log_error("cannot start the listener", log_text("error", strerror(errno)));
		conf_unref(l->conf);
		free(l);
		return NULL;
	}
	if (sockets_open(l, sockets, socket_count))
		first = start_generation(l, conf);
	if (first == NULL) {
		listener_stop(l);
		return NULL;
	}
	pthread_mutex_lock(&l->lock);
	l->generations = first;
	pthread_mutex_unlock(&l->lock);
	sockets_log(l);
	return l;
}

bool listener_reload(struct listener *l, struct conf *conf)
{
	struct conf *old = l->conf;
	struct generation *fresh = NULL, *stale = l->generations;

	if (conf->tls.certificate != NULL || old->tls.certificate != NULL ||
		conf->limits.connections != old->limits.connections) {
		fresh = start_generation(l, conf);
		if (fresh == NULL)
			return false;
	}
	pthread_mutex_lock(&l->lock);
	l->conf = conf_ref(conf);
	if (fresh != NULL) {
		fresh->next = l->generations;
		l->generations = fresh;
	}
	pthread_mutex_unlock(&l->lock);
	if (fresh != NULL)
		close_generation(l, stale);
	conf_unref(old);
	return true;
}

int listener_drain(struct listener *l)
{
	atomic_store(&l->draining, true);
	/* From here on the list is this thread's alone: see stop_empty_generations, which
	 * looks at `draining` under the lock. It cannot be held on: loops take it. */
	pthread_mutex_lock(&l->lock);
	pthread_mutex_unlock(&l->lock);
	for (struct generation *g = l->generations; g != NULL; g = g->next) {
		quiesce(g);
		atomic_store(&g->closing, true);
	}
	sockets_refuse(l);
	connections_close_idle(&l->connections, NULL);
	return l->drained;
}

void listener_counts(struct listener *l, struct listener_counts *out)
{
	*out = (struct listener_counts){
		.requests = atomic_load(&l->requests),
		.refused = atomic_load(&l->refused),
		.unavailable = atomic_load(&l->unavailable),
		.connections = connections_count(&l->connections),
	};
}

void listener_stop(struct listener *l)
{
	/* libmicrohttpd aborts when it is stopped with a connection suspended, and drops
	 * answers that are not sent: let nothing more into the store's hands, and wait for
	 * what is in them to be answered. */
	atomic_store(&l->stopping, true);
	while (atomic_load(&l->storing) > 0)
		usleep(1000);
	connections_stop(&l->connections);
	while (l->generations != NULL) {
		struct generation *g = l->generations;

		l->generations = g->next;
		quiesce(g);
		stop_generation(g);
	}
	connections_free(&l->connections);
	sockets_close(l);
	close(l->drained);
	conf_unref(l->conf);
	pthread_mutex_destroy(&l->lock);
	free(l);
}
