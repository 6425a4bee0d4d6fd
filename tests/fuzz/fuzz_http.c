/* Sends raw bytes through a real libmicrohttpd to hookd's own callbacks. What is answered as
 * a request must be one to a strict reader (RFC 9112) too, at the same place and with the
 * same body: otherwise a proxy and hookd may see different requests. And a plainly good
 * request must not be refused. */
#include "base/buf.h"
#include "base/log.h"
#include "conf/conf.h"
#include "http/generation.h"
#include "http/request.h"
#include "listener/batch.h"
#include "listener/request.h"
#include "store/refused.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define REQUESTS 16 /* checked per connection */
#define FIELDS   64 /* of a head; each takes libmicrohttpd more memory than its bytes */

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size);
void __wrap_batch_add(struct http_turn *turn, struct store_op *op);
void __wrap_loop_resume(struct loop *loop, struct resumption *r);
void __wrap_store_refuse(struct store *st, const struct store_refused *r);

static const char config[] =
	"listen: 127.0.0.1:8080\n"
	"trusted_proxies: [127.0.0.1/32]\n"
	"limits: {body: 1KiB, request_time: 10m}\n"
	"store: {path: /fuzz/hookd.db}\n"
	"sources: [{name: fedapay, path: /in, scheme: fedapay, secrets: [{env: FUZZ_SECRET}],"
	" tolerance: 0}]\n"
	"hooks: []\n";

static struct listener the_listener;
static struct http_server the_server = {.handler = &request_handler, .arg = &the_listener};
static struct generation the_generation = {.server = &the_server};
static const struct loop_owner the_owner = {.connections = &the_server.connections};
static struct loop the_loop = {.owner = &the_owner, .generation = &the_generation};

/* What libmicrohttpd made of a connection. */
static struct {
	struct buf bodies[REQUESTS];
	size_t begun;
	bool heads[REQUESTS]; /* answered without a body */
	size_t answers;
	unsigned statuses[REQUESTS];
	struct buf bytes; /* the answers */
	bool chunks;      /* one of the requests had chunks, or may have had */
} seen;

/* ---- replacements for the store and the loop ---- */

void __wrap_batch_add(struct http_turn *turn, struct store_op *op)
{
	(void)turn;
	op->result = STORE_OK;
	((struct store_put *)op)->event_id = 1042;
	op->done(op);
}

/* It would be kept with what the proof reads: some signature. */
void __wrap_store_refuse(struct store *st, const struct store_refused *r)
{
	(void)st;
	if (r->remote == NULL || r->reason == NULL || r->headers_len == 0)
		abort();
}

void __wrap_loop_resume(struct loop *loop, struct resumption *r)
{
	(void)loop;
	MHD_resume_connection(r->mhd);
}

static void *begin(void *arg, const char *uri, struct MHD_Connection *mhd)
{
	seen.begun++;
	return request_begin(arg, uri, mhd);
}

static enum MHD_Result handle(void *arg, struct MHD_Connection *mhd, const char *url,
	const char *method, const char *version, const char *data, size_t *size, void **request)
{
	if (seen.begun > 0 && seen.begun <= REQUESTS) {
		buf_add(&seen.bodies[seen.begun - 1], data, *size);
		seen.heads[seen.begun - 1] = strcmp(method, "HEAD") == 0;
	}
	return request_handle(arg, mhd, url, method, version, data, size, request);
}

static void notify(void *arg, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct loop *loop = arg;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		connections_remove(&the_server.connections, *context);
		return;
	}
	*context = connections_add(&the_server.connections, loop, loop->generation,
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd, false,
		MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
		settings_current(&the_server.settings));
	if (*context == NULL)
		abort();
}

static void swept(void *arg)
{
	(void)arg;
}

