#include "http/server.h"

#include "base/clock.h"

#include <malloc.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BUCKETS    1024
#define SWEEP_STEP 50   /* ms: sweeps are at least so far apart */
#define MANY       100  /* connections at once: when they are gone, memory is given back … */
#define TRIM_DELAY 1000 /* … so many ms later */
/* ms that an idle connection is left to begin a request, when all are to end: the request
 * that a client is just sending would be read, and stored, but not answered, since
 * libmicrohttpd drops a connection of which one side is shut. */
#define QUIET 500
/* The part of limits.connections that is kept free: what waits to be accepted is seen
 * only while there is a place in each loop. */
#define SPARE    16
#define SCAN_MAX 1000 /* connections looked at to find one that can go */

/* How many connections or forwarded requests an address has now. */
struct address_count {
	struct address_count *next;
	struct net_address address;
	unsigned count;
};

/* An IPv6 client owns at least a /64, so that is what is counted. */
static struct net_address counted_address(const struct net_address *a)
{
	struct net_address key = {.family = a->family};

	memcpy(key.bytes, a->bytes, a->family == AF_INET ? 4 : 8);
	return key;
}

/* Keyed, so that nobody can choose addresses that share a bucket. */
static struct address_count **bucket_of(struct connections *all, const struct net_address *key)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint32_t index;

	crypto_shorthash(hash, key->bytes, sizeof(key->bytes), all->hash_key);
	memcpy(&index, hash, sizeof(index));
	return &all->addresses[index % BUCKETS];
}

static bool same_address(const struct net_address *a, const struct net_address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Returns the address's entry, NULL when memory is short. Locked. */
static struct address_count *count_up(struct connections *all, const struct net_address *address)
{
	struct net_address key = counted_address(address);
	struct address_count **bucket = bucket_of(all, &key);
	struct address_count *entry;

	for (entry = *bucket; entry != NULL; entry = entry->next) {
		if (same_address(&entry->address, &key)) {
			entry->count++;
			return entry;
		}
	}
	entry = malloc(sizeof(*entry));
	if (entry == NULL)
		return NULL;
	*entry = (struct address_count){.next = *bucket, .address = key, .count = 1};
	*bucket = entry;
	return entry;
}

static void count_down(struct connections *all, const struct net_address *address)
{
	struct net_address key = counted_address(address);
	struct address_count **link = bucket_of(all, &key);

	for (; *link != NULL; link = &(*link)->next) {
		struct address_count *entry = *link;

		if (!same_address(&entry->address, &key))
			continue;
		if (--entry->count == 0) {
			*link = entry->next;
			free(entry);
		}
		return;
	}
}

bool connections_enter_client(
	struct connections *all, const struct net_address *client, unsigned limit)
{
	struct address_count *entry;
	bool within;

	pthread_mutex_lock(&all->lock);
	entry = count_up(all, client);
	within = entry != NULL && entry->count <= limit;
	if (entry != NULL && !within)
		count_down(all, client);
	pthread_mutex_unlock(&all->lock);
	return within;
}

void connections_leave_client(struct connections *all, const struct net_address *client)
{
	pthread_mutex_lock(&all->lock);
	count_down(all, client);
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

static bool is_evictable(const struct connection *c)
{
	return c->counted != NULL && !c->evicted && !atomic_load(&c->proven) &&
	       atomic_load(&c->phase) <= CONNECTION_READING;
}

/* Silent clients cannot shut out others, unless they come from as many addresses as
 * there are places: of the connections on which no authentic request has come, the
 * oldest of the address that has most gives its place to the next. Those of proxies
 * stay: they carry many clients. Locked. */
static void evict(struct connections *all, const struct conf *conf)
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
	log_over_limit(&victim->peer, "connections", conf->limits.connections);
}

struct connection *connections_add(struct connections *all, struct loop *loop, int fd, bool tls,
	const struct sockaddr *peer, const struct conf *conf)
{
	struct connection *c = calloc(1, sizeof(*c));
	bool over_all = false, over_address = false, counted;

	if (c == NULL)
		return NULL;
	c->loop = loop;
	c->generation = loop->generation;
	c->fd = fd;
	c->tls = tls;
	net_from_sockaddr(peer, &c->peer);
	atomic_init(&c->phase, CONNECTION_IDLE);
	atomic_init(&c->deadline, INT64_MAX);
	/* A proxy carries many clients; those are counted by request_handle. */
	counted = c->peer.family != AF_UNIX &&
		  !net_within(&c->peer, conf->trusted_proxies, conf->trusted_proxy_count);
	atomic_fetch_add(&c->generation->open, 1);

	pthread_mutex_lock(&all->lock);
	if (all->count >= conf->limits.connections - conf->limits.connections / SPARE)
		evict(all, conf);
	c->next = all->first;
	if (all->first != NULL)
		all->first->previous = c;
	else
		all->last = c;
	all->first = c;
	all->count++;
	if (all->count > all->peak)
		all->peak = all->count;
	over_all = all->count > conf->limits.connections;
	if (counted) {
		c->counted = count_up(all, &c->peer);
		over_address = c->counted == NULL || c->counted->count > conf->limits.per_ip;
	}
	pthread_mutex_unlock(&all->lock);

	if (over_all || over_address)
		shutdown(fd, SHUT_RDWR);
	if (over_all)
		log_over_limit(&c->peer, "connections", conf->limits.connections);
	else if (over_address)
		log_over_limit(&c->peer, "per_ip", conf->limits.per_ip);
	connection_enter(all, c, CONNECTION_IDLE, conf->limits.request_time);
	return c;
}

static void wake(struct connections *all)
{
	atomic_store(&all->next_sweep, 0);
	pthread_cond_signal(&all->changed);
}

/* The last connection has gone; libmicrohttpd frees its memory in a moment. Locked. */
static void note_end(struct connections *all)
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
	bool last;

	pthread_mutex_lock(&all->lock);
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		all->first = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	else
		all->last = c->previous;
	all->count--;
	if (c->counted != NULL)
		count_down(all, &c->peer);
	last = atomic_fetch_sub(&generation->open, 1) == 1 && atomic_load(&generation->closing);
	if (last)
		wake(all);
	if (all->count == 0)
		note_end(all);
	pthread_mutex_unlock(&all->lock);
	free(c);
}

