/* The client against a server of one connection after the other, with answers as told. */
#include "base/clock.h"
#include "catchup/client.h"
#include "catchup/pace.h"
#include "transfer/transfer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define KEY "sk_sandbox_unit"

static struct fixture {
	int listener;
	int stop;
	char url[64];
	const char *answer; /* the bytes; then the connection is closed */
	size_t endless;     /* bytes of blanks after it */
	bool hang;
	char request[4096];
	pthread_t server;
	struct secret *key;
	struct client *client;
} f;

static void *serve_one(void *arg)
{
	int fd = accept(f.listener, NULL, NULL);
	char blanks[65536];
	ssize_t n = 0, got;

	(void)arg;
	while (strstr(f.request, "\r\n\r\n") == NULL || strstr(f.request, "PUT ") == f.request) {
		got = recv(fd, f.request + n, sizeof(f.request) - 1 - (size_t)n, 0);
		if (got <= 0)
			break;
		n += got;
		f.request[n] = '\0';
		if (strstr(f.request, "}") != NULL)
			break;
	}
	if (f.hang)
		(void)recv(fd, blanks, sizeof(blanks), 0);
	else
		(void)send(fd, f.answer, strlen(f.answer), MSG_NOSIGNAL);
	memset(blanks, ' ', sizeof(blanks));
	for (size_t left = f.endless; left > 0; left -= sizeof(blanks))
		if (send(fd, blanks, sizeof(blanks), MSG_NOSIGNAL) <= 0)
			break;
	close(fd);
	return NULL;
}

static void get(const char *answer, struct client_answer *out)
{
	f.answer = answer;
	memset(f.request, 0, sizeof(f.request));
	assert_int_equal(pthread_create(&f.server, NULL, serve_one, NULL), 0);
	client_get(f.client, "/events?page=1", out);
	assert_int_equal(pthread_join(f.server, NULL), 0);
}

static int open_server(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);

	(void)state;
	f = (struct fixture){.stop = eventfd(0, EFD_CLOEXEC)};
	f.listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(f.listener, (struct sockaddr *)&at, sizeof(at)) != 0 ||
		listen(f.listener, 8) != 0 ||
		getsockname(f.listener, (struct sockaddr *)&at, &len) != 0)
		return -1;
	snprintf(f.url, sizeof(f.url), "http://127.0.0.1:%d/v1", ntohs(at.sin_port));
	f.key = secret_new(KEY, strlen(KEY));
	f.client = client_new(f.url, f.key, f.stop);
	return f.client != NULL ? 0 : -1;
}

static int close_server(void **state)
{
	(void)state;
	client_free(f.client);
	secret_free(f.key);
	close(f.listener);
	close(f.stop);
	return 0;
}

static void test_what_is_asked_and_answered(void **state)
{
	struct client_answer answer;

	(void)state;
	get("HTTP/1.1 200 OK\r\nDate: Mon, 30 Nov 2026 12:00:00 GMT\r\nContent-Length: 2\r\n"
	    "Connection: close\r\n\r\n{}",
		&answer);
	assert_int_equal(answer.result, CLIENT_OK);
	assert_int_equal(answer.status, 200);
	assert_string_equal(answer.body.data, "{}");
	assert_int_equal(answer.date, 1796040000000);
	assert_non_null(strstr(f.request, "GET /v1/events?page=1 HTTP/1.1\r\n"));
	assert_non_null(strstr(f.request, "\r\nAuthorization: Bearer " KEY "\r\n"));
	assert_non_null(strstr(f.request, "\r\nAccept: application/json\r\n"));
	assert_non_null(strstr(f.request, "\r\nUser-Agent: hookd/"));
	buf_free(&answer.body);
}

static void test_statuses(void **state)
{
	static const struct {
		int status;
		enum client_result result;
	} cases[] = {{204, CLIENT_OK}, {302, CLIENT_REJECTED}, {400, CLIENT_REJECTED},
		{401, CLIENT_DENIED}, {403, CLIENT_DENIED}, {404, CLIENT_MISSING},
		{408, CLIENT_FAILED}, {422, CLIENT_REJECTED}, {500, CLIENT_FAILED},
		{502, CLIENT_FAILED}, {503, CLIENT_FAILED}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct client_answer answer;
		char text[256];

		snprintf(text, sizeof(text),
			"HTTP/1.1 %d X\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n"
			"\r\n",
			cases[i].status);
		get(text, &answer);
		assert_int_equal(answer.result, cases[i].result);
		assert_int_equal(answer.status, cases[i].status);
		assert_null(strstr(answer.why, KEY));
		buf_free(&answer.body);
	}
}