/* As http/generation.c starts it, but without a socket and a clock. */
static struct MHD_Daemon *start_daemon(void)
{
	struct MHD_Daemon *daemon = MHD_start_daemon(
		MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL |
			((unsigned)MHD_ALLOW_SUSPEND_RESUME & ~(unsigned)MHD_USE_ITC) |
			MHD_USE_SUPPRESS_DATE_NO_CLOCK,
		0, NULL, NULL, handle, &the_server, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)16 * 1024, MHD_OPTION_CONNECTION_MEMORY_INCREMENT, (size_t)4096,
		HYGIENE_DAEMON_OPTIONS, MHD_OPTION_NOTIFY_CONNECTION, notify, &the_loop,
		MHD_OPTION_NOTIFY_COMPLETED, request_end, &the_server, MHD_OPTION_URI_LOG_CALLBACK,
		begin, &the_server, MHD_OPTION_END);

	if (daemon == NULL)
		abort();
	return daemon;
}

static struct MHD_Daemon *start(void)
{
	struct buf errors = {0};
	struct conf *conf;
	struct http_options options;

	if (sodium_init() < 0 || setenv("FUZZ_SECRET", "wh_sandbox_fuzz", 1) != 0)
		abort();
	log_setup(LOG_ERROR, LOG_FORMAT_TEXT);
	conf = conf_parse("/fuzz/hookd.yaml", config, strlen(config), &errors);
	if (conf == NULL || !connections_start(&the_server.connections, swept, NULL))
		abort();
	buf_free(&errors);
	the_listener.conf = conf;
	pthread_mutex_init(&the_listener.lock, NULL);
	options = (struct http_options){
		.trusted_proxies = conf->trusted_proxies,
		.trusted_proxy_count = conf->trusted_proxy_count,
		.limits = {.body = conf->limits.body,
			.bodies = conf->limits.bodies,
			.connections = conf->limits.connections,
			.per_ip = conf->limits.per_ip,
			.request_time = conf->limits.request_time},
	};
	settings_init(&the_server.settings, settings_new(&options));
	return start_daemon();
}

/* ---- a client ---- */

static bool read_bytes(int fd)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n > 0)
		buf_add(&seen.bytes, chunk, (size_t)n);
	return n > 0;
}

/* Until nothing happens any more. */
static void settle(struct MHD_Daemon *daemon, int fd)
{
	unsigned idle = 0;

	for (unsigned i = 0; i < 1000 && idle < 3; i++) {
		if (MHD_run(daemon) != MHD_YES)
			abort();
		idle = read_bytes(fd) ? 0 : idle + 1;
	}
}

/* Sends it in pieces of `piece` bytes. */
static void talk(struct MHD_Daemon *daemon, const char *data, size_t size, size_t piece)
{
	struct sockaddr_in peer = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0 ||
		MHD_add_connection(daemon, pair[0], (const struct sockaddr *)&peer, sizeof(peer)) !=
			MHD_YES)
		abort();
	for (size_t at = 0; at < size; at += piece) {
		size_t n = size - at < piece ? size - at : piece;

		if (send(pair[1], data + at, n, MSG_NOSIGNAL) != (ssize_t)n)
			break; /* the connection was closed */
		settle(daemon, pair[1]);
	}
	close(pair[1]);
	for (unsigned i = 0; i < 100 && atomic_load(&the_generation.open) > 0; i++)
		if (MHD_run(daemon) != MHD_YES)
			abort();
	if (atomic_load(&the_generation.open) > 0 || atomic_load(&the_server.suspended) > 0)
		abort(); /* the client has left, and nothing of it may remain */
}

/* ---- the answers ---- */

_Noreturn static void broken(const char *what)
{
	(void)fprintf(stderr, "%s; answered:\n%.*s\n", what, (int)seen.bytes.len,
		seen.bytes.data != NULL ? seen.bytes.data : "");
	abort();
}

/* See http/hygiene.c: after an old libmicrohttpd these look like line ends. */
static bool is_ambiguous(const char *p, const char *end)
{
	return MHD_VERSION < 0x00097701 &&
	       (memchr(p, '\0', (size_t)(end - p)) != NULL ||
		       memmem(p, (size_t)(end - p), "\n:\n", 3) != NULL);
}

static bool mentions_chunks(const char *p, const char *end)
{
	static const char word[] = "chunked";

	for (; (size_t)(end - p) >= sizeof(word) - 1; p++)
		if (strncasecmp(p, word, sizeof(word) - 1) == 0)
			return true;
	return false;
}

