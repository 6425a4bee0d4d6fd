#include "exchange.h"

#include "base/clock.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PART = 16384 /* bytes of the input at once */ };

/* The input's bytes on their way to the socket. */
struct outgoing {
	char bytes[PART + 1];
	size_t from, to;
	bool in_line; /* the last byte was not a line feed */
	bool over;    /* no more is read */
	bool shut;    /* the peer was told the end */
};

struct exchange {
	struct ctl_exchange *x;
	int fd, signals;
	sigset_t before; /* the mask to restore */
	struct buf in;   /* the message being received */
	struct outgoing out;
	bool ended;       /* the last message is there, or none will come */
	int64_t deadline; /* steady ms; INT64_MAX: none */
};

static void fail(struct exchange *e, const char *text)
{
	if (!e->ended)
		buf_add_text(&e->x->error, text);
	e->ended = true;
}

/* ---- signals ---- */

static bool catch_signals(struct exchange *e)
{
	sigset_t set;

	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGTERM);
	(void)pthread_sigmask(SIG_BLOCK, &set, &e->before);
	e->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return e->signals >= 0;
}

static void release_signals(struct exchange *e)
{
	if (e->signals >= 0)
		(void)close(e->signals);
	e->signals = -1;
	(void)pthread_sigmask(SIG_SETMASK, &e->before, NULL);
}

static void shut_output(struct exchange *e)
{
	e->out.over = e->out.shut = true;
	e->out.from = e->out.to;
	(void)shutdown(e->fd, SHUT_WR);
}

/* The peer stops when it reads the end of the connection. Once it has read the end of the input, it
 * has only its last lines to import. */
static void stop_act(struct exchange *e)
{
	if (e->x->input >= 0 && e->out.shut)
		return;
	e->x->interrupted = true;
	shut_output(e);
}

/* From now on the signals do what they did before. */
static void interrupt(struct exchange *e)
{
	struct signalfd_siginfo info;

	while (read(e->signals, &info, sizeof(info)) > 0)
		;
	release_signals(e);
	stop_act(e);
}

/* ---- answers ---- */

int64_t ctl_answer_number(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

const char *ctl_answer_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text != NULL ? text : "";
}

static void take_error(struct exchange *e, const json_t *text)
{
	fail(e, json_is_string(text) ? json_string_value(text) : "hookd gives no reason");
}

static void take_message(struct exchange *e, const json_t *message)
{
	const struct ctl_exchange *x = e->x;
	json_t *part;

	if ((part = json_object_get(message, "row")) != NULL) {
		if (x->row != NULL && !x->interrupted && !x->row(x->arg, part))
			stop_act(e);
	} else if ((part = json_object_get(message, "pages")) != NULL) {
		if (x->pages != NULL && !x->interrupted && !x->pages(x->arg, part))
			stop_act(e);
	} else if ((part = json_object_get(message, "fault")) != NULL) {
		if (x->fault != NULL)
			x->fault(x->arg, part);
	} else if ((part = json_object_get(message, "progress")) != NULL) {
		if (x->progress != NULL)
			x->progress(x->arg, ctl_answer_number(part, "done"),
				ctl_answer_number(part, "all"));
	} else if ((part = json_object_get(message, "done")) != NULL && json_is_object(part)) {
		e->x->done = json_incref(part);
		e->ended = true;
	} else if ((part = json_object_get(message, "error")) != NULL) {
		take_error(e, part);
	} else {
		fail(e, "hookd's answer cannot be read: unknown message");
	}
}

static void take_line(struct exchange *e, const char *line, size_t len)
{
	json_t *message = NULL;

	if (!json_read(line, len, NULL, &message, NULL))
		fail(e, "out of memory");
	else if (!json_is_object(message))
		fail(e, "hookd's answer cannot be read: not a JSON object");
	else
		take_message(e, message);
	json_decref(message);
}

