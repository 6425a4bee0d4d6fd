/* load - posts signed FedaPay events, each a new one, over connections kept alive,
 * and prints in JSON how many were answered and how long that took. One thread, to leave the other
 * processors to what is measured.
 *
 * Closed loop: each connection sends its next request once the last one is
 * answered; a latency counts from the sending. Open loop (--rate): requests are due
 * at fixed times whether or not the others are answered, and a latency counts from
 * the time at which its request was due: a receiver that stalls cannot hide it by
 * keeping the load away. */
#include "base/clock.h"
#include "connection.h"
#include "histogram.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SECOND     UINT64_C(1000000000) /* ns */
#define EVENTS_MAX 256
#define PATIENCE   (10 * SECOND) /* for the last answers */
#define SECRET_MAX 256

struct options {
	unsigned connections;
	double seconds; /* counted */
	double warm_up; /* seconds before */
	uint64_t count; /* requests; 0: as many as the time allows */
	double rate;    /* requests a second; 0: closed loop */
	const char *path;
	enum request_scheme scheme;
	char secret[SECRET_MAX];
	struct sockaddr_in address;
	char *host;
};

struct load {
	const struct options *o;
	struct requests *requests;
	struct connection *connections;
	struct connection **idle; /* open loop: a stack */
	unsigned idle_count;
	int epoll;
	uint64_t begin; /* ns: counted from here */
	uint64_t end;   /* nothing is sent after */
	uint64_t sent;  /* requests, all */
	unsigned under_way;
	uint64_t last_answer; /* ns */
	struct histogram latency;
	uint64_t silence;   /* ns: the longest time without any answer */
	uint64_t ok, other; /* counted answers */
	uint64_t all_ok;    /* 2xx, with those of the warm-up and after the end */
	uint64_t errors;
	int other_status;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND + (uint64_t)ts.tv_nsec;
}

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* ---- sending ---- */

static bool may_send(const struct load *l, uint64_t now)
{
	return now < l->end && (l->o->count == 0 || l->sent < l->o->count);
}

/* A connection that breaks is an error once, and is opened again. */
static void broken(struct load *l, struct connection *c)
{
	l->errors++;
	connection_close(c);
}

static void post(struct load *l, struct connection *c, uint64_t due)
{
	if (c->state == CONNECTION_CLOSED && !connection_open(c, l->epoll, &l->o->address))
		die("connect");
	request_renew(l->requests, c->request);
	c->due = due;
	l->sent++;
	l->under_way++;
	if (!connection_send(c)) {
		l->under_way--;
		broken(l, c);
	}
}

/* Open loop: sends all that is due and has a connection. Returns the ns to the next. */
static uint64_t post_due(struct load *l, uint64_t start, uint64_t now)
{
	for (;;) {
		uint64_t due = start + (uint64_t)((double)l->sent / l->o->rate * (double)SECOND);
		if (due > now)
			return due - now;
		if (l->idle_count == 0 || !may_send(l, due))
			return SECOND / 10;
		struct connection *c = l->idle[--l->idle_count];
		post(l, c, due);
		if (c->state == CONNECTION_CLOSED)
			l->idle[l->idle_count++] = c;
	}
}

/* ---- answers ---- */

static void count_answer(struct load *l, const struct connection *c, int status, uint64_t now)
{
	bool ok = status >= 200 && status < 300;

	l->all_ok += ok;
	if (now < l->begin || now > l->end)
		return;
	histogram_add(&l->latency, now - c->due);
	l->ok += ok;
	l->other += !ok;
	if (!ok)
		l->other_status = status;
	if (now - l->last_answer > l->silence)
		l->silence = now - l->last_answer;
	l->last_answer = now;
}

static void free_again(struct load *l, struct connection *c, uint64_t now)
{
	if (l->o->rate > 0)
		l->idle[l->idle_count++] = c;
	else if (may_send(l, now))
		post(l, c, now);
}

