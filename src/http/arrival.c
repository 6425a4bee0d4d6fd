#include "arrival.h"

#include "base/clock.h"
#include "base/log.h"
#include "generation.h"
#include "greeting.h"
#include "loop.h"
#include "proxy_header.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPT_MAX   16   /* in one turn: other loops want some, too */
#define ACCEPT_PAUSE 100  /* ms, after accept has failed */
#define EVENTS_MAX   64   /* in one turn */
#define HEADER_TIME  5000 /* ms for a PROXY protocol header: a balancer sends it at once */
#define LINGER_TIME  1000 /* ms in which a refused client may still read why */
#define LINGER_BYTES ((size_t)2 << 20) /* of such a client, read and discarded */

/* ---- the list of those that wait ---- */

static void enlist(struct arrivals *a, struct connection *c)
{
	c->next_arrival = a->first;
	if (a->first != NULL)
		a->first->previous_arrival = c;
	a->first = c;
	a->waiting++;
}

static void delist(struct arrivals *a, struct connection *c)
{
	if (c->previous_arrival != NULL)
		c->previous_arrival->next_arrival = c->next_arrival;
	else
		a->first = c->next_arrival;
	if (c->next_arrival != NULL)
		c->next_arrival->previous_arrival = c->previous_arrival;
	c->next_arrival = c->previous_arrival = NULL;
	a->waiting--;
}

/* ---- their end ---- */

static void close_arrival(struct loop *loop, struct connection *c)
{
	int fd = c->fd;

	delist(&loop->arrivals, c);
	/* First out of reach of the thread of the deadlines, which may shut down its descriptor. */
	connections_remove(loop->owner->connections, c);
	close(fd);
}

static void discard_arrival(struct loop *loop, struct connection *c)
{
	char bytes[4096];
	ssize_t n = recv(c->fd, bytes, sizeof(bytes), 0);

	while (n > 0 && c->unseen < LINGER_BYTES) {
		c->unseen += (size_t)n;
		n = recv(c->fd, bytes, sizeof(bytes), 0);
	}
	if (n >= 0 || (errno != EAGAIN && errno != EINTR))
		close_arrival(loop, c);
}

/* The client may still be sending: closing at once would reset the connection, and the answer
 * might be lost with it. */
static void refuse_arrival(struct loop *loop, struct connection *c, const char *reason)
{
	connection_log_refused(&c->peer, reason);
	c->arrival = ARRIVAL_REFUSED;
	connection_send_refusal(c, "400 Bad Request");
	connection_enter(loop->owner->connections, c, CONNECTION_IDLE, LINGER_TIME);
	discard_arrival(loop, c);
}

/* ---- to the daemon ---- */

static void hand_over(struct loop *loop, struct connection *c)
{
	static const struct sockaddr any; /* the library need not know it */
	struct connections *all = loop->owner->connections;
	int fd = c->fd;

	if (c->polled)
		(void)epoll_ctl(loop->arrivals.epoll, EPOLL_CTL_DEL, fd, NULL);
	delist(&loop->arrivals, c);
	loop->arrivals.handed = c;
	/* If the daemon cannot take it, it closes the descriptor, whose number may soon be
	 * another's. */
	connection_set_fd(all, c, -1);
	if (MHD_add_connection(loop->daemon, fd, &any, sizeof(any)) != MHD_YES &&
		loop->arrivals.handed == c)
		connections_remove(all, c);
	loop->arrivals.handed = NULL;
}

struct connection *arrivals_handed(struct loop *loop, int fd)
{
	struct connection *c = loop->arrivals.handed;

	loop->arrivals.handed = NULL;
	if (c != NULL)
		connection_set_fd(loop->owner->connections, c, fd);
	return c;
}

/* ---- their first bytes ---- */

