#include "control/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "request.h"
#include "session.h"
#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#define ACTS_MAX     8     /* requests in work */
#define ACTS_OF_USER 6     /* … of one user, so that two remain for others */
#define WAITING_MAX  32    /* connections whose request has not arrived */
#define REQUEST_TIME 10000 /* ms for a request to arrive */
#define ACCEPT_AGAIN 200   /* ms, when there is no descriptor for a connection */
#define ACCEPT_ROUND 16    /* connections accepted before the others are looked at */
#define ACT_NICE     10    /* of an act's thread: requests that bring events go first */
#define BUSY         "busy: hookd works on other requests; try again later"

/* A request in work, and its thread. */
struct slot {
	struct control *control;
	enum { SLOT_FREE, SLOT_RUNS, SLOT_ENDED } state; /* guarded by the lock */
	pthread_t thread;
	struct session session;
	int64_t uid;
};

struct control {
	struct store *store;
	char *store_path;
	struct stat store_file;
	const struct control_host *host;
	struct socket_place place;
	char *path;
	int wake; /* eventfd: an act has ended, or we drain */
	int stop; /* eventfd: readable, and left so, once acts must stop */
	int idle; /* eventfd: readable once we drain and no act is left */
	pthread_t thread;

	/* The thread's own. */
	int listener;
	int64_t accept_at;                   /* steady ms: no connection is accepted before */
	struct request waiting[WAITING_MAX]; /* oldest first */
	size_t waiting_count;

	pthread_mutex_t lock; /* guards all below, and the slots' states */
	struct conf *conf;    /* a reference */
	bool draining;
	struct slot slots[ACTS_MAX];
};

static void signal_descriptor(int fd)
{
	const uint64_t one = 1;
	ssize_t n = write(fd, &one, sizeof(one));

	(void)n; /* fails only when it is readable anyway */
}

/* ---- acts ---- */

static void *slot_main(void *arg)
{
	struct slot *slot = arg;
	struct control *c = slot->control;
	struct act_context context = {
		.store = c->store, .store_path = c->store_path, .host = c->host, .uid = slot->uid};

	(void)setpriority(PRIO_PROCESS, 0, ACT_NICE); /* on Linux this thread's alone */
	(void)pthread_mutex_lock(&c->lock);
	context.conf = conf_ref(c->conf);
	(void)pthread_mutex_unlock(&c->lock);
	session_run(&slot->session, &context, &c->store_file);
	conf_unref(context.conf);
	(void)pthread_mutex_lock(&c->lock);
	slot->state = SLOT_ENDED;
	(void)pthread_mutex_unlock(&c->lock);
	/* Only now: a client that has seen the end finds the slot free. */
	request_free(&slot->session.request);
	signal_descriptor(c->wake);
	return NULL;
}

/* Joins what has ended. Returns how many run. */
static size_t join_ended(struct control *c)
{
	size_t running = 0;

	for (size_t i = 0; i < ACTS_MAX; i++) {
		struct slot *slot = &c->slots[i];

		(void)pthread_mutex_lock(&c->lock);
		bool ended = slot->state == SLOT_ENDED;
		running += slot->state == SLOT_RUNS;
		(void)pthread_mutex_unlock(&c->lock);
		if (!ended)
			continue;
		(void)pthread_join(slot->thread, NULL);
		slot->state = SLOT_FREE; /* no other thread has it now */
	}
	return running;
}

/* NULL: too many are in work. */
static struct slot *take_slot(struct control *c, int64_t uid)
{
	struct slot *free_slot = NULL;
	size_t of_user = 0;

	(void)join_ended(c);
	(void)pthread_mutex_lock(&c->lock);
	for (size_t i = 0; i < ACTS_MAX; i++) {
		if (c->slots[i].state == SLOT_FREE)
			free_slot = &c->slots[i];
		else
			of_user += c->slots[i].uid == uid;
	}
	if (of_user >= ACTS_OF_USER)
		free_slot = NULL;
	if (free_slot != NULL)
		free_slot->state = SLOT_RUNS;
	(void)pthread_mutex_unlock(&c->lock);
	return free_slot;
}