static void handle(struct load *l, struct connection *c, uint32_t events)
{
	int status = 0;

	if (c->state == CONNECTION_CLOSED)
		return;
	bool busy = c->state != CONNECTION_IDLE;
	if ((events & EPOLLOUT) != 0 && c->state == CONNECTION_SENDING && !connection_send(c)) {
		l->under_way--;
		broken(l, c);
		free_again(l, c, now_ns());
		return;
	}
	if ((events & ~(uint32_t)EPOLLOUT) == 0)
		return;
	enum answer answer = connection_receive(c, &status);
	if (answer == ANSWER_PART)
		return;
	uint64_t now = now_ns();
	if (answer == ANSWER_WHOLE)
		count_answer(l, c, status, now);
	else if (busy)
		broken(l, c);
	else
		connection_close(c); /* an idle one may end; its place in the stack stays */
	if (busy) {
		l->under_way--;
		free_again(l, c, now);
	}
}

static void run(struct load *l)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t start = now_ns();
	bool open = l->o->rate > 0;

	l->begin = start + (uint64_t)(l->o->warm_up * (double)SECOND);
	l->end = l->begin + (uint64_t)(l->o->seconds * (double)SECOND);
	l->last_answer = l->begin;
	for (unsigned i = 0; i < l->o->connections; i++) {
		if (open)
			l->idle[l->idle_count++] = &l->connections[i];
		else if (may_send(l, start))
			post(l, &l->connections[i], now_ns());
	}
	for (;;) {
		uint64_t now = now_ns();
		bool sending = may_send(l, now);
		if (!sending && (l->under_way == 0 || now > l->end + PATIENCE))
			break;
		uint64_t wait = open && sending ? post_due(l, start, now) : SECOND / 10;
		struct timespec ts = {(time_t)(wait / SECOND), (long)(wait % SECOND)};
		int n = epoll_pwait2(l->epoll, events, EVENTS_MAX, &ts, NULL);
		if (n < 0 && errno != EINTR)
			die("epoll");
		for (int i = 0; i < n; i++)
			handle(l, events[i].data.ptr, events[i].events);
	}
	if (l->o->count > 0)
		l->end = l->last_answer;
	/* A receiver that hangs to the end has no answer that would show it. */
	if (l->last_answer != 0 && l->end > l->last_answer && l->end - l->last_answer > l->silence)
		l->silence = l->end - l->last_answer;
}

/* ---- the result ---- */

static double micro(const struct histogram *h, double share)
{
	return (double)histogram_at(h, share) / 1000;
}

static void report(const struct load *l)
{
	double seconds = (double)(l->end - l->begin) / (double)SECOND;
	struct rusage usage = {0};

	(void)getrusage(RUSAGE_SELF, &usage);
	printf("{\"connections\": %u, \"rate\": %g, \"seconds\": %.3f, \"count\": %" PRIu64
	       ", \"ok\": %" PRIu64 ", \"other\": %" PRIu64 ", \"other_status\": %d, "
	       "\"errors\": %" PRIu64 ", \"unanswered\": %u, \"all_ok\": %" PRIu64
	       ", \"request_bytes\": %zu, \"per_second\": %.1f, \"silence_ms\": %.1f, "
	       "\"cpu_seconds\": %.2f, "
	       "\"latency_us\": {\"mean\": %.1f, \"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, "
	       "\"p99_9\": %.1f, \"max\": %.1f}}\n",
		l->o->connections, l->o->rate, seconds, l->latency.total, l->ok, l->other,
		l->other_status, l->errors, l->under_way, l->all_ok, requests_size(l->requests),
		seconds > 0 ? (double)l->ok / seconds : 0, (double)l->silence / 1e6,
		(double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
			(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
		histogram_mean(&l->latency) / 1000, micro(&l->latency, 0.5),
		micro(&l->latency, 0.9), micro(&l->latency, 0.99), micro(&l->latency, 0.999),
		(double)l->latency.max / 1000);
}

/* ---- options ---- */

static void usage(void)
{
	fputs("usage: load [--connections N] [--seconds S] [--warm-up S] [--count N] [--rate N]\n"
	      "            [--path PATH] [--scheme fedapay|full|plain] --secret-file FILE "
	      "HOST:PORT\n",
		stderr);
	exit(2);
}

static double read_positive(const char *text)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end != '\0' || value < 0 || value > 1e9)
		usage();
	return value;
}

