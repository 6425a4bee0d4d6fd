#include "connection.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "generation.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SWEEP_STEP 50   /* ms: the least time between two sweeps */
#define MANY       100  /* after so many connections at once, memory is released … */
#define TRIM_DELAY 1000 /* … this many ms after the last one */
/* ms in which an idle connection may still begin a request when all must end. A request that is
 * just being sent would otherwise be read and stored but not answered: libmicrohttpd drops a
 * connection that is shut down in one direction. */
#define QUIET 500
/* 1/SPARE of the connections is kept free: libmicrohttpd accepts only while its loop has a
 * free place, and only an accepted connection can take the place of another. */
#define SPARE    16
#define SCAN_MAX 1000 /* connections examined to find one to close */

bool connections_enter_client(
	struct connections *all, const struct net_address *client, unsigned limit)
{
	struct address_count *entry;
	bool within;

	pthread_mutex_lock(&all->lock);
	entry = address_count_up(&all->addresses, client);
	within = entry != NULL && entry->count <= limit;
	if (entry != NULL && !within)
		address_count_down(&all->addresses, client);
	pthread_mutex_unlock(&all->lock);
	return within;
}

void connections_leave_client(struct connections *all, const struct net_address *client)
{
	pthread_mutex_lock(&all->lock);
	address_count_down(&all->addresses, client);
	pthread_mutex_unlock(&all->lock);
}

static void log_over_limit(const struct net_address *peer, const char *limit, unsigned value)
{
	static struct log_limit quiet;
	char address[NET_TEXT];
	unsigned suppressed;

	if (!log_allowed(&quiet, &suppressed))
		return;
	net_format(peer, address);
	log_warn("connection closed: too many", log_text("limit", limit), log_int("value", value),
		log_text("remote", address), log_int("suppressed", suppressed));
}

void connection_log_refused(const struct net_address *peer, const char *reason)
{
	static struct log_limit quiet;
	char address[NET_TEXT];
	unsigned suppressed;

	if (!log_allowed(&quiet, &suppressed))
		return;
	if (peer != NULL)
		net_format(peer, address);
	log_warn("connection refused", log_text("reason", reason),
		log_text("remote", peer != NULL ? address : NULL),
		suppressed > 0 ? log_int("suppressed", suppressed) : log_text("suppressed", NULL));
}

static bool is_evictable(const struct connection *c)
{
	return c->counted != NULL && !c->evicted && c->fd != -1 && !atomic_load(&c->proven) &&
	       atomic_load(&c->phase) <= CONNECTION_READING;
}

/* Keeps silent clients from shutting out others, unless they come from as many addresses
 * as there are places. Among the connections without an authentic request, it closes the
 * oldest one of the address that has the most. Connections of proxies stay: each carries
 * many clients. Locked. */
static void evict_one(struct connections *all, unsigned limit)
{
	struct connection *victim = NULL;
	unsigned seen = 0;

	for (struct connection *c = all->last; c != NULL && seen < SCAN_MAX; c = c->previous) {
		if (!is_evictable(c))
			continue;
		seen++;
		if (victim == NULL || c->counted->count > victim->counted->count)
			victim = c;
	}
	if (victim == NULL)
		return;
	victim->evicted = true;
	shutdown(victim->fd, SHUT_RDWR);
	log_over_limit(&victim->peer, "connections", limit);
}

static struct connection *connection_new(
	struct loop *loop, struct generation *generation, int fd, bool tls)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->generation = generation;
	c->fd = fd;
	c->tls = tls;
	atomic_init(&c->phase, CONNECTION_IDLE);
	atomic_init(&c->deadline, INT64_MAX);
	return c;
}

/* Locked. */
static void link_newest(struct connections *all, struct connection *c)
{
	c->next = all->first;
	if (all->first != NULL)
		all->first->previous = c;
	else
		all->last = c;
	all->first = c;
	all->count++;
	if (all->count > all->peak)
		all->peak = all->count;
}

/* Locked. */
static void unlink_connection(struct connections *all, struct connection *c)
{
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		all->first = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	else
		all->last = c->previous;
	all->count--;
}

/* A proxy carries many clients; its requests are counted one by one. Locked. False: beyond the
 * limit. */
static bool count_peer(struct connections *all, struct connection *c)
{
	const struct settings *settings = c->settings;

	if (c->peer.family == AF_UNIX ||
		net_within(&c->peer, settings->trusted_proxies, settings->trusted_proxy_count))
		return true;
	c->counted = address_count_up(&all->addresses, &c->peer);
	return c->counted != NULL && c->counted->count <= settings->limits.per_ip;
}