static void read_answers(bool ambiguous)
{
	const char *p = seen.bytes.data != NULL ? seen.bytes.data : "";
	const char *end = p + seen.bytes.len;

	seen.answers = 0;
	while (p < end && seen.answers < REQUESTS) {
		const char *at = p, *head = memmem(p, (size_t)(end - p), "\r\n\r\n", 4);
		const char *length;

		if (head == NULL || strncmp(p, "HTTP/1.", 7) != 0)
			broken("the answer cannot be parsed");
		unsigned status = (unsigned)strtoul(p + 9, NULL, 10);

		length = memmem(p, (size_t)(head - p) + 2, "Content-Length: ", 16);
		p = head + 4;
		if (length != NULL && !seen.heads[seen.answers])
			p += strtoul(length + 16, NULL, 10);
		if (status >= 200)
			seen.statuses[seen.answers++] = status;
		/* libmicrohttpd 0.9.75's own refusals may have their head twice. */
		if (memmem(at, (size_t)(head - at), "Connection: close", 17) == NULL)
			continue;
		if (memmem(at, (size_t)(head - at), "Content-Type: ", 14) != NULL && p < end &&
			!ambiguous)
			broken("bytes follow the last answer");
		return;
	}
}

static void clear_seen(void)
{
	for (size_t i = 0; i < REQUESTS; i++) {
		buf_clear(&seen.bodies[i]);
		seen.heads[i] = false;
	}
	buf_clear(&seen.bytes);
	seen.begun = 0;
	seen.answers = 0;
}

/* ---- the strict reader ---- */

struct strict {
	bool sound; /* its head */
	bool plain; /* so sound that it must not be refused */
	bool whole; /* the body is complete */
	bool chunked, post, expects;
	size_t length;
	struct buf body;
	const char *end; /* where the next one begins */
};

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool is_alphanumeric(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static bool is_token(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_alphanumeric(p[i]) && !is_one_of(p[i], "!#$%&'*+-.^_`|~"))
			return false;
	return len > 0;
}

/* The end of the first line, CR LF; NULL: there is none. */
static const char *line_end(const char *p, const char *end)
{
	return memmem(p, (size_t)(end - p), "\r\n", 2);
}

static bool read_request_line(struct strict *s, const char *p, const char *end)
{
	const char *target = memchr(p, ' ', (size_t)(end - p));
	const char *version =
		target != NULL ? memchr(target + 1, ' ', (size_t)(end - target) - 1) : NULL;

	if (version == NULL || version == ++target || !is_token(p, (size_t)(target - p) - 1) ||
		end - version != 9 || memcmp(version, " HTTP/1.", 8) != 0 ||
		!is_one_of(version[8], "01"))
		return false;
	s->post = target - p == 5 && memcmp(p, "POST", 4) == 0;
	s->plain = s->plain && s->post && *target == '/';
	for (const char *c = target; c < version; c++) {
		if (*c <= ' ' || *c > '~')
			return false;
		s->plain = s->plain && (is_alphanumeric(*c) || is_one_of(*c, "/?=&._-"));
	}
	return true;
}

static bool is_named(const char *p, size_t len, const char *name)
{
	return strlen(name) == len && strncasecmp(p, name, len) == 0;
}

struct counts {
	unsigned fields, hosts, lengths, codings;
};

static bool read_length(struct strict *s, const char *p, size_t len)
{
	s->length = 0;
	for (size_t i = 0; i < len; i++) {
		if (p[i] < '0' || p[i] > '9' || len > 18)
			return false;
		s->length = s->length * 10 + (size_t)(p[i] - '0');
	}
	s->plain = s->plain && s->length <= 1024;
	return len > 0;
}