static void take_header(struct loop *loop, struct connection *c, const struct proxy_header *header)
{
	struct connections *all = loop->owner->connections;
	unsigned char bytes[PROXY_HEADER_MAX];

	(void)recv(c->fd, bytes, header->len, 0); /* they are there */
	if (header->has_client)
		connections_set_peer(all, c, &header->client);
	c->arrival = ARRIVAL_GREETING;
	c->had_header = true;
	connection_enter(all, c, CONNECTION_IDLE, c->settings->limits.request_time);
}

static const char *missing_header(const unsigned char *bytes, size_t len, bool tls)
{
	switch (greeting_read(bytes, len)) {
	case GREETING_HTTP:
	case GREETING_HTTP2:
		return "no PROXY protocol header, but an HTTP request";
	case GREETING_TLS:
		return tls ? "no PROXY protocol header, but a TLS hello"
			   : "no PROXY protocol header, but a TLS hello on a plain port";
	case GREETING_MORE:
	default:
		return "no PROXY protocol header, but something else";
	}
}

/* True: the header is read, and what follows may be there. */
static bool read_header(
	struct loop *loop, struct connection *c, const unsigned char *bytes, size_t len, bool ended)
{
	struct proxy_header header;

	switch (proxy_header_read(bytes, len, &header)) {
	case PROXY_WHOLE:
		take_header(loop, c, &header);
		return true;
	case PROXY_BAD:
		refuse_arrival(loop, c, header.fault);
		return false;
	case PROXY_NONE:
		refuse_arrival(loop, c, missing_header(bytes, len, c->tls));
		return false;
	default:
		if (ended)
			refuse_arrival(loop, c, "an unfinished PROXY protocol header");
		return false;
	}
}

static void read_greeting(
	struct loop *loop, struct connection *c, const unsigned char *bytes, size_t len, bool ended)
{
	enum greeting g = greeting_read(bytes, len);
	const char *fault = g != GREETING_MORE ? greeting_fault(g, c->tls, c->had_header) : NULL;

	if (fault != NULL)
		refuse_arrival(loop, c, fault);
	else if (g != GREETING_MORE)
		hand_over(loop, c);
	else if (ended)
		close_arrival(loop, c);
}

/* `ended`: the client sends no more, or our deadline has shut the connection down. */
static void read_arrival(struct loop *loop, struct connection *c, bool ended)
{
	unsigned char bytes[PROXY_HEADER_MAX];
	ssize_t n;

	do {
		if (c->arrival == ARRIVAL_REFUSED) {
			discard_arrival(loop, c);
			return;
		}
		n = recv(c->fd, bytes, c->arrival == ARRIVAL_HEADER ? sizeof(bytes) : GREETING_MAX,
			MSG_PEEK);
		if (n <= 0) {
			if (n == 0 || (errno != EAGAIN && errno != EINTR))
				close_arrival(loop, c); /* it left without a word */
			return;
		}
		if (c->arrival == ARRIVAL_GREETING) {
			read_greeting(loop, c, bytes, (size_t)n, ended);
			return;
		}
	} while (read_header(loop, c, bytes, (size_t)n, ended));
}

/* ---- accept ---- */

static bool has_room(const struct loop *loop)
{
	unsigned open = MHD_get_daemon_info(loop->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
				->num_connections;

	return open + loop->arrivals.waiting < loop->arrivals.limit;
}

static bool may_name_clients(const struct connection *c)
{
	return c->peer.family == AF_UNIX ||
	       net_within(&c->peer, c->settings->trusted_proxies, c->settings->trusted_proxy_count);
}

/* Edges, since the bytes stay where they are until they are enough. */
static bool poll_arrival(struct loop *loop, struct connection *c)
{
	struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.ptr = c};

	c->polled = epoll_ctl(loop->arrivals.epoll, EPOLL_CTL_ADD, c->fd, &event) == 0;
	return c->polled;
}