void connection_enter(
	struct connections *all, struct connection *c, enum connection_phase phase, int64_t limit)
{
	int64_t deadline = limit == INT64_MAX ? INT64_MAX : clock_steady() + limit;

	atomic_store(&c->phase, (int)phase);
	atomic_store(&c->deadline, deadline);
	/* next_sweep is read without the lock: deadlines mostly move later, so the
	 * thread need not hear of each; it only must not sleep past an earlier one. */
	if (deadline < atomic_load(&all->next_sweep)) {
		pthread_mutex_lock(&all->lock);
		if (deadline < all->next_sweep) {
			atomic_store(&all->next_sweep, deadline);
			pthread_cond_signal(&all->changed);
		}
		pthread_mutex_unlock(&all->lock);
	}
}

bool connection_refuse(const struct connection *c, const char *status)
{
	char answer[160];
	int n = snprintf(answer, sizeof(answer),
		"HTTP/1.1 %s\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);

	if (c->tls)
		return false;
	if (send(c->fd, answer, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		log_debug("client gone before its refusal", log_text("status", status));
	shutdown(c->fd, SHUT_WR);
	return true;
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
	wake(all);
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

/* Ends a connection whose deadline has passed. send and shutdown do not block;
 * the lock keeps the worker from closing the descriptor under us. */
static void cut(const struct connection *c)
{
	int phase = atomic_load(&c->phase);
	bool idle = phase == CONNECTION_IDLE && atomic_load(&c->served);

	/* On a connection kept alive an unasked 408 would be taken for the answer to a
	 * request that is just being sent. */
	if ((phase == CONNECTION_READING || phase == CONNECTION_IDLE) && !idle)
		(void)connection_refuse(c, "408 Request Timeout");
	shutdown(c->fd, idle ? SHUT_RD : SHUT_RDWR);
}

/* Cuts what is due; returns when the next one is. Locked. */
static int64_t sweep(struct connections *all)
{
	int64_t now = clock_steady(), next = INT64_MAX;

	for (struct connection *c = all->first; c != NULL; c = c->next) {
		int64_t deadline = atomic_load(&c->deadline);

		if (deadline <= now) {
			cut(c);
			atomic_store(&c->deadline, INT64_MAX);
		} else if (deadline < next) {
			next = deadline;
		}
	}
	return next == INT64_MAX ? next : (next > now + SWEEP_STEP ? next : now + SWEEP_STEP);
}

static void wait_until(struct connections *all, int64_t when)
{
	int64_t ms = when - clock_steady();
	struct timespec ts;

	if (when == INT64_MAX) {
		pthread_cond_wait(&all->changed, &all->lock);
		return;
	}
	if (ms <= 0)
		return;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_sec += ms / 1000;
	ts.tv_nsec += ms % 1000 * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	pthread_cond_timedwait(&all->changed, &all->lock, &ts);
}

/* Each thread's heap keeps what its busiest time needed, and the next rush may meet the
 * threads in another way: without this the memory of both stays. */
static void give_memory_back(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

static void *run(void *arg)
{
	struct connections *all = arg;

	pthread_mutex_lock(&all->lock);
	while (!all->stop) {
		/* Set before the scan: whoever moves a deadline earlier during it is seen. */
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
			give_memory_back();
		all->swept(all->arg);
		pthread_mutex_lock(&all->lock);
		while (!all->stop && all->next_sweep > clock_steady())
			wait_until(all, all->next_sweep);
	}
	pthread_mutex_unlock(&all->lock);
	return NULL;
}

bool connections_start(struct connections *all, void (*swept)(void *), void *arg)
{
	pthread_condattr_t attr;

	crypto_shorthash_keygen(all->hash_key);
	all->addresses = calloc(BUCKETS, sizeof(struct address_count *));
	if (all->addresses == NULL)
		return false;
	all->swept = swept;
	all->arg = arg;
	all->trim_at = INT64_MAX;
	pthread_mutex_init(&all->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&all->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (pthread_create(&all->thread, NULL, run, all) != 0) {
		pthread_cond_destroy(&all->changed);
		pthread_mutex_destroy(&all->lock);
		free(all->addresses);
		return false;
	}
	pthread_setname_np(all->thread, "hookd-deadlines");
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
	for (size_t i = 0; i < BUCKETS; i++) {
		while (all->addresses[i] != NULL) {
			struct address_count *entry = all->addresses[i];

			all->addresses[i] = entry->next;
			free(entry);
		}
	}
	free(all->addresses);
}
