/* control/fixture.h - a store, a config and a control socket in a directory of their own, and
 * clients of it. */
#ifndef HOOKD_CONTROL_FIXTURE_H
#define HOOKD_CONTROL_FIXTURE_H

#include "base/buf.h"
#include "base/clock.h"
#include "control/act.h"
#include "control/server.h"
#include "store/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE 20000 /* ms that an answer may take */

struct fixture {
	char dir[64];
	char path[96];    /* of the store */
	char socket[108]; /* beside it */
	struct store *st;
	struct conf *conf;
	struct control *control;
	struct control_host host;
	unsigned reloads;
};

static inline struct conf *fx_conf(struct fixture *fx, const char *more)
{
	struct buf text = {0}, errors = {0};
	char name[128];

	(void)snprintf(name, sizeof(name), "%s/hookd.yaml", fx->dir);
	buf_printf(&text,
		"listen: 127.0.0.1:8080\n"
		"store: {path: %s}\n"
		"limits: {body: 4KiB, backlog: 100000}\n"
		"sources: [{name: fedapay, path: /in, scheme: fedapay,"
		" secrets: [{env: CONTROL_SECRET}]}]\n"
		"hooks:\n"
		"- {name: alpha, source: fedapay, on: 'transaction.*', email: {to: a@example.com,"
		" subject: s, body: b}}\n%s"
		"email: {sendmail: /bin/true, from: shop@example.com}\n",
		fx->path, more);
	assert_int_equal(setenv("CONTROL_SECRET", "wh_sandbox_control", 1), 0);
	struct conf *conf = conf_parse(name, text.data, text.len, &errors);
	if (conf == NULL)
		fail_msg("%s", errors.data);
	buf_free(&errors);
	buf_free(&text);
	if (fx->st != NULL)
		assert_true(act_name_config(fx->st, conf));
	return conf;
}

static inline bool fx_reload(void *arg, struct buf *lines)
{
	struct fixture *fx = arg;

	buf_add_text(lines, "hookd.yaml:1:1: first\nhookd.yaml:2:1: second\n");
	return ++fx->reloads > 1;
}

static inline void fx_status(void *arg, json_t *done)
{
	(void)arg;
	(void)json_object_set_new(done, "pid", json_integer(getpid()));
}

static inline void fx_start(struct fixture *fx)
{
	struct store_options options = {.path = fx->path, .migrate = true, .backlog = 100000};

	fx->st = store_open(&options);
	assert_non_null(fx->st);
	fx->conf = fx_conf(fx, "");
	fx->host = (struct control_host){fx_reload, fx_status, NULL, fx};
	fx->control = control_start(NULL, fx->conf, fx->st, &fx->host);
	assert_non_null(fx->control);
}

static inline int fx_make(void **state)
{
	struct fixture *fx = calloc(1, sizeof(*fx));

	assert_non_null(fx);
	assert_true(sodium_init() >= 0);
	(void)snprintf(fx->dir, sizeof(fx->dir), "/tmp/hookd-control-XXXXXX");
	assert_non_null(mkdtemp(fx->dir));
	(void)snprintf(fx->path, sizeof(fx->path), "%s/hookd.db", fx->dir);
	(void)snprintf(fx->socket, sizeof(fx->socket), "%s.control", fx->path);
	fx_start(fx);
	*state = fx;
	return 0;
}

static inline int fx_remove(void **state)
{
	struct fixture *fx = *state;

	control_stop(fx->control);
	store_close(fx->st);
	conf_unref(fx->conf);
	DIR *dir = opendir(fx->dir);
	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), e->d_name, 0);
	(void)closedir(dir);
	(void)rmdir(fx->dir);
	free(fx);
	return 0;
}

/* ---- a client ---- */

