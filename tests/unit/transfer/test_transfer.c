/* A host with several addresses, one of which an event may not choose: what counts is the address
 * that was connected to. Public addresses are played by 127.0.0.1. */
#include "transfer/transfer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#define ANSWERS "9.9.9.9"  /* public, and answers */
#define DOWN    "9.9.9.10" /* public, and refuses the connection */

/* Replaces libc's, here and in libcurl. */
int connect(int fd, __CONST_SOCKADDR_ARG name, socklen_t len)
{
	const struct sockaddr *address = name.__sockaddr__;
	struct sockaddr_in to;

	if (address->sa_family == AF_INET && len == sizeof(to)) {
		memcpy(&to, address, sizeof(to));
		if (to.sin_addr.s_addr == inet_addr(DOWN))
			to.sin_port = htons(1);
		if (to.sin_addr.s_addr == inet_addr(DOWN) ||
			to.sin_addr.s_addr == inet_addr(ANSWERS))
			to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		return (int)syscall(SYS_connect, fd, &to, sizeof(to));
	}
	return (int)syscall(SYS_connect, fd, address, len);
}

/* Answers one request after another with 200 on a port of its own. */
static void *serve(void *arg)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n"
				     "Connection: close\r\n\r\nok";
	char request[4096];
	int fd;

	while ((fd = accept(*(int *)arg, NULL, NULL)) >= 0) {
		ssize_t n = read(fd, request, sizeof(request));
		n = n > 0 ? write(fd, answer, sizeof(answer) - 1) : n;
		(void)n;
		close(fd);
	}
	return NULL;
}

struct fixture {
	int listener;
	unsigned port;
	pthread_t server;
	struct transfers *transfers;
};

static int start(void **state)
{
	static struct fixture fx;
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	fx.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fx.listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fx.listener, 8), 0);
	assert_int_equal(getsockname(fx.listener, (struct sockaddr *)&at, &len), 0);
	fx.port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&fx.server, NULL, serve, &fx.listener), 0);
	assert_true(transfer_global_init(false));
	fx.transfers = transfers_new();
	assert_non_null(fx.transfers);
	*state = &fx;
	return 0;
}

static int stop(void **state)
{
	struct fixture *fx = *state;

	transfers_free(fx->transfers);
	(void)shutdown(fx->listener, SHUT_RDWR);
	(void)pthread_join(fx->server, NULL);
	close(fx->listener);
	return 0;
}

static size_t drop(char *data, size_t size, size_t count, void *arg)
{
	(void)data;
	(void)arg;
	return size * count;
}

/* A request to a host with these addresses, which an event has chosen. Returns the status; 0:
 * none arrived. */
static long ask(struct fixture *fx, const char *addresses, struct transfer *tr)
{
	struct pollfd poll_fd = {.fd = transfers_fd(fx->transfers), .events = POLLIN};
	struct curl_slist *resolve;
	char url[64], entry[128];
	long status = 0;

	(void)snprintf(url, sizeof(url), "http://host.example.com:%u/", fx->port);
	(void)snprintf(entry, sizeof(entry), "host.example.com:%u:%s", fx->port, addresses);
	assert_true(transfer_open(fx->transfers, tr, NULL));
	resolve = curl_slist_append(NULL, entry);
	(void)curl_easy_setopt(tr->easy, CURLOPT_RESOLVE, resolve);
	(void)curl_easy_setopt(tr->easy, CURLOPT_WRITEFUNCTION, drop);
	(void)curl_easy_setopt(
		tr->easy, CURLOPT_TIMEOUT_MS, strstr(addresses, DOWN) != NULL ? 1000L : 30000L);
	assert_true(transfer_set_url(tr->easy, TRANSFER_HTTP, url));
	tr->public_only = true;
	assert_true(transfer_start(tr));
	while (transfers_ended(fx->transfers) == NULL) {
		assert_true(poll(&poll_fd, 1, 10000) >= 0);
		transfers_step(fx->transfers);
	}
	(void)curl_easy_getinfo(tr->easy, CURLINFO_RESPONSE_CODE, &status);
	transfer_close(tr);
	curl_slist_free_all(resolve);
	return status;
}

static void test_what_was_connected_to_counts(void **state)
{
	static const struct {
		const char *addresses;
		long status;
		bool refused;
	} rows[] = {
		{ANSWERS, 200, false},
		{"127.0.0.1", 0, true},
		{"10.0.0.1,127.0.0.1", 0, true},
		{"127.0.0.1," ANSWERS, 200, false},
		{ANSWERS ",127.0.0.1", 200, false},
		/* it may be up again later; some versions of libcurl wait here until the timeout */
		{"127.0.0.1," DOWN, 0, false},
		{DOWN ",10.0.0.1", 0, false},
		{DOWN, 0, false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct transfer tr;

		if (ask(*state, rows[i].addresses, &tr) != rows[i].status ||
			(tr.refused.family != 0) != rows[i].refused ||
			(tr.result == CURLE_OK) != (rows[i].status == 200))
			fail_msg("%s: %d, refused %d, %s", rows[i].addresses, tr.result,
				tr.refused.family != 0, tr.error);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_what_was_connected_to_counts),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
