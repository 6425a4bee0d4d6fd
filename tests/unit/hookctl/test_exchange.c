/* hookctl's side of the control protocol, against a peer that is played by a thread. */
#include "hookctl/exchange.h"

#include "base/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct {
	int peer;         /* its end of the connection */
	struct buf got;   /* what it has read */
	struct buf seen;  /* what the handlers were called with */
	bool refuse_rows; /* as if they could not be printed */
} fx;

static int patience;

static bool see_row(void *arg, const json_t *row)
{
	(void)arg;
	buf_printf(&fx.seen, "row %d;", (int)json_integer_value(json_object_get(row, "n")));
	return !fx.refuse_rows;
}

static void see_fault(void *arg, const json_t *fault)
{
	(void)arg;
	buf_printf(&fx.seen, "fault %s;", json_string_value(json_object_get(fault, "text")));
}

static void see_progress(void *arg, int64_t done, int64_t all)
{
	(void)arg;
	buf_printf(&fx.seen, "%d of %d;", (int)done, (int)all);
}

/* ---- the peer ---- */

static void answer(const char *text)
{
	for (size_t len = strlen(text); len > 0;) {
		ssize_t n = send(fx.peer, text, len, MSG_NOSIGNAL);

		if (n <= 0)
			return;
		text += n;
		len -= (size_t)n;
	}
}

/* Reads until the end, or what it has read ends with `until`. */
static void listen_until(const char *until)
{
	char bytes[4096];
	ssize_t n;

	while ((n = recv(fx.peer, bytes, sizeof(bytes), 0)) > 0) {
		buf_add(&fx.got, bytes, (size_t)n);
		if (until != NULL && fx.got.len >= strlen(until) &&
			strcmp(fx.got.data + fx.got.len - strlen(until), until) == 0)
			return;
	}
}

/* Signals the process once its main thread waits for that: earlier it would end. */
static void send_signal(int number)
{
	unsigned long long blocked = 0;
	char line[256];

	while ((blocked >> (number - 1) & 1) == 0) {
		FILE *file = fopen("/proc/self/status", "re");

		while (file != NULL && fgets(line, sizeof(line), file) != NULL)
			if (strncmp(line, "SigBlk:", 7) == 0)
				blocked = strtoull(line + 7, NULL, 16);
		if (file != NULL)
			(void)fclose(file);
	}
	(void)kill(getpid(), number);
}

typedef void play(void);

static void *run_peer(void *arg)
{
	play *const *script = arg;

	(*script)();
	(void)close(fx.peer);
	return NULL;
}

/* The signals are hookctl's. */
static pthread_t start_peer(play **script)
{
	sigset_t all, before;
	pthread_t thread;

	(void)sigfillset(&all);
	(void)pthread_sigmask(SIG_SETMASK, &all, &before);
	assert_int_equal(pthread_create(&thread, NULL, run_peer, script), 0);
	(void)pthread_sigmask(SIG_SETMASK, &before, NULL);
	return thread;
}

/* Runs the exchange with a peer that plays the script; returns what the handlers have seen. */
static const char *exchange_with(struct ctl_exchange *x, play *script, int input)
{
	int fds[2];
	pthread_t thread;

	buf_free(&fx.got);
	buf_free(&fx.seen);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
	fx.peer = fds[1];
	*x = (struct ctl_exchange){.row = see_row,
		.fault = see_fault,
		.progress = see_progress,
		.input = input,
		.patience = patience};
	thread = start_peer(&script);
	ctl_exchange_run(x, fds[0]);
	assert_int_equal(x->done == NULL, x->error.len > 0);
	(void)close(fds[0]);
	(void)pthread_join(thread, NULL);
	buf_add_text(&fx.seen, "");
	return fx.seen.data;
}

static void end(struct ctl_exchange *x)
{
	json_decref(x->done);
	buf_free(&x->error);
}

static void fails_with(play *script, const char *error)
{
	struct ctl_exchange x;

	(void)exchange_with(&x, script, -1);
	assert_null(x.done);
	assert_string_equal(x.error.data, error);
	end(&x);
}

/* ---- answers ---- */

