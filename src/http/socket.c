#include "http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_MODE 0660 /* a proxy in hookd's group may connect */

static bool fail(const char *what, const char *where)
{
	int saved = errno;

	log_error("cannot listen", log_text("at", where), log_text("step", what),
		log_text("error", strerror(saved)));
	return false;
}

/* Read and written by different names: a union, as aliasing rules want it. */
union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static socklen_t tcp_address(const struct conf_listen *at, union address *out)
{
	if (at->address.family == AF_INET) {
		out->in.sin_family = AF_INET;
		out->in.sin_port = htons(at->port);
		memcpy(&out->in.sin_addr, at->address.bytes, 4);
		return sizeof(out->in);
	}
	out->in6.sin6_family = AF_INET6;
	out->in6.sin6_port = htons(at->port);
	memcpy(&out->in6.sin6_addr, at->address.bytes, 16);
	return sizeof(out->in6);
}

static void close_keeping_errno(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

static int open_tcp(const struct conf_listen *at)
{
	union address address = {0};
	socklen_t len = tcp_address(at, &address);
	int one = 1, zero = 0;
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* [::] takes IPv4 as well, whatever the system's default. */
	if (at->address.family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, &address.any, len) != 0 || listen(fd, SOMAXCONN) != 0) {
		close_keeping_errno(fd);
		return -1;
	}
	return fd;
}

/* A socket file that nobody answers at is left over from a crash. */
static void remove_stale(const union address *address)
{
	struct stat st;
	int fd;

	if (lstat(address->un.sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return;
	if (connect(fd, &address->any, sizeof(address->un)) != 0 && errno == ECONNREFUSED)
		unlink(address->un.sun_path);
	close(fd);
}

static int open_unix(const char *path)
{
	union address address = {.un = {.sun_family = AF_UNIX}};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	snprintf(address.un.sun_path, sizeof(address.un.sun_path), "%s", path);
	remove_stale(&address);
	if (bind(fd, &address.any, sizeof(address.un)) != 0 || chmod(path, UNIX_MODE) != 0 ||
		listen(fd, SOMAXCONN) != 0) {
		close_keeping_errno(fd);
		return -1;
	}
	return fd;
}

static void log_listening(int fd, bool tls)
{
	union address sa = {0};
	socklen_t len = sizeof(sa);
	char host[INET6_ADDRSTRLEN] = "", text[160];

	if (getsockname(fd, &sa.any, &len) != 0)
		return;
	if (sa.any.sa_family == AF_INET) {
		inet_ntop(AF_INET, &sa.in.sin_addr, host, sizeof(host));
		snprintf(text, sizeof(text), "%s:%u", host, ntohs(sa.in.sin_port));
	} else if (sa.any.sa_family == AF_INET6) {
		inet_ntop(AF_INET6, &sa.in6.sin6_addr, host, sizeof(host));
		snprintf(text, sizeof(text), "[%s]:%u", host, ntohs(sa.in6.sin6_port));
	} else {
		snprintf(text, sizeof(text), "unix:%.*s", (int)sizeof(sa.un.sun_path),
			sa.un.sun_path);
	}
	log_info("listening", log_text("address", text), log_text("tls", tls ? "yes" : "no"));
}

static bool is_unix(int fd)
{
	int domain = 0;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_UNIX;
}

static bool take_passed_sockets(struct listener *l, const int *sockets, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int flags = fcntl(sockets[i], F_GETFL);

		l->sockets[l->socket_count++] = sockets[i];
		if (flags == -1 || fcntl(sockets[i], F_SETFL, flags | O_NONBLOCK) != 0)
			return fail("the socket that systemd passed", "LISTEN_FDS");
	}
	return true;
}

bool sockets_open(struct listener *l, const int *sockets, size_t count)
{
	size_t n = count > 0 ? count : l->conf->listen_count;

	l->passed = count > 0;
	l->sockets = calloc(n, sizeof(*l->sockets));
	l->unix_sockets = calloc(n, sizeof(*l->unix_sockets));
	l->unlink_paths = calloc(n, sizeof(*l->unlink_paths));
	if (l->sockets == NULL || l->unix_sockets == NULL || l->unlink_paths == NULL)
		return fail("memory", "start");
	if (count > 0 && !take_passed_sockets(l, sockets, count))
		return false;
	for (size_t i = 0; count == 0 && i < n; i++) {
		const struct conf_listen *at = &l->conf->listen[i];
		int fd = at->unix_path != NULL ? open_unix(at->unix_path) : open_tcp(at);

		if (fd == -1)
			return fail("bind", at->text);
		l->sockets[l->socket_count++] = fd;
		if (at->unix_path != NULL)
			l->unlink_paths[l->unlink_count++] = strdup(at->unix_path);
	}
	for (size_t i = 0; i < l->socket_count; i++)
		l->unix_sockets[i] = is_unix(l->sockets[i]);
	return true;
}

void sockets_log(const struct listener *l)
{
	for (size_t i = 0; i < l->socket_count; i++)
		log_listening(
			l->sockets[i], l->conf->tls.certificate != NULL && !l->unix_sockets[i]);
}

void sockets_refuse(struct listener *l)
{
	/* Not close: libmicrohttpd's threads may be looking at them still. And not what
	 * systemd passed: it holds the same sockets, and new clients wait there for
	 * the next hookd. */
	for (size_t i = 0; !l->passed && i < l->socket_count; i++)
		shutdown(l->sockets[i], SHUT_RDWR);
}

void sockets_close(struct listener *l)
{
	for (size_t i = 0; i < l->socket_count; i++)
		close(l->sockets[i]);
	for (size_t i = 0; i < l->unlink_count; i++) {
		if (l->unlink_paths[i] != NULL)
			unlink(l->unlink_paths[i]);
		free(l->unlink_paths[i]);
	}
	free(l->sockets);
	free(l->unix_sockets);
	free(l->unlink_paths);
}