static bool read_field(struct strict *s, struct counts *n, const char *p, const char *end)
{
	const char *colon = memchr(p, ':', (size_t)(end - p)), *value;

	n->fields++;
	if (colon == NULL || !is_token(p, (size_t)(colon - p)))
		return false;
	size_t name = (size_t)(colon - p);

	for (value = colon + 1; value < end && is_one_of(*value, " \t"); value++)
		;
	for (; end > value && is_one_of(end[-1], " \t"); end--)
		s->plain = false; /* libmicrohttpd 0.9.75 leaves it in a Content-Length */
	for (const char *c = value; c < end; c++) {
		if (((unsigned char)*c < ' ' && *c != '\t') || *c == 0x7f)
			return false;
		s->plain = s->plain && *c >= ' ' && *c <= '~';
	}
	if (is_named(p, name, "Host")) {
		n->hosts++;
		s->plain = s->plain && end > value;
		for (const char *c = value; c < end; c++)
			s->plain = s->plain && (is_alphanumeric(*c) || is_one_of(*c, ".-"));
	}
	if (is_named(p, name, "Content-Length") &&
		(n->lengths++ > 0 || !read_length(s, value, (size_t)(end - value))))
		return false;
	if (is_named(p, name, "Transfer-Encoding")) {
		n->codings++;
		s->chunked = is_named(value, (size_t)(end - value), "chunked");
		if (!s->chunked)
			return false;
	}
	s->expects = s->expects || is_named(p, name, "Expect");
	s->plain = s->plain && !is_named(p, name, "Expect") && !is_named(p, name, "Connection") &&
		   !is_named(p, name, "X-FEDAPAY-SIGNATURE") && !is_named(p, name, "Upgrade");
	return true;
}

/* Decodes chunks; NULL: they are broken or incomplete. */
static const char *read_chunks(struct buf *body, const char *p, const char *end)
{
	for (;;) {
		const char *stop = line_end(p, end);
		size_t size = 0, digits = 0;

		if (stop == NULL)
			return NULL;
		for (; p < stop && isxdigit((unsigned char)*p); p++, digits++)
			size = size * 16 + (size_t)(*p <= '9' ? *p - '0' : (*p | 32) - 'a' + 10);
		if (digits == 0 || digits > 15 || (p < stop && !is_one_of(*p, "; \t")))
			return NULL;
		p = stop + 2;
		if (size == 0)
			break;
		if ((size_t)(end - p) < size + 2 || memcmp(p + size, "\r\n", 2) != 0)
			return NULL;
		buf_add(body, p, size);
		p += size + 2;
	}
	for (;;) { /* trailers */
		const char *stop = line_end(p, end);

		if (stop == NULL || stop == p)
			return stop != NULL ? stop + 2 : NULL;
		p = stop + 2;
	}
}

/* Reads one request; false: its head is incomplete. */
static bool read_strictly(struct strict *s, const char *p, const char *end)
{
	struct counts n = {0};
	const char *stop, *start;
	bool http10;

	*s = (struct strict){.plain = true};
	/* Empty lines before it may be skipped (RFC 9112, 2.2). */
	for (; end > p && is_one_of(*p, "\r\n"); p++)
		s->plain = false;
	start = p;
	stop = line_end(p, end);
	if (stop == NULL)
		return false;
	s->sound = read_request_line(s, p, stop);
	http10 = stop > p && stop[-1] == '0';
	for (p = stop + 2; (stop = line_end(p, end)) != p; p = stop + 2) {
		if (stop == NULL)
			return false;
		s->sound = s->sound && read_field(s, &n, p, stop);
	}
	p += 2;
	s->sound = s->sound && n.hosts <= 1 && (n.hosts == 1 || http10) && n.codings <= 1 &&
		   !(n.codings > 0 && (n.lengths > 0 || http10));
	s->plain = s->plain && s->sound && n.hosts == 1 && n.lengths == 1 && !http10 &&
		   p - start < 4096 && n.fields <= FIELDS;
	if (s->chunked) {
		s->end = read_chunks(&s->body, p, end);
		s->whole = s->end != NULL;
	} else if (s->length <= (size_t)(end - p)) {
		buf_add(&s->body, p, s->length);
		s->end = p + s->length;
		s->whole = true;
	}
	return true;
}

/* Statuses with which libmicrohttpd or hookd refuses bytes that are not a request. */
static bool is_refusal(unsigned status)
{
	return status == 400 || status == 413 || status == 414 || status == 431 || status == 501 ||
	       status == 505;
}

