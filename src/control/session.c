#include "session.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE      10000 /* ms for a client that does not read on */
#define STOP_PATIENCE 1000  /* … while hookd stops */
#define OUT_MAX       32768 /* bytes of messages that are sent together */
#define READ_AT_ONCE  65536 /* bytes */
#define ACT_SHOWN     32    /* bytes of what a client calls an act, in the log */

/* ---- to the client ---- */

/* False: the client has not read on until `deadline`, or hookd stops. */
static bool wait_until_writable(const struct session *s, int64_t *deadline, bool *stopping)
{
	struct pollfd fds[] = {
		{.fd = s->request.fd, .events = POLLOUT},
		{.fd = *stopping ? -1 : s->stop, .events = POLLIN},
	};
	int64_t now = clock_steady();

	if (now >= *deadline)
		return false;
	(void)poll(fds, 2, (int)(*deadline - now));
	if (fds[1].revents != 0) {
		*stopping = true;
		if (*deadline > clock_steady() + STOP_PATIENCE)
			*deadline = clock_steady() + STOP_PATIENCE;
	}
	return true;
}

/* Once the client does not read, it gets no more, and the act stops. */
static void send_out(struct session *s)
{
	int64_t deadline = clock_steady() + PATIENCE;
	bool stopping = false;
	size_t sent = 0;

	while (!s->gone && sent < s->out.len) {
		ssize_t n = send(s->request.fd, s->out.data + sent, s->out.len - sent,
			MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			sent += (size_t)n;
			if (!stopping)
				deadline = clock_steady() + PATIENCE;
		} else if (n < 0 && errno == EAGAIN) {
			s->gone = !wait_until_writable(s, &deadline, &stopping);
		} else if (n == 0 || errno != EINTR) {
			s->gone = true;
		}
	}
	buf_clear(&s->out);
}

static void add_message(struct session *s, const json_t *message)
{
	char *text = json_text(message, JSON_COMPACT);

	if (text != NULL) {
		buf_add_text(&s->out, text);
		buf_add_char(&s->out, '\n');
	}
	if (text == NULL || !buf_ok(&s->out))
		s->gone = true; /* out of memory: what is missing must not go unnoticed */
	free(text);
}

static struct session *session_of(struct act_io *io)
{
	return (struct session *)((char *)io - offsetof(struct session, io));
}

static void send_message(struct act_io *io, const json_t *message)
{
	struct session *s = session_of(io);

	if (s->gone)
		return;
	add_message(s, message);
	if (s->out.len >= OUT_MAX)
		send_out(s);
}

/* ---- from the client ---- */

static bool is_stopped(struct act_io *io, int64_t wait)
{
	struct session *s = session_of(io);
	/* Of an import the client ends the file in this way; it has gone when it also reads no
	 * more, which poll(2) reports without being asked. */
	struct pollfd fds[] = {
		{.fd = s->request.fd, .events = s->reads_on ? 0 : POLLRDHUP},
		{.fd = s->stop, .events = POLLIN},
	};

	send_out(s);
	if (s->gone)
		return true;
	if (wait > PATIENCE)
		wait = PATIENCE; /* the act asks again */
	return poll(fds, 2, (int)wait) > 0;
}

/* Waits for more of the file. False: there is no more, or the act must stop. */
static bool read_on(struct session *s)
{
	struct pollfd fds[] = {
		{.fd = s->request.fd, .events = POLLIN},
		{.fd = s->stop, .events = POLLIN},
	};
	char *chunk = malloc(READ_AT_ONCE);
	ssize_t n = -1;

	send_out(s);
	while (chunk != NULL && !s->gone && fds[1].revents == 0) {
		n = recv(s->request.fd, chunk, READ_AT_ONCE, MSG_DONTWAIT);
		if (n >= 0 || (errno != EAGAIN && errno != EINTR))
			break;
		(void)poll(fds, 2, -1);
	}
	if (n > 0)
		buf_add(&s->request.bytes, chunk, (size_t)n);
	free(chunk);
	if (n > 0 && buf_ok(&s->request.bytes))
		return true;
	s->ended = true;
	s->gone = s->gone || n > 0 || chunk == NULL;
	return false;
}

/* Moves what is not used up yet to the beginning. */
static void drop_used(struct session *s)
{
	struct buf *bytes = &s->request.bytes;

	if (s->at == 0)
		return;
	memmove(bytes->data, bytes->data + s->at, bytes->len - s->at);
	bytes->len -= s->at;
	s->at = 0;
}

