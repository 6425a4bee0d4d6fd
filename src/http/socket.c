#include "socket.h"

#include "base/log.h"

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

static bool log_failure(const char *what, const char *where)
{
	int saved = errno;

	log_error("cannot listen", log_text("at", where), log_text("step", what),
		log_text("error", strerror(saved)));
	return false;
}

/* Accessed under several types, which the aliasing rules allow with a union. */
union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_un un;
};

static socklen_t tcp_address(const struct http_listen *at, union address *out)
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

static int open_tcp(const struct http_listen *at)
{
	union address address = {0};
	socklen_t len = tcp_address(at, &address);
	int one = 1, zero = 0;
	int fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd == -1)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* [::] accepts IPv4 too, independent of the system's default. */
	if (at->address.family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof(zero));
	if (bind(fd, &address.any, len) != 0 || listen(fd, SOMAXCONN) != 0) {
		close_keeping_errno(fd);
		return -1;
	}
	return fd;
}

/* A socket file that refuses connections is left over from a crash. */
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
	net_refuse_descriptors(fd);
	if (bind(fd, &address.any, sizeof(address.un)) != 0 || chmod(path, UNIX_MODE) != 0 ||
		listen(fd, SOMAXCONN) != 0) {
		close_keeping_errno(fd);
		return -1;
	}
	return fd;
}

static void log_listening(int fd, bool tls, bool proxied)
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
	log_info("listening", log_text("address", text), log_text("tls", tls ? "yes" : "no"),
		log_text("proxy_protocol", proxied ? "yes" : NULL));
}

static int option_of(int fd, int name)
{
	int value = -1;
	socklen_t len = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) == 0 ? value : -1;
}

/* NULL: it is a socket that we can accept connections from. */
static const char *wrong_with(int fd)
{
	int domain = option_of(fd, SO_DOMAIN);

	if (domain == -1)
		return "is not a socket";
	if (domain != AF_INET && domain != AF_INET6 && domain != AF_UNIX)
		return "is neither TCP nor a Unix socket: expected ListenStream=";
	if (option_of(fd, SO_TYPE) != SOCK_STREAM)
		return "is no stream: expected ListenStream=";
	if (option_of(fd, SO_ACCEPTCONN) != 1)
		return "does not listen: expected Accept=no";
	return NULL;
}

static bool take_passed(struct sockets *s, const int *passed, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *wrong = wrong_with(passed[i]);
		int flags = fcntl(passed[i], F_GETFL);

		s->fds[s->count++] = passed[i];
		if (wrong != NULL) {
			log_error("cannot listen", log_text("at", "LISTEN_FDS"),
				log_int("descriptor", passed[i]), log_text("error", wrong));
			return false;
		}
		if (flags == -1 || fcntl(passed[i], F_SETFL, flags | O_NONBLOCK) != 0)
			return log_failure("the socket that systemd passed", "LISTEN_FDS");
	}
	return true;
}

/* A kernel without IPv6 has the other addresses all the same. */
static int open_address(const struct http_listen *at)
{
	struct http_listen ipv4 = *at;
	int fd = open_tcp(at);

	if (fd != -1 || at->text[0] != '*' || (errno != EAFNOSUPPORT && errno != EADDRNOTAVAIL))
		return fd;
	ipv4.address = (struct net_address){.family = AF_INET};
	return open_tcp(&ipv4);
}

static bool open_all(struct sockets *s, const struct http_listen *listen, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const char *path = listen[i].unix_path;
		int fd = path != NULL ? open_unix(path) : open_address(&listen[i]);

		if (fd == -1)
			return log_failure("bind", listen[i].text);
		s->proxied[s->count] = listen[i].proxy_protocol;
		s->fds[s->count++] = fd;
		if (path != NULL)
			s->unlink_paths[s->unlink_count++] = strdup(path);
	}
	return true;
}

static bool has_address(const union address *sa, const struct http_listen *at)
{
	struct net_address address;
	uint16_t port = sa->any.sa_family == AF_INET ? sa->in.sin_port : sa->in6.sin6_port;

	if (at->unix_path != NULL)
		return sa->any.sa_family == AF_UNIX &&
		       strncmp(at->unix_path, sa->un.sun_path, sizeof(sa->un.sun_path)) == 0;
	net_from_sockaddr(&sa->any, &address);
	return sa->any.sa_family != AF_UNIX && ntohs(port) == at->port &&
	       address.family == at->address.family &&
	       memcmp(address.bytes, at->address.bytes, sizeof(address.bytes)) == 0;
}

/* A passed socket replaces the entry of `listen` that has its address, if there is one. */
static bool is_proxied(int fd, const struct http_options *options)
{
	union address sa = {0};
	socklen_t len = sizeof(sa);

	if (getsockname(fd, &sa.any, &len) != 0)
		return false;
	for (size_t i = 0; i < options->listen_count; i++)
		if (options->listen[i].proxy_protocol && has_address(&sa, &options->listen[i]))
			return true;
	return false;
}

bool sockets_open(struct sockets *s, const struct http_options *options, const int *passed,
	size_t passed_count)
{
	size_t n = passed_count > 0 ? passed_count : options->listen_count;

	s->passed = passed_count > 0;
	s->fds = calloc(n, sizeof(*s->fds));
	s->local = calloc(n, sizeof(*s->local));
	s->proxied = calloc(n, sizeof(*s->proxied));
	s->unlink_paths = calloc(n, sizeof(*s->unlink_paths));
	if (s->fds == NULL || s->local == NULL || s->proxied == NULL || s->unlink_paths == NULL)
		return log_failure("memory", "start");
	if (passed_count > 0 ? !take_passed(s, passed, passed_count)
			     : !open_all(s, options->listen, n))
		return false;
	for (size_t i = 0; i < s->count; i++) {
		s->local[i] = option_of(s->fds[i], SO_DOMAIN) == AF_UNIX;
		if (passed_count > 0)
			s->proxied[i] = is_proxied(s->fds[i], options);
	}
	return true;
}

void sockets_log(const struct sockets *s, bool tls)
{
	for (size_t i = 0; i < s->count; i++)
		log_listening(s->fds[i], tls && !s->local[i], s->proxied[i]);
}

void sockets_refuse(struct sockets *s)
{
	/* shutdown, since libmicrohttpd's threads may still use them. Not those that systemd
	 * passed: it holds the same sockets, and new clients wait there for the next hookd. */
	for (size_t i = 0; !s->passed && i < s->count; i++)
		shutdown(s->fds[i], SHUT_RDWR);
}

void sockets_close(struct sockets *s)
{
	for (size_t i = 0; i < s->count; i++)
		close(s->fds[i]);
	for (size_t i = 0; i < s->unlink_count; i++) {
		if (s->unlink_paths[i] != NULL)
			unlink(s->unlink_paths[i]);
		free(s->unlink_paths[i]);
	}
	free(s->fds);
	free(s->local);
	free(s->proxied);
	free(s->unlink_paths);
}
