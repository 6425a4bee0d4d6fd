/* A hook whose target is down, with a real store, a real HTTP server that the test starts and
 * stops, and clocks that the test moves ahead. */
#include "dispatcher/private.h"
#include "fixture.h"
#include "transfer/transfer.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR   (60 * MINUTE)
#define HOP    (10 * SECOND) /* by which the clocks are moved */
#define TRIES  "SELECT count(*) FROM attempts WHERE result IS NOT NULL"
#define FAILED "SELECT sum(failures) FROM deliveries"
/* Pairs of deliveries of one entity that ran at once, or the later one first. */
#define DISORDER                                                                                   \
	"SELECT count(*) FROM (SELECT a.started_at AS start, lag(a.ended_at) OVER"                 \
	" (PARTITION BY e.entity_id ORDER BY e.id) AS before FROM attempts a"                      \
	" JOIN deliveries d ON d.id = a.delivery_id JOIN events e ON e.id = d.event_id"            \
	" WHERE a.result = 'ok') WHERE start < before"

static atomic_llong ahead; /* ms: both clocks */
static atomic_int waits;   /* puts that are not done */

/* Replaces libc's, here and in all of hookd that is linked in. */
int clock_gettime(clockid_t id, struct timespec *now)
{
	long result = syscall(SYS_clock_gettime, id, now);

	if (id == CLOCK_REALTIME || id == CLOCK_BOOTTIME)
		now->tv_sec += (time_t)(atomic_load(&ahead) / 1000);
	return (int)result;
}

/* The target. */
static struct {
	int fd;
	uint16_t port;
	pthread_t thread;
	atomic_int status; /* that it answers with … */
	atomic_int unlike; /* … but not the events whose body begins with {"bad" */
	atomic_int requests, at_once, most;
} peer;

static void *answer(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char bytes[4096] = "", reply[128];
	size_t len = 0;
	ssize_t n;
	int now = atomic_fetch_add(&peer.at_once, 1) + 1;

	if (now > atomic_load(&peer.most))
		atomic_store(&peer.most, now);
	while (strstr(bytes, "\r\n\r\n{") == NULL && len < sizeof(bytes) - 1 &&
		(n = read(fd, bytes + len, sizeof(bytes) - 1 - len)) > 0)
		len += (size_t)n;
	atomic_fetch_add(&peer.requests, 1);
	(void)snprintf(reply, sizeof(reply),
		"HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
		atomic_load(strstr(bytes, "{\"bad\"") != NULL ? &peer.unlike : &peer.status));
	atomic_fetch_sub(&peer.at_once, 1);
	n = write(fd, reply, strlen(reply));
	(void)n;
	(void)shutdown(fd, SHUT_WR);
	while (read(fd, bytes, sizeof(bytes)) > 0)
		;
	(void)close(fd);
	return NULL;
}

static void *serve(void *arg)
{
	int fd;

	(void)arg;
	while ((fd = accept(peer.fd, NULL, NULL)) >= 0) {
		pthread_t thread;
		assert_int_equal(pthread_create(&thread, NULL, answer, (void *)(intptr_t)fd), 0);
		(void)pthread_detach(thread);
	}
	return NULL;
}