static inline int fx_connect(const struct fixture *fx)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memcpy(address.sun_path, fx->socket, sizeof(fx->socket));
	assert_true(fd >= 0);
	assert_int_equal(connect(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* The server may have closed it already. */
static inline void fx_send(int fd, const char *text)
{
	(void)send(fd, text, strlen(text), MSG_NOSIGNAL);
}

/* With one descriptor, so many times. False: errno is set. */
static inline bool fx_send_descriptors(int fd, const char *text, int descriptor, int count)
{
	union {
		char bytes[CMSG_SPACE(16 * sizeof(int))];
		struct cmsghdr align;
	} room = {0};
	struct iovec part = {(void *)(uintptr_t)text, strlen(text)};
	struct msghdr message = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = room.bytes,
		.msg_controllen = CMSG_SPACE((size_t)count * sizeof(int))};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	*header = (struct cmsghdr){.cmsg_len = CMSG_LEN((size_t)count * sizeof(int)),
		.cmsg_level = SOL_SOCKET,
		.cmsg_type = SCM_RIGHTS};
	for (int i = 0; i < count; i++)
		memcpy(CMSG_DATA(header) + (size_t)i * sizeof(int), &descriptor, sizeof(int));
	return sendmsg(fd, &message, MSG_NOSIGNAL) == (ssize_t)strlen(text);
}

/* Reads until `end` is the end of what has come, or the connection's. Returns new. */
static inline char *fx_read_until(int fd, const char *end)
{
	int64_t deadline = clock_steady() + PATIENCE;
	struct buf all = {0};
	char chunk[4096];
	ssize_t n;

	do {
		struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
		assert_true(clock_steady() < deadline);
		(void)poll(&poll_fd, 1, 1000);
		n = recv(fd, chunk, sizeof(chunk), MSG_DONTWAIT);
		if (n > 0)
			buf_add(&all, chunk, (size_t)n);
		if (n < 0 && errno == EAGAIN)
			n = 1;
	} while (n > 0 && !(end != NULL && all.len >= strlen(end) &&
				  memcmp(all.data + all.len - strlen(end), end, strlen(end)) == 0));
	buf_add_char(&all, '\0');
	return buf_take(&all);
}

/* The whole answer to a request, "\n" is added. Returns new. */
static inline char *fx_ask(const struct fixture *fx, const char *request)
{
	int fd = fx_connect(fx);

	fx_send(fd, request);
	fx_send(fd, "\n");
	char *answer = fx_read_until(fd, NULL);
	close(fd);
	return answer;
}

static inline void fx_assert_answer(
	const struct fixture *fx, const char *request, const char *expected)
{
	char *answer = fx_ask(fx, request);

	assert_string_equal(answer, expected);
	free(answer);
}

static inline void fx_assert_part(const struct fixture *fx, const char *request, const char *part)
{
	char *answer = fx_ask(fx, request);

	if (strstr(answer, part) == NULL)
		fail_msg("%.300s\n is answered %s\n not %s", request, answer, part);
	free(answer);
}

/* Imports `count` transactions with the ids from `first` on; their deliveries are SKIPPED. */
static inline void fx_import(const struct fixture *fx, int first, int count)
{
	int fd = fx_connect(fx);
	char line[128];

	fx_send(fd, "{\"hookd\":1,\"act\":\"import\"}\n");
	for (int i = first; i < first + count; i++) {
		(void)snprintf(line, sizeof(line),
			"{\"id\":%d,\"name\":\"transaction.approved\",\"entity\":{\"id\":%d}}\n", i,
			i);
		fx_send(fd, line);
	}
	(void)shutdown(fd, SHUT_WR);
	char *answer = fx_read_until(fd, NULL);
	close(fd);
	(void)snprintf(line, sizeof(line), "{\"done\":{\"imported\":%d,", count);
	if (strstr(answer, line) == NULL)
		fail_msg("%s", answer);
	free(answer);
}

static inline size_t fx_open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	size_t n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	(void)closedir(dir);
	return n;
}

#endif