static void test_errors_are_repeated_without_what_could_harm(void **state)
{
	struct client_answer answer;

	(void)state;
	get("HTTP/1.1 422 X\r\nConnection: close\r\n\r\n{\"message\":\"no\\u001b[2J\"}", &answer);
	assert_string_equal(answer.why, "answered 422: no\\x1b[2J");
	buf_free(&answer.body);
}

static void test_busy(void **state)
{
	struct client_answer answer;

	(void)state;
	get("HTTP/1.1 429 X\r\nRetry-After:  7 \r\nConnection: close\r\n\r\n", &answer);
	assert_int_equal(answer.result, CLIENT_BUSY);
	assert_in_range(client_wait(f.client), 6000, 7000);
	get("HTTP/1.1 503 X\r\nretry-after: 9\r\nConnection: close\r\n\r\n", &answer);
	assert_int_equal(answer.result, CLIENT_BUSY);
	assert_in_range(client_wait(f.client), 8000, 9000);
	get("HTTP/1.1 429 X\r\nConnection: close\r\n\r\n", &answer);
	assert_in_range(client_wait(f.client), 59000, 60000);
}

static void test_answers_that_are_not_whole(void **state)
{
	struct client_answer answer;

	(void)state;
	get("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{\"v1/ev", &answer);
	assert_int_equal(answer.result, CLIENT_FAILED);
	assert_string_not_equal(answer.why, "");
	buf_free(&answer.body);
	get("nonsense\r\n\r\n", &answer);
	assert_int_equal(answer.result, CLIENT_FAILED);
	buf_free(&answer.body);
	get("", &answer);
	assert_int_equal(answer.result, CLIENT_FAILED);
	buf_free(&answer.body);
}

static void test_an_answer_without_end(void **state)
{
	struct client_answer answer;

	(void)state;
	f.endless = 64 * 1024 * 1024;
	get("HTTP/1.1 200 OK\r\n\r\n", &answer);
	assert_int_equal(answer.result, CLIENT_FAILED);
	assert_string_equal(answer.why, "the answer is larger than 8 MiB");
	assert_in_range(answer.body.len, 0, CLIENT_BODY_MAX);
	buf_free(&answer.body);
}

static void *stop_soon(void *arg)
{
	(void)arg;
	usleep(100000);
	(void)eventfd_write(f.stop, 1);
	return NULL;
}

static void test_stopped_while_it_waits(void **state)
{
	struct client_answer answer;
	pthread_t stopper;
	int64_t began = clock_steady();

	(void)state;
	f.hang = true;
	assert_int_equal(pthread_create(&stopper, NULL, stop_soon, NULL), 0);
	get("", &answer);
	assert_int_equal(answer.result, CLIENT_STOPPED);
	assert_in_range(clock_steady() - began, 50, CLIENT_ANSWER_MAX / 2);
	assert_int_equal(pthread_join(stopper, NULL), 0);
}

static void test_no_server(void **state)
{
	struct client_answer answer;

	(void)state;
	close(f.listener);
	f.listener = -1;
	client_get(f.client, "/events", &answer);
	assert_int_equal(answer.result, CLIENT_FAILED);
	assert_string_not_equal(answer.why, "out of memory");
}

static void test_a_write(void **state)
{
	struct client_answer answer;

	(void)state;
	f.answer = "HTTP/1.1 500 X\r\nConnection: close\r\n\r\n";
	assert_int_equal(pthread_create(&f.server, NULL, serve_one, NULL), 0);
	client_put(f.client, "/webhooks/7", "{\"enabled\":true}", &answer);
	assert_int_equal(pthread_join(f.server, NULL), 0);
	assert_int_equal(answer.result, CLIENT_FAILED);
	assert_non_null(strstr(f.request, "PUT /v1/webhooks/7 HTTP/1.1\r\n"));
	assert_non_null(strstr(f.request, "\r\nContent-Type: application/json\r\n"));
	assert_non_null(strstr(f.request, "{\"enabled\":true}"));
	buf_free(&answer.body);
}

static void test_pace(void **state)
{
	struct client_answer answer;

	(void)state;
	for (int i = 0; i < PACE_BURST; i++) {
		assert_int_equal(client_wait(f.client), 0);
		get("HTTP/1.1 204 X\r\nConnection: close\r\n\r\n", &answer);
	}
	assert_in_range(client_wait(f.client), 1, 1000);
}

#define test(name) cmocka_unit_test_setup_teardown(name, open_server, close_server)

int main(void)
{
	const struct CMUnitTest tests[] = {
		test(test_what_is_asked_and_answered),
		test(test_statuses),
		test(test_errors_are_repeated_without_what_could_harm),
		test(test_busy),
		test(test_answers_that_are_not_whole),
		test(test_an_answer_without_end),
		test(test_stopped_while_it_waits),
		test(test_no_server),
		test(test_a_write),
		test(test_pace),
	};

	if (sodium_init() < 0 || !transfer_global_init(false))
		return EXIT_FAILURE;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