/* Locked. */
static void uncount_peer(struct connections *all, struct connection *c)
{
	if (c->counted != NULL)
		address_count_down(&all->addresses, &c->peer);
	c->counted = NULL;
}

struct connection *connections_add(struct connections *all, struct loop *loop,
	struct generation *generation, int fd, bool tls, const struct sockaddr *peer,
	struct settings *settings)
{
	const struct http_limits *limits = &settings->limits;
	struct connection *c = connection_new(loop, generation, fd, tls);
	bool over_all, over_address;

	if (c == NULL) {
		settings_unref(settings);
		return NULL;
	}
	c->settings = settings;
	net_from_sockaddr(peer, &c->peer);
	atomic_fetch_add(&generation->open, 1);

	pthread_mutex_lock(&all->lock);
	if (all->count >= limits->connections - limits->connections / SPARE)
		evict_one(all, limits->connections);
	link_newest(all, c);
	over_all = all->count > limits->connections;
	over_address = !count_peer(all, c);
	pthread_mutex_unlock(&all->lock);

	if (over_all || over_address)
		shutdown(fd, SHUT_RDWR);
	if (over_all)
		log_over_limit(&c->peer, "connections", limits->connections);
	else if (over_address)
		log_over_limit(&c->peer, "per_ip", limits->per_ip);
	connection_enter(all, c, CONNECTION_IDLE, limits->request_time);
	return c;
}

void connection_set_fd(struct connections *all, struct connection *c, int fd)
{
	pthread_mutex_lock(&all->lock);
	c->fd = fd;
	pthread_mutex_unlock(&all->lock);
}

void connections_set_peer(
	struct connections *all, struct connection *c, const struct net_address *peer)
{
	bool within;

	pthread_mutex_lock(&all->lock);
	uncount_peer(all, c);
	c->peer = *peer;
	within = count_peer(all, c);
	pthread_mutex_unlock(&all->lock);
	if (within)
		return;
	shutdown(c->fd, SHUT_RDWR);
	log_over_limit(&c->peer, "per_ip", c->settings->limits.per_ip);
}

static void wake_thread(struct connections *all)
{
	atomic_store(&all->next_sweep, 0);
	pthread_cond_signal(&all->changed);
}

/* After the last connection has ended: libmicrohttpd frees its memory shortly afterwards.
 * Locked. */
static void plan_trim(struct connections *all)
{
	if (all->peak >= MANY) {
		all->trim_at = clock_steady() + TRIM_DELAY;
		if (all->trim_at < all->next_sweep) {
			atomic_store(&all->next_sweep, all->trim_at);
			pthread_cond_signal(&all->changed);
		}
	}
	all->peak = 0;
}

void connections_remove(struct connections *all, struct connection *c)
{
	struct generation *generation = c->generation;

	pthread_mutex_lock(&all->lock);
	unlink_connection(all, c);
	uncount_peer(all, c);
	if (atomic_fetch_sub(&generation->open, 1) == 1 && atomic_load(&generation->closing))
		wake_thread(all);
	if (all->count == 0)
		plan_trim(all);
	pthread_mutex_unlock(&all->lock);
	settings_unref(c->settings);
	free(c);
}

void connection_enter(
	struct connections *all, struct connection *c, enum connection_phase phase, int64_t limit)
{
	int64_t deadline = limit == INT64_MAX ? INT64_MAX : clock_steady() + limit;

	atomic_store(&c->phase, (int)phase);
	atomic_store(&c->deadline, deadline);
	/* next_sweep is read without the lock: most deadlines move later, and the thread need not
	 * know of those. It must only not sleep past one that moves earlier. */
	if (deadline < atomic_load(&all->next_sweep)) {
		pthread_mutex_lock(&all->lock);
		if (deadline < all->next_sweep) {
			atomic_store(&all->next_sweep, deadline);
			pthread_cond_signal(&all->changed);
		}
		pthread_mutex_unlock(&all->lock);
	}
}