/* Takes the complete lines of what was received and keeps the rest. */
static void take_lines(struct exchange *e)
{
	size_t from = 0;
	char *newline;

	while (!e->ended && from < e->in.len &&
		(newline = memchr(e->in.data + from, '\n', e->in.len - from)) != NULL) {
		size_t to = (size_t)(newline - e->in.data);

		take_line(e, e->in.data + from, to - from);
		from = to + 1;
	}
	if (from > 0) {
		memmove(e->in.data, e->in.data + from, e->in.len - from);
		e->in.len -= from;
	}
	if (e->in.len > CTL_ANSWER_MAX)
		fail(e, "hookd's answer cannot be read: too long");
}

static void receive(struct exchange *e)
{
	char bytes[16384];
	ssize_t n = recv(e->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(e, "hookd ended before it had done everything; what it did stays");
		return;
	}
	buf_add(&e->in, bytes, (size_t)n);
	if (!buf_ok(&e->in))
		fail(e, "out of memory");
	else
		take_lines(e);
	/* What was done is printed, even if hookctl is killed now. Nobody reads it: the act stops.
	 */
	if ((fflush(stdout) != 0 || ferror(stdout)) && !e->out.shut)
		stop_act(e);
}

/* ---- input ---- */

static bool has_output(const struct exchange *e)
{
	return e->out.from < e->out.to;
}

/* A last line without an end gets one; the peer ignores a part of a line. */
static void end_input(struct exchange *e, int error)
{
	struct outgoing *o = &e->out;

	o->over = true;
	e->x->input_error = error;
	if (o->in_line && error == 0)
		o->bytes[o->to++] = '\n';
}

static void read_input(struct exchange *e)
{
	struct outgoing *o = &e->out;
	ssize_t n = read(e->x->input, o->bytes, PART);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	o->from = o->to = 0;
	if (n <= 0) {
		end_input(e, n < 0 ? errno : 0);
		return;
	}
	o->to = (size_t)n;
	o->in_line = o->bytes[n - 1] != '\n';
}

static void send_input(struct exchange *e)
{
	struct outgoing *o = &e->out;
	ssize_t n = send(e->fd, o->bytes + o->from, o->to - o->from, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n > 0)
		o->from += (size_t)n;
	else if (n < 0 && errno != EAGAIN && errno != EINTR)
		shut_output(e); /* the peer's last message explains it */
}

/* ---- */

static void wait_and_act(struct exchange *e)
{
	struct pollfd fds[] = {
		{.fd = e->fd, .events = (short)(POLLIN | (has_output(e) ? POLLOUT : 0))},
		{.fd = e->signals, .events = POLLIN},
		{.fd = e->out.over || has_output(e) ? -1 : e->x->input, .events = POLLIN},
	};

	int64_t left = e->deadline - clock_steady();
	int ready = poll(fds, 3, e->deadline == INT64_MAX ? -1 : left > 0 ? (int)left : 0);

	if (ready == 0 || left <= 0)
		fail(e, "hookd does not answer");
	if (ready <= 0)
		return;
	if (fds[1].revents != 0)
		interrupt(e);
	if ((fds[0].revents & ~POLLOUT) != 0)
		receive(e);
	if (fds[2].revents != 0 && !e->out.over)
		read_input(e);
	else if ((fds[0].revents & POLLOUT) != 0 && has_output(e))
		send_input(e);
	if (e->x->input >= 0 && e->out.over && !has_output(e) && !e->out.shut)
		shut_output(e);
}

void ctl_exchange_run(struct ctl_exchange *x, int fd)
{
	struct exchange e = {.x = x, .fd = fd, .signals = -1, .out.over = x->input < 0};

	e.deadline = x->patience > 0 ? clock_steady() + x->patience : INT64_MAX;
	if (!catch_signals(&e))
		fail(&e, strerror(errno));
	while (!e.ended)
		wait_and_act(&e);
	release_signals(&e);
	buf_free(&e.in);
}
