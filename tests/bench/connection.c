#include "connection.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static bool watch(struct connection *c, int operation, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data.ptr = c};

	return epoll_ctl(c->epoll, operation, c->fd, &ev) == 0;
}

bool connection_open(struct connection *c, int epoll, const struct sockaddr_in *address)
{
	int one = 1;
	int flags;

	c->epoll = epoll;
	c->got = 0;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (c->fd == -1)
		return false;
	/* connect waits, as all that follows needs it; on one machine that takes no time. */
	if (connect(c->fd, (const struct sockaddr *)address, sizeof(*address)) != 0 ||
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) != 0 ||
		(flags = fcntl(c->fd, F_GETFL)) == -1 ||
		fcntl(c->fd, F_SETFL, flags | O_NONBLOCK) != 0 ||
		!watch(c, EPOLL_CTL_ADD, EPOLLIN)) {
		int saved = errno;
		(void)close(c->fd);
		errno = saved;
		return false;
	}
	c->state = CONNECTION_IDLE;
	return true;
}

void connection_close(struct connection *c)
{
	if (c->state != CONNECTION_CLOSED)
		(void)close(c->fd);
	c->state = CONNECTION_CLOSED;
}

bool connection_send(struct connection *c)
{
	bool going_on = c->state == CONNECTION_SENDING;

	if (!going_on)
		c->sent = 0;
	while (c->sent < c->size) {
		ssize_t n = send(c->fd, c->request + c->sent, c->size - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EAGAIN) {
			c->state = CONNECTION_SENDING;
			return going_on || watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
		}
		if (n < 0)
			return false;
		c->sent += (size_t)n;
	}
	c->state = CONNECTION_WAITING;
	return !going_on || watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

/* The value of a header within the head, which ends with a NUL; NULL: not there. */
static const char *find_header(const char *head, const char *name)
{
	size_t len = strlen(name);

	for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line, "\r\n")) {
		line += 2;
		if (strncasecmp(line, name, len) == 0 && line[len] == ':')
			return line + len + 1 + strspn(line + len + 1, " ");
	}
	return NULL;
}

/* An answer whose length is not given would need a parser for chunks; none of the receivers that we
 * measure sends one. */
static enum answer read_answer(struct connection *c, int *status)
{
	char *end = memmem(c->answer, c->got, "\r\n\r\n", 4);

	if (end == NULL)
		return c->got < ANSWER_MAX ? ANSWER_PART : ANSWER_BROKEN;
	size_t head = (size_t)(end - c->answer) + 4;
	end[2] = '\0'; /* for the C strings; what follows counts, its bytes do not */
	const char *length = find_header(c->answer, "Content-Length");
	const char *kept = find_header(c->answer, "Connection");
	unsigned long body = length != NULL ? strtoul(length, NULL, 10) : ANSWER_MAX;
	end[2] = '\r';
	if (strncmp(c->answer, "HTTP/1.1 ", 9) != 0 || body > ANSWER_MAX - head)
		return ANSWER_BROKEN;
	if (c->got < head + body)
		return ANSWER_PART;
	if (c->got > head + body)
		return ANSWER_BROKEN; /* an answer to nothing */
	*status = (int)strtol(c->answer + 9, NULL, 10);
	c->got = 0;
	c->state = CONNECTION_IDLE;
	if (kept != NULL && strncasecmp(kept, "close", 5) == 0)
		connection_close(c);
	return ANSWER_WHOLE;
}

enum answer connection_receive(struct connection *c, int *status)
{
	ssize_t n = recv(c->fd, c->answer + c->got, ANSWER_MAX - c->got, 0);

	if (n < 0 && errno == EAGAIN)
		return ANSWER_PART;
	if (n <= 0 || c->state == CONNECTION_IDLE)
		return ANSWER_BROKEN;
	c->got += (size_t)n;
	return read_answer(c, status);
}