static void play_rows(void)
{
	answer("{\"progress\":{\"done\":0,\"all\":2}}\n{\"row\":{\"n\":1}}\n{\"row\"");
	answer(":{\"n\":2}}\n{\"fault\":{\"text\":\"odd\",\"line\":3}}\n"
	       "{\"done\":{\"changed\":2}}\n{\"row\":{\"n\":3}}\n");
}

static void each_message_reaches_its_handler(void **state)
{
	struct ctl_exchange x;

	(void)state;
	assert_string_equal(exchange_with(&x, play_rows, -1), "0 of 2;row 1;row 2;fault odd;");
	assert_int_equal(json_integer_value(json_object_get(x.done, "changed")), 2);
	assert_false(x.interrupted);
	end(&x);
}

static void play_error(void)
{
	answer("{\"error\":\"no \\u001b[31mroom\\n\"}\n");
}

static void play_nothing(void)
{
}

static void play_half(void)
{
	answer("{\"row\":{\"n\":1}}\n{\"done\":{");
}

static void play_garbage(void)
{
	answer("HTTP/1.1 400 Bad Request\r\n\r\n");
}

static void play_array(void)
{
	answer("[]\n");
}

static void play_unknown(void)
{
	answer("{\"hint\":\"?\"}\n");
}

static void play_reasonless(void)
{
	answer("{\"error\":null}\n");
}

static void play_endless(void)
{
	char text[4097];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	answer("{\"row\":\"");
	for (size_t i = 0; i <= CTL_ANSWER_MAX / 4096 + 8; i++)
		answer(text);
	listen_until(NULL);
}

static void what_is_wrong_is_explained(void **state)
{
	static const char ended[] = "hookd ended before it had done everything; what it did stays";

	(void)state;
	fails_with(play_error, "no \x1b[31mroom\n");
	fails_with(play_nothing, ended);
	fails_with(play_half, ended);
	fails_with(play_garbage, "hookd's answer cannot be read: not a JSON object");
	fails_with(play_array, "hookd's answer cannot be read: not a JSON object");
	fails_with(play_unknown, "hookd's answer cannot be read: unknown message");
	fails_with(play_endless, "hookd's answer cannot be read: too long");
	fails_with(play_reasonless, "hookd gives no reason");
}

static void play_silence(void)
{
	listen_until(NULL);
}

static void patience_ends(void **state)
{
	struct ctl_exchange x;

	(void)state;
	patience = 20;
	(void)exchange_with(&x, play_silence, -1);
	patience = 0;
	assert_string_equal(x.error.data, "hookd does not answer");
	end(&x);
}

/* ---- stopping ---- */

static void play_until_stopped(void)
{
	answer("{\"row\":{\"n\":1}}\n");
	send_signal(SIGINT);
	listen_until(NULL);
	answer("{\"row\":{\"n\":2}}\n{\"done\":{\"changed\":1,\"stopped\":true}}\n");
}

static void a_signal_stops_the_act_and_its_end_is_awaited(void **state)
{
	struct ctl_exchange x;

	(void)state;
	(void)exchange_with(&x, play_until_stopped, -1);
	assert_true(x.interrupted);
	assert_true(json_is_true(json_object_get(x.done, "stopped")));
	end(&x);
}

static volatile sig_atomic_t second;

static void note_signal(int number)
{
	second = number;
}

static void play_until_asked_twice(void)
{
	send_signal(SIGTERM);
	listen_until(NULL);
	(void)kill(getpid(), SIGTERM);
	while (second == 0)
		(void)usleep(1000);
	answer("{\"done\":{}}\n");
}

static void the_second_signal_does_what_it_always_does(void **state)
{
	const struct sigaction action = {.sa_handler = note_signal};
	struct sigaction before;
	struct ctl_exchange x;

	(void)state;
	assert_int_equal(sigaction(SIGTERM, &action, &before), 0);
	(void)exchange_with(&x, play_until_asked_twice, -1);
	assert_true(x.interrupted);
	assert_int_equal(second, SIGTERM);
	(void)sigaction(SIGTERM, &before, NULL);
	end(&x);
}

static void play_rows_until_stopped(void)
{
	answer("{\"row\":{\"n\":1}}\n{\"row\":{\"n\":2}}\n");
	listen_until(NULL);
	answer("{\"done\":{\"stopped\":true}}\n");
}

