/* connection.h - one kept-alive HTTP connection with at most one request under
 * way. Its socket does not block; the owner of the epoll descriptor passes events on. One
 * thread. */
#ifndef BENCH_CONNECTION_H
#define BENCH_CONNECTION_H

#include "base/attributes.h"
#include "request.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define ANSWER_MAX 4096

enum connection_state {
	CONNECTION_CLOSED,
	CONNECTION_IDLE,
	CONNECTION_SENDING, /* the socket took only a part yet */
	CONNECTION_WAITING, /* for the answer */
};

struct connection {
	int fd;
	int epoll;
	enum connection_state state;
	uint64_t due; /* ns: when its request was, or should have been, sent */
	size_t sent;
	size_t size; /* of the request */
	size_t got;
	char request[REQUEST_MAX];
	char answer[ANSWER_MAX];
};

/* Connects and enters the epoll, with a pointer to the connection. False with errno. */
bool connection_open(
	struct connection *c, int epoll, const struct sockaddr_in *address) WARN_UNUSED;
void connection_close(struct connection *c);

/* Sends c->request, as much as the socket takes; also to go on with it. False: broken. */
bool connection_send(struct connection *c) WARN_UNUSED;

enum answer {
	ANSWER_PART,  /* there is more to come */
	ANSWER_WHOLE, /* *status is its status; the connection is idle, or closed */
	ANSWER_BROKEN,
};

/* Reads what has come. */
enum answer connection_receive(struct connection *c, int *status);

#endif