void connection_send_refusal(const struct connection *c, const char *status)
{
	char answer[160];
	int n = snprintf(answer, sizeof(answer),
		"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);

	if (send(c->fd, answer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("client gone before its refusal", log_text("status", status));
	shutdown(c->fd, SHUT_WR);
}

bool connection_refuse(const struct connection *c, const char *status)
{
	if (!c->tls)
		connection_send_refusal(c, status);
	return !c->tls;
}

void connections_close_idle(struct connections *all, const struct generation *generation)
{
	int64_t due = clock_steady() + QUIET;

	pthread_mutex_lock(&all->lock);
	for (struct connection *c = all->first; c != NULL; c = c->next)
		if ((generation == NULL ||
			    (c->generation == generation && atomic_load(&c->served))) &&
			atomic_load(&c->phase) == CONNECTION_IDLE)
			atomic_store(&c->deadline, due);
	wake_thread(all);
	pthread_mutex_unlock(&all->lock);
}

unsigned connections_count(struct connections *all)
{
	unsigned count;

	pthread_mutex_lock(&all->lock);
	count = all->count;
	pthread_mutex_unlock(&all->lock);
	return count;
}

/* send and shutdown do not block; the lock keeps the loop from closing the descriptor
 * meanwhile. */
static void end_connection(const struct connection *c)
{
	int phase = atomic_load(&c->phase);
	bool idle = phase == CONNECTION_IDLE && atomic_load(&c->served);

	/* On a kept-alive connection the client would take an unrequested 408 for the answer
	 * to a request that it is just sending. */
	if ((phase == CONNECTION_READING || phase == CONNECTION_IDLE) && !idle)
		(void)connection_refuse(c, "408 Request Timeout");
	shutdown(c->fd, idle ? SHUT_RD : SHUT_RDWR);
}

/* Ends the connections that are due; returns when the next sweep is. Locked. */
static int64_t sweep(struct connections *all)
{
	int64_t now = clock_steady(), next = INT64_MAX;

	for (struct connection *c = all->first; c != NULL; c = c->next) {
		int64_t deadline = atomic_load(&c->deadline);

		if (deadline <= now && c->fd == -1) {
			next = now;
		} else if (deadline <= now) {
			end_connection(c);
			atomic_store(&c->deadline, INT64_MAX);
		} else if (deadline < next) {
			next = deadline;
		}
	}
	return next == INT64_MAX ? next : (next > now + SWEEP_STEP ? next : now + SWEEP_STEP);
}

/* Each thread's heap keeps what its busiest time needed. Without this, memory adds up when
 * the next burst is spread over the threads in another way. */
static void release_memory(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

/* One sweep; plans the next. Locked; unlocks meanwhile. */
static void sweep_and_report(struct connections *all)
{
	/* Set before the sweep, so that a deadline that moves earlier meanwhile is seen. */
	atomic_store(&all->next_sweep, INT64_MAX);
	int64_t next = sweep(all);
	bool trim = all->trim_at <= clock_steady();

	if (trim)
		all->trim_at = INT64_MAX;
	else if (all->trim_at < next)
		next = all->trim_at;
	if (next < all->next_sweep)
		atomic_store(&all->next_sweep, next);
	pthread_mutex_unlock(&all->lock);
	if (trim)
		release_memory();
	all->swept(all->arg);
	pthread_mutex_lock(&all->lock);
}

static void *run_deadlines(void *arg)
{
	struct connections *all = arg;

	pthread_mutex_lock(&all->lock);
	while (!all->stop) {
		sweep_and_report(all);
		while (!all->stop && all->next_sweep == INT64_MAX)
			pthread_cond_wait(&all->changed, &all->lock);
		while (!all->stop && thread_wait_until(&all->changed, &all->lock, all->next_sweep))
			;
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

bool connections_start(struct connections *all, void (*swept)(void *), void *arg)
{
	if (!address_table_init(&all->addresses)) {
		log_error("cannot start the HTTP server", log_text("error", "out of memory"));
		return false;
	}
	all->swept = swept;
	all->arg = arg;
	all->trim_at = INT64_MAX;
	pthread_mutex_init(&all->lock, NULL);
	thread_condition_init(&all->changed);
	if (!thread_start(&all->thread, "hookd-deadlines", run_deadlines, all)) {
		pthread_cond_destroy(&all->changed);
		pthread_mutex_destroy(&all->lock);
		address_table_free(&all->addresses);
		return false;
	}
	return true;
}

void connections_stop(struct connections *all)
{
	pthread_mutex_lock(&all->lock);
	all->stop = true;
	pthread_cond_signal(&all->changed);
	pthread_mutex_unlock(&all->lock);
	pthread_join(all->thread, NULL);
}

void connections_free(struct connections *all)
{
	pthread_cond_destroy(&all->changed);
	pthread_mutex_destroy(&all->lock);
	address_table_free(&all->addresses);
}