/* Takes the request over. */
static void start_act(struct control *c, struct request *r)
{
	struct slot *slot = take_slot(c, r->peer.uid);

	if (slot == NULL) {
		session_refuse(r, BUSY);
		return;
	}
	slot->uid = r->peer.uid;
	slot->session = (struct session){.request = *r, .stop = c->stop};
	if (thread_start(&slot->thread, "control-act", slot_main, slot))
		return;
	session_refuse(&slot->session.request, "hookd cannot start a thread");
	(void)pthread_mutex_lock(&c->lock);
	slot->state = SLOT_FREE;
	(void)pthread_mutex_unlock(&c->lock);
}

/* ---- connections whose request has not arrived ---- */

static void forget_waiting(struct control *c, size_t i)
{
	memmove(&c->waiting[i], &c->waiting[i + 1],
		(c->waiting_count - i - 1) * sizeof(c->waiting[0]));
	c->waiting_count--;
}

/* Reads what has come. False: the connection waits on. */
static bool read_request(struct control *c, struct request *r)
{
	switch (request_read(r)) {
	case REQUEST_PART:
		if (clock_steady() < r->deadline)
			return false;
		session_refuse(r, "no request has arrived in time");
		break;
	case REQUEST_WHOLE:
		start_act(c, r);
		break;
	case REQUEST_TOO_LONG:
		session_refuse(r, "the request is longer than 64 KiB");
		break;
	case REQUEST_GONE:
		request_free(r);
		break;
	}
	return true;
}

static void read_requests(struct control *c)
{
	for (size_t i = c->waiting_count; i-- > 0;)
		if (read_request(c, &c->waiting[i]))
			forget_waiting(c, i);
}

/* A client sends its request at once. So the one that has waited longest gives way. */
static void add_connection(struct control *c, int fd)
{
	struct request r = {.fd = fd, .deadline = clock_steady() + REQUEST_TIME};

	if (!socket_peer(fd, &r.peer)) {
		request_free(&r);
		return;
	}
	if (read_request(c, &r))
		return;
	if (c->waiting_count == WAITING_MAX) {
		session_refuse(&c->waiting[0], BUSY);
		forget_waiting(c, 0);
	}
	c->waiting[c->waiting_count++] = r;
}

static void accept_connections(struct control *c)
{
	for (int i = 0; i < ACCEPT_ROUND; i++) {
		int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0) {
			add_connection(c, fd);
		} else if (errno != EINTR && errno != ECONNABORTED) {
			if (errno != EAGAIN)
				c->accept_at = clock_steady() + ACCEPT_AGAIN;
			return;
		}
	}
}

/* ---- the thread ---- */

static int next_timeout(const struct control *c, int64_t now)
{
	int64_t until = c->accept_at > now ? c->accept_at : INT64_MAX;

	if (c->waiting_count > 0 && c->waiting[0].deadline < until)
		until = c->waiting[0].deadline;
	return until == INT64_MAX ? -1 : until > now ? (int)(until - now) : 0;
}

static void wait_for_work(struct control *c)
{
	struct pollfd fds[2 + WAITING_MAX];
	int64_t now = clock_steady();
	uint64_t count;

	fds[0] = (struct pollfd){.fd = c->wake, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = c->accept_at > now ? -1 : c->listener, .events = POLLIN};
	for (size_t i = 0; i < c->waiting_count; i++)
		fds[2 + i] = (struct pollfd){.fd = c->waiting[i].fd, .events = POLLIN};
	(void)poll(fds, 2 + c->waiting_count, next_timeout(c, now));
	if (fds[0].revents != 0 && read(c->wake, &count, sizeof(count)) < 0)
		return;
}

static bool is_draining(struct control *c)
{
	(void)pthread_mutex_lock(&c->lock);
	bool draining = c->draining;
	(void)pthread_mutex_unlock(&c->lock);
	return draining;
}