static void rows_that_cannot_be_printed_stop_it(void **state)
{
	struct ctl_exchange x;

	(void)state;
	fx.refuse_rows = true;
	assert_string_equal(exchange_with(&x, play_rows_until_stopped, -1), "row 1;");
	fx.refuse_rows = false;
	assert_true(x.interrupted);
	end(&x);
}

/* ---- input ---- */

static int input_with(const char *text)
{
	int fds[2];

	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], text, strlen(text)), strlen(text));
	(void)close(fds[1]);
	return fds[0];
}

static void play_counting(void)
{
	char text[64];

	listen_until(NULL);
	(void)snprintf(text, sizeof(text), "{\"done\":{\"bytes\":%zu}}\n", fx.got.len);
	answer(text);
}

static void the_input_is_sent_and_its_last_line_ended(void **state)
{
	static const struct {
		const char *text, *sent;
	} cases[] = {{"", ""}, {"a\nb\n", "a\nb\n"}, {"a\nb", "a\nb\n"}, {"\n", "\n"}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct ctl_exchange x;
		int input = input_with(cases[i].text);

		(void)exchange_with(&x, play_counting, input);
		assert_string_equal(fx.got.data != NULL ? fx.got.data : "", cases[i].sent);
		assert_false(x.interrupted);
		assert_int_equal(x.input_error, 0);
		end(&x);
		(void)close(input);
	}
}

/* More than the socket takes, with an answer for each part. */
static void play_chattering(void)
{
	char bytes[4096];

	while (recv(fx.peer, bytes, sizeof(bytes), 0) > 0)
		for (int i = 0; i < 40; i++)
			answer("{\"progress\":{\"done\":1,\"all\":0}}\n");
	answer("{\"done\":{}}\n");
}

static void neither_side_waits_for_the_other(void **state)
{
	struct ctl_exchange x;
	int input = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	(void)state;
	assert_true(input >= 0);
	assert_int_equal(ftruncate(input, 4 << 20), 0);
	(void)exchange_with(&x, play_chattering, input);
	assert_non_null(x.done);
	end(&x);
	(void)close(input);
}

static void play_refusing(void)
{
	answer("{\"error\":\"limits.backlog\"}\n");
}

static void an_error_in_the_middle_is_not_lost(void **state)
{
	struct ctl_exchange x;
	int input = open("/dev/zero", O_RDONLY | O_CLOEXEC);

	(void)state;
	(void)exchange_with(&x, play_refusing, input);
	assert_string_equal(x.error.data, "limits.backlog");
	end(&x);
	(void)close(input);
}

static void play_interrupting(void)
{
	listen_until("one\n");
	send_signal(SIGINT);
	listen_until(NULL);
	answer("{\"done\":{}}\n");
}

static void a_signal_ends_the_input_between_lines(void **state)
{
	struct ctl_exchange x;
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	assert_int_equal(write(fds[1], "one\n", 4), 4);
	(void)exchange_with(&x, play_interrupting, fds[0]);
	assert_true(x.interrupted);
	assert_string_equal(fx.got.data, "one\n");
	end(&x);
	(void)close(fds[0]);
	(void)close(fds[1]);
}

static void an_input_that_cannot_be_read_ends_there(void **state)
{
	struct ctl_exchange x;
	int input = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	(void)exchange_with(&x, play_counting, input);
	assert_int_equal(x.input_error, EISDIR);
	assert_non_null(x.done);
	end(&x);
	(void)close(input);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_message_reaches_its_handler),
		cmocka_unit_test(what_is_wrong_is_explained),
		cmocka_unit_test(patience_ends),
		cmocka_unit_test(a_signal_stops_the_act_and_its_end_is_awaited),
		cmocka_unit_test(the_second_signal_does_what_it_always_does),
		cmocka_unit_test(rows_that_cannot_be_printed_stop_it),
		cmocka_unit_test(the_input_is_sent_and_its_last_line_ended),
		cmocka_unit_test(neither_side_waits_for_the_other),
		cmocka_unit_test(an_error_in_the_middle_is_not_lost),
		cmocka_unit_test(a_signal_ends_the_input_between_lines),
		cmocka_unit_test(an_input_that_cannot_be_read_ends_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