static void judge(const char *data, size_t size)
{
	const char *p = data, *end = data + size;
	struct strict s;

	for (size_t i = 0; i < seen.answers; i++) {
		unsigned status = seen.statuses[i];
		bool there = read_strictly(&s, p, end);

		seen.chunks = seen.chunks || s.chunked;
		if (is_refusal(status)) {
			if (there && s.plain && s.whole)
				broken("a good request was refused");
			buf_free(&s.body);
			return; /* the connection is closed */
		}
		if (is_ambiguous(p, end)) {
			buf_free(&s.body);
			return;
		}
		if (!there || !s.sound)
			broken("a strict reader sees no request here");
		if (s.chunked) {
			/* libmicrohttpd reads chunks leniently: the connection must end there. */
			if (i + 1 < seen.answers)
				broken("a request was served after chunks");
		} else if (status == 401 && s.expects && s.length > 0 && seen.bodies[i].len == 0) {
			/* Its head was enough, and its body is not read. */
			if (i + 1 < seen.answers)
				broken("a request was served after an unread body");
		} else if (status == 200 || status == 401) {
			const struct buf *got = &seen.bodies[i];

			if (!s.whole || got->len != s.body.len ||
				(got->len > 0 && memcmp(got->data, s.body.data, got->len) != 0))
				broken("a strict reader sees another body");
		}
		buf_free(&s.body);
		if (!s.whole)
			return;
		p = s.end;
	}
}

/* The library's own refusal, which is the last answer and has no Content-Type; NULL: none.
 * Where libmicrohttpd 1.0 finds two faults in a line, how the line came decides what it says,
 * and whether it says anything before it closes the connection. */
static const char *library_refusal(const struct buf *b)
{
	if (HYGIENE_CHECKS_LAYOUT || b->len == 0)
		return NULL;
	const char *last = b->data;

	for (const char *next = last; (next = strstr(next, "HTTP/1.1 ")) != NULL; next++)
		last = next;
	return last[9] >= '4' && strstr(last, "\r\nContent-Type: ") == NULL ? last : NULL;
}

/* The answers that must not depend on how the bytes came: not the library's own refusal, and
 * not "100 Continue", which is not sent when the body is there already. */
static void add_own_answers(struct buf *own, const struct buf *all)
{
	static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
	const char *end = library_refusal(all), *p = all->data, *next;

	if (end == NULL)
		end = p != NULL ? p + all->len : NULL;
	for (; p != end && (next = memmem(p, (size_t)(end - p), interim, sizeof(interim) - 1));
		p = next + sizeof(interim) - 1)
		buf_add(own, p, (size_t)(next - p));
	if (p != end)
		buf_add(own, p, (size_t)(end - p));
}

/* How the bytes came in pieces must change nothing. But libmicrohttpd 0.9.75 does not read
 * what is there already behind "Expect: 100-continue" until more comes, so that fewer requests
 * may be answered; and whether it reports a bad trailer depends on when that arrives. */
static void compare(const struct buf *whole)
{
	struct buf a = {0}, b = {0};

	if (seen.chunks)
		return;
	add_own_answers(&a, whole);
	add_own_answers(&b, &seen.bytes);
	size_t len = a.len < b.len ? a.len : b.len;

	if ((len > 0 && memcmp(a.data, b.data, len) != 0) ||
		(a.len != b.len && memmem(seen.bytes.data, seen.bytes.len, " 100 ", 5) == NULL)) {
		(void)fprintf(stderr, "whole: %.*s\n", (int)whole->len,
			whole->data != NULL ? whole->data : "");
		broken("in pieces it is answered otherwise");
	}
	buf_free(&a);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static struct MHD_Daemon *daemon;
	const char *text = (const char *)data;
	struct buf first = {0};
	bool ambiguous = is_ambiguous(text, text + size);

	if (daemon == NULL)
		daemon = start();
	if (size == 0 || size > 30000)
		return 0;
	/* Where the end of a line is ambiguous, the strict reader may not see a coding. */
	seen.chunks = ambiguous && mentions_chunks(text, text + size);
	clear_seen();
	talk(daemon, text, size, 30000);
	read_answers(ambiguous);
	judge(text, size);
	buf_add(&first, seen.bytes.data, seen.bytes.len);
	if (size <= 2000) {
		clear_seen();
		talk(daemon, text, size, 1 + size % 7);
		read_answers(ambiguous);
		judge(text, size);
		compare(&first);
	}
	buf_free(&first);
	return 0;
}