static void close_connections(struct control *c)
{
	if (c->listener >= 0)
		(void)close(c->listener);
	c->listener = -1;
	while (c->waiting_count > 0) {
		session_refuse(&c->waiting[0], "hookd stops");
		forget_waiting(c, 0);
	}
}

static void *control_main(void *arg)
{
	struct control *c = arg;

	while (!is_draining(c)) {
		(void)join_ended(c);
		read_requests(c);
		accept_connections(c);
		wait_for_work(c);
	}
	close_connections(c);
	while (join_ended(c) > 0)
		wait_for_work(c);
	signal_descriptor(c->idle);
	return NULL;
}

/* ---- start and stop ---- */

/* Absolute: hookctl may be started in another directory than hookd. */
static char *path_of(const char *directory, const char *store)
{
	char here[PATH_MAX], *path = NULL;
	int len;

	if (directory != NULL)
		len = asprintf(&path, "%s/control", directory);
	else if (store[0] == '/')
		len = asprintf(&path, "%s.control", store);
	else if (getcwd(here, sizeof(here)) != NULL)
		len = asprintf(&path, "%s/%s.control", here, store);
	else
		len = -1;
	return len >= 0 ? path : NULL;
}

static bool listen_at_path(struct control *c)
{
	if (c->path == NULL || !socket_place_open(&c->place, c->path))
		return false;
	c->listener = socket_listen(&c->place);
	return c->listener >= 0;
}

static bool make_descriptors(struct control *c)
{
	c->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	c->idle = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return c->wake >= 0 && c->stop >= 0 && c->idle >= 0;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (fds[i] >= 0)
			(void)close(fds[i]);
}

static void control_free(struct control *c)
{
	const int fds[] = {c->listener, c->wake, c->stop, c->idle};

	close_all(fds, sizeof(fds) / sizeof(fds[0]));
	socket_place_close(&c->place);
	conf_unref(c->conf);
	(void)pthread_mutex_destroy(&c->lock);
	free(c->store_path);
	free(c->path);
	free(c);
}

static struct control *control_new(
	const char *directory, struct conf *conf, struct store *st, const struct control_host *host)
{
	struct control *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->store = st;
	c->store_path = strdup(conf->store.path);
	c->host = host;
	c->conf = conf_ref(conf);
	c->listener = c->wake = c->stop = c->idle = c->place.directory = -1;
	c->path = path_of(directory, conf->store.path);
	for (size_t i = 0; i < ACTS_MAX; i++)
		c->slots[i].control = c;
	(void)pthread_mutex_init(&c->lock, NULL);
	return c;
}

struct control *control_start(
	const char *directory, struct conf *conf, struct store *st, const struct control_host *host)
{
	struct control *c = control_new(directory, conf, st, host);
	char text[128];

	if (c == NULL) {
		log_error("out of memory");
		return NULL;
	}
	if (make_descriptors(c) && c->store_path != NULL &&
		stat(c->store_path, &c->store_file) == 0 && listen_at_path(c) &&
		store_announce(st, c->path) && thread_start(&c->thread, "control", control_main, c))
		return c;
	log_error("no control socket: hookctl cannot change anything",
		log_text("error", strerror_r(errno, text, sizeof(text))),
		log_text("file", c->path));
	control_free(c);
	return NULL;
}

void control_reload(struct control *c, struct conf *conf)
{
	(void)pthread_mutex_lock(&c->lock);
	struct conf *old = c->conf;
	c->conf = conf_ref(conf);
	(void)pthread_mutex_unlock(&c->lock);
	conf_unref(old);
}

int control_drain(struct control *c)
{
	(void)pthread_mutex_lock(&c->lock);
	c->draining = true;
	(void)pthread_mutex_unlock(&c->lock);
	signal_descriptor(c->stop);
	signal_descriptor(c->wake);
	return c->idle;
}

void control_stop(struct control *c)
{
	if (c == NULL)
		return;
	(void)control_drain(c);
	(void)pthread_join(c->thread, NULL);
	(void)unlinkat(c->place.directory, c->place.name, 0);
	control_free(c);
}
