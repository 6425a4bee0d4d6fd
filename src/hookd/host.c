#include "host.h"

#include "base/clock.h"
#include "base/json.h"
#include "base/thread.h"
#include "dispatcher/dispatcher.h"

#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HOLDS_SHOWN = 16 };

static const char stopping[] = "hookd is stopping\n";

/* On the stack of the thread that asks. */
struct reload_request {
	struct reload_request *next;
	struct buf *lines;
	bool good, ended;
};

void host_free(struct host *h)
{
	if (h->event >= 0)
		(void)close(h->event);
	(void)pthread_cond_destroy(&h->ended);
	(void)pthread_mutex_destroy(&h->lock);
	free(h->text);
}

/* Called with the lock. */
static void end_requests(
	struct host *h, struct reload_request *first, bool good, const char *text, size_t len)
{
	for (; first != NULL; first = first->next) {
		if (len > 0)
			buf_add(first->lines, text, len);
		first->good = good;
		first->ended = true;
	}
	(void)pthread_cond_broadcast(&h->ended);
}

static bool ask_reload(void *arg, struct buf *lines)
{
	struct host *h = arg;
	struct reload_request request = {.lines = lines};
	const uint64_t one = 1;

	(void)pthread_mutex_lock(&h->lock);
	request.next = h->asked;
	h->asked = &request;
	if (h->closed || write(h->event, &one, sizeof(one)) != sizeof(one)) {
		h->asked = request.next;
		buf_add_text(lines, stopping);
		request.ended = true;
	}
	while (!request.ended)
		(void)pthread_cond_wait(&h->ended, &h->lock);
	(void)pthread_mutex_unlock(&h->lock);
	return request.good;
}

bool host_reload_asked(struct host *h)
{
	uint64_t count;
	bool asked = read(h->event, &count, sizeof(count)) == sizeof(count);

	if (!asked)
		return false;
	(void)pthread_mutex_lock(&h->lock);
	h->begun = h->asked;
	h->asked = NULL;
	(void)pthread_mutex_unlock(&h->lock);
	return true;
}

void host_reload_ended(struct host *h, bool good, const struct buf *lines)
{
	(void)pthread_mutex_lock(&h->lock);
	free(h->text);
	h->text = lines->len > 0 ? strdup(lines->data) : NULL;
	h->at = clock_wall();
	h->good = good;
	end_requests(h, h->begun, good, lines->data, lines->len);
	h->begun = NULL;
	(void)pthread_mutex_unlock(&h->lock);
}

void host_close(struct host *h)
{
	(void)pthread_mutex_lock(&h->lock);
	h->closed = true;
	end_requests(h, h->asked, false, stopping, sizeof(stopping) - 1);
	h->asked = NULL;
	(void)pthread_mutex_unlock(&h->lock);
}

static void describe_reload(struct host *h, json_t *done)
{
	json_t *outcome;

	(void)pthread_mutex_lock(&h->lock);
	outcome = json_pack("{s:I, s:b}", "at", (json_int_t)h->at, "good", h->good);
	if (outcome != NULL && h->text != NULL)
		(void)json_object_set_new(outcome, "text", json_safe_text(h->text));
	(void)pthread_mutex_unlock(&h->lock);
	if (outcome != NULL)
		(void)json_object_set_new(done, "reload", outcome);
}

static void add_counts(const struct counts *c, json_t *done)
{
	const struct {
		const char *name;
		int64_t number;
	} counts[] = {
		{"stored", c->stored},
		{"duplicates", c->duplicates},
		{"quarantined", c->quarantined},
		{"waiting", c->deliveries.waiting},
		{"running", c->deliveries.running},
		{"done", c->done},
		{"dead", c->deliveries.dead},
		{"requests", c->requests},
		{"refused", c->refused},
		{"unavailable", c->unavailable},
		{"connections", c->connections},
	};

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		(void)json_object_set_new(done, counts[i].name, json_integer(counts[i].number));
}

static void add_trouble(struct store *st, json_t *done)
{
	char text[STORE_TROUBLE];

	if (store_trouble(st, text))
		(void)json_object_set_new(done, "store_trouble", json_safe_text(text));
}

/* Those that there is room for are listed. */
static void describe_holds(const struct host *h, json_t *done)
{
	struct dispatcher_hold holds[HOLDS_SHOWN];
	size_t count = dispatcher_holds(h->sources.dispatcher, holds, HOLDS_SHOWN);
	json_t *list = json_array();

	for (size_t i = 0; i < count && i < HOLDS_SHOWN; i++)
		(void)json_array_append_new(list,
			json_pack("{s:s, s:I, s:o}", "hook", holds[i].hook, "since",
				(json_int_t)holds[i].since, "why", json_safe_text(holds[i].why)));
	(void)json_object_set_new(done, "held", list);
	(void)json_object_set_new(done, "held_count", json_integer((json_int_t)count));
}

static void describe_host(void *arg, json_t *done)
{
	struct host *h = arg;
	struct counts c;

	(void)json_object_set_new(done, "pid", json_integer(getpid()));
	(void)json_object_set_new(done, "version", json_string(HOOKD_VERSION));
	(void)json_object_set_new(done, "started", json_integer(h->started));
	describe_reload(h, done);
	add_trouble(h->sources.store, done);
	describe_holds(h, done);
	counts_gather(&h->sources, &c);
	add_counts(&c, done);
}

static void run_catchup(void *arg, struct catchup_order *order)
{
	const struct host *h = arg;

	catchup_run(h->catchup, order);
}

bool host_init(struct host *h)
{
	*h = (struct host){
		.control = {.reload = ask_reload,
			.status = describe_host,
			.catch_up = run_catchup,
			.arg = h},
		.started = clock_wall(),
		.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
		.good = true,
	};
	(void)pthread_mutex_init(&h->lock, NULL);
	thread_condition_init(&h->ended);
	return h->event >= 0;
}