/* At the port that it had before. */
static void start_peer(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET,
		.sin_port = htons(peer.port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(at);
	int one = 1;

	peer.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	(void)setsockopt(peer.fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(peer.fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(peer.fd, 128), 0);
	assert_int_equal(getsockname(peer.fd, (struct sockaddr *)&at, &len), 0);
	peer.port = ntohs(at.sin_port);
	assert_int_equal(pthread_create(&peer.thread, NULL, serve, NULL), 0);
}

static void stop_peer(void)
{
	(void)shutdown(peer.fd, SHUT_RDWR);
	(void)pthread_join(peer.thread, NULL);
	(void)close(peer.fd);
}

/* As the config's defaults. */
static struct conf *forwarding(enum conf_order order, unsigned attempts)
{
	struct conf *conf = fixture_conf(1, 16);
	struct conf_hook *hook = fixture_hook(conf, 0, "alpha", 1, "");
	char url[64];

	free(hook->own.program);
	hook->own.program = NULL;
	(void)snprintf(url, sizeof(url), "http://127.0.0.1:%u/in", peer.port);
	hook->own.forward = (struct conf_forward){.url = fixture_template(url),
		.url_fixed = true,
		.method = "POST",
		.verify_tls = true};
	hook->own.retry = (struct conf_retry){attempts, 10 * SECOND, HOUR};
	hook->own.hold = true;
	hook->order = order;
	return conf;
}

/* Has the dispatcher make a round, and the store do what it was asked to in that. */
static void make_round(struct fixture *fx, struct dispatcher *d)
{
	struct store_op ping = {.kind = STORE_OP_PING};
	unsigned long long before = atomic_load(&d->rounds);

	/* Again and again: an earlier one may be what it just wakes up for. */
	do {
		dispatcher_notify(d);
		usleep(50);
	} while (atomic_load(&d->rounds) == before || !atomic_load(&d->asleep));
	assert_int_equal(store_wait(fx->st, &ping), STORE_OK);
}

/* Until what has come due has run and is stored: so many rounds find nothing to do. */
static void settle_down(struct fixture *fx, struct dispatcher *d)
{
	struct dispatcher_counts before, now;

	dispatcher_counts(d, &now);
	for (int quiet = 0; quiet < 2; quiet++) {
		before = now;
		make_round(fx, d);
		dispatcher_counts(d, &now);
		if (now.running > 0 || now.done != before.done || now.failed != before.failed)
			quiet = -1;
	}
}

static void move_on(struct fixture *fx, struct dispatcher *d, int64_t ms)
{
	atomic_fetch_add(&ahead, ms);
	settle_down(fx, d);
}

/* Moves on for that time, and as long as the number of hooks that are held is `held`. */
static void move_while(struct fixture *fx, struct dispatcher *d, size_t held, int64_t ms)
{
	for (int64_t i = 0; i < ms && dispatcher_holds(d, NULL, 0) == held; i += HOP)
		move_on(fx, d, HOP);
}

static void put_done(struct store_op *op)
{
	assert_int_equal(op->result, STORE_OK);
	atomic_fetch_sub(&waits, 1);
}

/* Puts events from..to-1 in one transaction; their bodies are `body`. */
static void put_events(struct fixture *fx, int from, int to, const char *body)
{
	enum { MOST = 64 };
	static struct event events[MOST];
	static struct store_put puts[MOST];
	static char keys[MOST][16], entities[MOST][8];
	int n = to - from;

	assert_true(n <= MOST);
	atomic_store(&waits, n);
	for (int i = 0; i < n; i++) {
		(void)snprintf(keys[i], sizeof(keys[i]), "id:%d", from + i);
		(void)snprintf(entities[i], sizeof(entities[i]), "%d", (from + i) % 40);
		events[i] = fx_event(fx, keys[i], body, strlen(body));
		events[i].entity_kind = entities[i];
		events[i].entity_id = entities[i];
		puts[i] = (struct store_put){.op = {.kind = STORE_OP_PUT, .done = put_done},
			.event = &events[i],
			.hooks = fx->hooks,
			.hook_count = 1};
		puts[i].op.next = i + 1 < n ? &puts[i + 1].op : NULL;
	}
	if (n > 0)
		store_submit_all(fx->st, &puts[0].op);
	while (atomic_load(&waits) > 0)
		usleep(200);
}

static void check_hold(struct dispatcher *d)
{
	struct dispatcher_hold hold = {0};

	assert_int_equal(dispatcher_holds(d, &hold, 1), 1);
	assert_string_equal(hold.hook, "alpha");
	assert_true(hold.why[0] != '\0');
	assert_in_range(hold.since, clock_wall() - 12 * HOUR - MINUTE, clock_wall() - 11 * HOUR);
	assert_in_range(hold.probes, 100, 200);
}

/* While as many events come. */
static void off_for_twelve_hours(struct fixture *fx, int events, enum conf_order order)
{
	const int steps = (int)(12 * HOUR / HOP);
	struct conf *conf = forwarding(order, 12);
	struct dispatcher *d;
	int put = 0;

	stop_peer();
	open_all(fx, &d, conf);
	for (int step = 1; step <= steps; step++) {
		int next = step % 12 == 0 ? (int)((int64_t)events * step / steps) : put;
		put_events(fx, put, next, "{}");
		put = next;
		move_on(fx, d, HOP);
	}
	assert_int_equal(put, events);
	check_hold(d);
	assert_true(fx_number(fx, TRIES) < 400);

	start_peer();
	int64_t back = clock_steady();
	while (clock_steady() - back < 5 * MINUTE && fx_number(fx, DONE) < events)
		move_on(fx, d, 5 * SECOND);
	assert_int_equal(fx_number(fx, DONE), events);
	assert_int_equal(dispatcher_holds(d, NULL, 0), 0);
	assert_int_equal(fx_number(fx, DEAD), 0);
	assert_int_equal(atomic_load(&peer.requests), events);
	assert_in_range(atomic_load(&peer.most), 1, 4);
	if (order == CONF_ORDER_ENTITY)
		assert_int_equal(fx_number(fx, DISORDER), 0);
	close_all(fx, d, conf);
}

static void a_target_off_for_twelve_hours_costs_no_delivery(void **state)
{
	off_for_twelve_hours(*state, 10000, CONF_ORDER_NONE);
}

static void nor_the_order_of_an_entity(void **state)
{
	off_for_twelve_hours(*state, 1000, CONF_ORDER_ENTITY);
}

/* Errors of the server hold the hook; what uses up no attempts does not kill. */
static void errors_hold_as_well(void **state)
{
	static const int down[] = {500, 503, 429}, well[] = {200, 422, 404};
	struct fixture *fx = *state;
	struct conf *conf = forwarding(CONF_ORDER_NONE, 6);
	struct dispatcher *d;

	open_all(fx, &d, conf);
	for (int i = 0; i < 3; i++) {
		atomic_store(&peer.status, down[i]);
		put_events(fx, i * 5, i * 5 + 5, "{}");
		move_while(fx, d, 0, 10 * MINUTE);
		assert_int_equal(dispatcher_holds(d, NULL, 0), 1);
		int64_t counted = fx_number(fx, FAILED), tries = fx_number(fx, TRIES);
		move_while(fx, d, 1, HOUR);
		assert_int_equal(fx_number(fx, FAILED), counted);
		assert_in_range(fx_number(fx, TRIES) - tries, 10, 25);
		/* An answer that means the event shows that the server is well. */
		atomic_store(&peer.status, well[i]);
		move_while(fx, d, 1, 5 * MINUTE);
		assert_int_equal(dispatcher_holds(d, NULL, 0), 0);
		atomic_store(&peer.status, 200);
		move_while(fx, d, 0, HOUR);
	}
	assert_int_equal(fx_number(fx, READY), 0);
	close_all(fx, d, conf);
}

/* It may be the event: the others go on, and it dies when its attempts are used up. */
static void one_event_that_fails_holds_no_other(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = forwarding(CONF_ORDER_NONE, 6);
	struct dispatcher *d;

	open_all(fx, &d, conf);
	put_events(fx, 0, 1, "{\"bad\":1}");
	move_while(fx, d, 0, 2 * HOUR);
	assert_int_equal(dispatcher_holds(d, NULL, 0), 0);
	assert_int_equal(fx_number(fx, DEAD), 1);
	close_all(fx, d, conf);
}

/* Several that cause errors do hold the hook, until another one has its turn. */
static void events_that_fail_do_not_keep_others_from_their_turn(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = forwarding(CONF_ORDER_NONE, 60);
	struct dispatcher *d;

	open_all(fx, &d, conf);
	put_events(fx, 0, 3, "{\"bad\":1}");
	move_while(fx, d, 0, 10 * MINUTE);
	assert_int_equal(dispatcher_holds(d, NULL, 0), 1);
	move_while(fx, d, 1, HOUR);
	put_events(fx, 3, 4, "{}");
	move_while(fx, d, 1, 16 * MINUTE); /* 4 probes */
	assert_int_equal(dispatcher_holds(d, NULL, 0), 0);
	assert_int_equal(fx_number(fx, DONE), 1);
	close_all(fx, d, conf);
}

static void hold_false_tries_each_until_it_is_dead(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = forwarding(CONF_ORDER_NONE, 6);
	struct dispatcher *d;

	conf->hooks[0].own.hold = false;
	stop_peer();
	open_all(fx, &d, conf);
	put_events(fx, 0, 5, "{}");
	move_while(fx, d, 0, HOUR);
	assert_int_equal(dispatcher_holds(d, NULL, 0), 0);
	assert_int_equal(fx_number(fx, DEAD), 5);
	close_all(fx, d, conf);
	start_peer();
}

/* The reload may have corrected the target, or turned it off. */
static void a_reload_probes_at_once(void **state)
{
	struct fixture *fx = *state;
	struct conf *conf = forwarding(CONF_ORDER_NONE, 60), *next;
	struct dispatcher *d;

	stop_peer();
	open_all(fx, &d, conf);
	put_events(fx, 0, 5, "{}");
	move_while(fx, d, 0, 10 * MINUTE);
	assert_int_equal(dispatcher_holds(d, NULL, 0), 1);
	move_while(fx, d, 1, 20 * MINUTE);
	move_on(fx, d, 2 * MINUTE);
	start_peer();
	next = forwarding(CONF_ORDER_NONE, 60);
	dispatcher_reload(d, next);
	for (int i = 0; i < 500 && fx_number(fx, DONE) == 0; i++)
		usleep(STEP);
	assert_int_equal(dispatcher_holds(d, NULL, 0), 0);
	conf_unref(next);
	close_all(fx, d, conf);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_all, unmake_all)

static int make_all(void **state)
{
	memset(&peer, 0, sizeof(peer));
	atomic_store(&peer.status, 200);
	atomic_store(&peer.unlike, 500);
	atomic_store(&ahead, 0);
	start_peer();
	return make(state);
}

static int unmake_all(void **state)
{
	stop_peer();
	return unmake(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_target_off_for_twelve_hours_costs_no_delivery),
		TEST(nor_the_order_of_an_entity),
		TEST(errors_hold_as_well),
		TEST(one_event_that_fails_holds_no_other),
		TEST(events_that_fail_do_not_keep_others_from_their_turn),
		TEST(hold_false_tries_each_until_it_is_dead),
		TEST(a_reload_probes_at_once),
	};

	if (sodium_init() < 0 || !transfer_global_init(false))
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