static void read_secret(const char *file, char secret[SECRET_MAX])
{
	FILE *f = fopen(file, "re");

	if (f == NULL || fgets(secret, SECRET_MAX, f) == NULL)
		die(file);
	(void)fclose(f);
	secret[strcspn(secret, "\n")] = '\0';
}

static void read_address(struct options *o, char *text)
{
	char *colon = strrchr(text, ':');

	o->host = strdup(text);
	if (colon == NULL || o->host == NULL)
		usage();
	*colon = '\0';
	o->address.sin_family = AF_INET;
	o->address.sin_port = htons((uint16_t)read_positive(colon + 1));
	if (inet_pton(AF_INET, text, &o->address.sin_addr) != 1)
		usage();
}

static enum request_scheme read_scheme(const char *text)
{
	if (strcmp(text, "plain") == 0)
		return REQUEST_PLAIN;
	return strcmp(text, "full") == 0 ? REQUEST_FEDAPAY_FULL : REQUEST_FEDAPAY;
}

static void read_options(int argc, char **argv, struct options *o)
{
	static const struct option list[] = {
		{"connections", required_argument, NULL, 'c'},
		{"seconds", required_argument, NULL, 's'},
		{"warm-up", required_argument, NULL, 'w'},
		{"count", required_argument, NULL, 'n'},
		{"rate", required_argument, NULL, 'r'},
		{"path", required_argument, NULL, 'p'},
		{"scheme", required_argument, NULL, 'm'},
		{"secret-file", required_argument, NULL, 'f'},
		{0},
	};
	int c;

	while ((c = getopt_long(argc, argv, "", list, NULL)) != -1) {
		switch (c) {
		case 'c':
			o->connections = (unsigned)read_positive(optarg);
			break;
		case 's':
			o->seconds = read_positive(optarg);
			break;
		case 'w':
			o->warm_up = read_positive(optarg);
			break;
		case 'n':
			o->count = (uint64_t)read_positive(optarg);
			break;
		case 'r':
			o->rate = read_positive(optarg);
			break;
		case 'p':
			o->path = optarg;
			break;
		case 'm':
			o->scheme = read_scheme(optarg);
			break;
		case 'f':
			read_secret(optarg, o->secret);
			break;
		default:
			usage();
		}
	}
	if (optind + 1 != argc || o->secret[0] == '\0' || o->connections == 0)
		usage();
	read_address(o, argv[optind]);
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct options o = {.connections = 64, .seconds = 5, .path = "/webhooks/fedapay"};
	struct load l = {.o = &o};

	if (sodium_init() < 0)
		die("libsodium");
	read_options(argc, argv, &o);
	raise_descriptor_limit();
	l.requests = requests_new(o.host, o.path, o.scheme, o.secret);
	l.connections = calloc(o.connections, sizeof(*l.connections));
	l.idle = calloc(o.connections, sizeof(struct connection *));
	l.epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l.requests == NULL || l.connections == NULL || l.idle == NULL || l.epoll == -1)
		die("start");
	for (unsigned i = 0; i < o.connections; i++) {
		l.connections[i].size = requests_size(l.requests);
		request_begin(l.requests, l.connections[i].request);
		if (!connection_open(&l.connections[i], l.epoll, &o.address))
			die("connect");
	}
	run(&l);
	report(&l);
	requests_free(l.requests);
	free(l.connections);
	free(l.idle);
	free(o.host);
	return EXIT_SUCCESS;
}