static void add_arrival(struct loop *loop, int fd, const struct sockaddr *peer)
{
	struct connections *all = loop->owner->connections;
	struct http_server *s = loop->generation->server;
	struct connection *c = connections_add(
		all, loop, loop->generation, fd, loop->tls, peer, settings_current(&s->settings));

	if (c == NULL) {
		close(fd);
		return;
	}
	enlist(&loop->arrivals, c);
	if (!poll_arrival(loop, c)) {
		close_arrival(loop, c);
		return;
	}
	c->arrival = loop->arrivals.proxied ? ARRIVAL_HEADER : ARRIVAL_GREETING;
	if (!loop->arrivals.proxied)
		return;
	if (may_name_clients(c))
		connection_enter(all, c, CONNECTION_IDLE,
			c->settings->limits.request_time < HEADER_TIME
				? c->settings->limits.request_time
				: HEADER_TIME);
	else
		refuse_arrival(loop, c, "not in trusted_proxies, as proxy_protocol requires");
}

/* Nobody waits any more, or the client has left already: not worth a pause. */
static bool is_passing(int error)
{
	return error == EAGAIN || error == ECONNABORTED || error == EINTR;
}

static void accept_failed(struct loop *loop, int error)
{
	static struct log_limit quiet;
	unsigned suppressed;

	if (is_passing(error))
		return;
	loop->arrivals.retry_at = clock_steady() + ACCEPT_PAUSE;
	if (log_allowed(&quiet, &suppressed))
		log_warn("cannot accept a connection", log_text("error", strerror(error)),
			log_int("suppressed", suppressed));
}

static void accept_some(struct loop *loop)
{
	for (unsigned i = 0; i < ACCEPT_MAX && has_room(loop); i++) {
		union {
			struct sockaddr any;
			struct sockaddr_storage storage;
		} peer = {.storage = {0}};
		socklen_t len = sizeof(peer);
		int fd = accept4(loop->socket, &peer.any, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (fd == -1) {
			accept_failed(loop, errno);
			return;
		}
		add_arrival(loop, fd, &peer.any);
	}
}

static void listen_or_not(struct loop *loop, bool listening)
{
	struct epoll_event event = {.events = EPOLLIN}; /* no connection: the socket */

	if (listening == loop->arrivals.listening)
		return;
	if (epoll_ctl(loop->arrivals.epoll, listening ? EPOLL_CTL_ADD : EPOLL_CTL_DEL, loop->socket,
		    &event) == 0)
		loop->arrivals.listening = listening;
	else
		loop->arrivals.retry_at = clock_steady() + ACCEPT_PAUSE;
}

/* ---- for the loop ---- */

bool arrivals_open(struct loop *loop)
{
	loop->arrivals.epoll = epoll_create1(EPOLL_CLOEXEC);
	return loop->arrivals.epoll != -1;
}

int arrivals_prepare(struct loop *loop)
{
	struct arrivals *a = &loop->arrivals;
	int64_t pause = a->retry_at > 0 ? a->retry_at - clock_steady() : 0;

	if (loop->quiesced)
		return -1;
	listen_or_not(loop, pause <= 0 && has_room(loop));
	if (pause > 0)
		return (int)pause;
	a->retry_at = 0;
	return -1;
}

void arrivals_take(struct loop *loop)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(loop->arrivals.epoll, events, EVENTS_MAX, 0);
	bool clients = false;

	for (int i = 0; i < n; i++) {
		if (events[i].data.ptr == NULL)
			clients = true;
		else
			read_arrival(loop, events[i].data.ptr,
				(events[i].events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0);
	}
	if (clients && !loop->quiesced)
		accept_some(loop);
}

void arrivals_quiesce(struct loop *loop)
{
	listen_or_not(loop, false);
}

void arrivals_close(struct loop *loop)
{
	while (loop->arrivals.first != NULL)
		close_arrival(loop, loop->arrivals.first);
	if (loop->arrivals.epoll != -1)
		close(loop->arrivals.epoll);
}