static enum act_line next_line(struct act_io *io, size_t max, const char **text, size_t *len)
{
	struct session *s = session_of(io);
	struct buf *bytes = &s->request.bytes;
	bool too_long = false;
	size_t searched = s->at;

	s->reads_on = true;
	for (;;) {
		const char *end = memchr(bytes->data + searched, '\n', bytes->len - searched);
		if (end != NULL) {
			*text = bytes->data + s->at;
			*len = (size_t)(end - *text);
			s->at += *len + 1;
			return too_long || *len > max ? ACT_LINE_TOO_LONG : ACT_LINE;
		}
		too_long = too_long || bytes->len - s->at > max;
		if (too_long)
			s->at = bytes->len;
		drop_used(s);
		searched = bytes->len;
		if (s->ended || !read_on(s))
			return ACT_LINE_END;
	}
}

/* ---- the act ---- */

/* "changed=3 found=3" */
static void add_result(struct buf *out, const json_t *done)
{
	const json_t *value;
	const char *name;

	json_object_foreach((json_t *)(uintptr_t)done, name, value)
	{
		if (json_is_integer(value))
			buf_printf(out, "%s%s=%lld", out->len > 0 ? " " : "", name,
				(long long)json_integer_value(value));
	}
}

static bool is_quiet(const json_t *request, const char *act)
{
	return strcmp(act, "status") == 0 || json_is_true(json_object_get(request, "dry_run"));
}

/* NULL: the act did all that was asked. */
static const char *error_of(const json_t *answer)
{
	const json_t *done = json_object_get(answer, "done");
	const json_t *error = json_object_get(done != NULL ? done : answer, "error");

	if (error != NULL)
		return json_string_value(error);
	return done == NULL ? "out of memory" : NULL;
}

static void log_end(const struct session *s, const json_t *request, const json_t *answer)
{
	static struct log_limit failures, others, quiet;
	const json_t *act = json_object_get(request, "act"),
		     *done = json_object_get(answer, "done");
	const char *name = json_is_string(act) ? json_string_value(act) : "";
	const char *error = error_of(answer);
	bool stopped = json_is_true(json_object_get(done, "stopped"));
	struct buf result = {0};
	unsigned suppressed = 0;

	enum log_level level = is_quiet(request, name) ? LOG_DEBUG : LOG_INFO;
	struct log_limit *limit = done == NULL ? &failures : level == LOG_INFO ? &others : &quiet;

	if (!log_wants(level) || !log_allowed(limit, &suppressed))
		return;
	add_result(&result, done);
	log_write(level,
		error != NULL ? "request of hookctl failed"
		: stopped     ? "request of hookctl stopped"
			      : "request of hookctl done",
		log_bytes("act", name, strnlen(name, ACT_SHOWN)),
		log_int("uid", s->request.peer.uid), log_int("pid", s->request.peer.pid),
		log_text("result", result.data), log_text("error", error),
		suppressed > 0 ? log_int("suppressed", suppressed) : log_text("", NULL), LOG_END);
	buf_free(&result);
}

/* Returns the answer, new; NULL: out of memory. */
static json_t *run_request(struct session *s, const struct act_context *context,
	const struct stat *store, const json_t *request)
{
	json_t *answer = NULL;

	if (request_accept(request, store, &answer))
		answer = act_run(context, request, &s->io);
	return answer;
}

static json_t *refuse_line(const struct buf *why)
{
	return json_pack(
		"{s:o}", "error", json_safe_text(buf_ok(why) ? why->data : "out of memory"));
}

void session_run(struct session *s, const struct act_context *context, const struct stat *store)
{
	struct buf why = {0};
	json_t *request = request_parse(&s->request, &why), *answer;

	s->io = (struct act_io){
		.send = send_message, .stopped = is_stopped, .next_line = next_line};
	s->at = s->request.line;
	answer = request != NULL ? run_request(s, context, store, request) : refuse_line(&why);
	if (answer != NULL)
		add_message(s, answer);
	else
		buf_add_text(&s->out, "{\"error\":\"out of memory\"}\n");
	send_out(s);
	log_end(s, request, answer);
	json_decref(answer);
	json_decref(request);
	buf_free(&why);
	buf_free(&s->out);
}

void session_refuse(struct request *r, const char *why)
{
	struct buf line = {0};

	buf_add_text(&line, "{\"error\":");
	buf_add_json(&line, why, strlen(why));
	buf_add_text(&line, "}\n");
	if (buf_ok(&line))
		(void)send(r->fd, line.data, line.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	buf_free(&line);
	request_free(r);
}
