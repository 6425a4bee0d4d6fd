#include "catchup/catchup.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "confirm.h"
#include "facts.h"
#include "listener/listener.h"
#include "parts.h"
#include "task.h"

#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define SILENCE      INT64_C(21600000) /* ms: six hours, unless the config has another */
#define REFUSED_GAP  INT64_C(60000)    /* ms between sweeps for such events */
#define REFUSED_LOOK INT64_C(5000)     /* ms between looks whether events had to be refused */

struct catchup {
	struct catchup_with with;
	pthread_t thread;
	int event; /* eventfd: conf, orders or stopping have changed */
	struct confirms *confirms;

	pthread_mutex_t lock; /* guards all below */
	pthread_cond_t ended; /* an order has */
	struct conf *conf;    /* a reference */
	struct catchup_order *orders;
	bool ordered; /* an order is running */
	bool stopping;
};

/* ---- what is due ---- */

static void tell_change(const struct catchup *c, struct task *t)
{
	if (t->changed && c->with.changed != NULL)
		c->with.changed(c->with.arg);
	t->changed = false;
}

static int64_t refused_events(const struct catchup *c)
{
	struct listener_counts counts = {0};

	if (c->with.listener != NULL)
		listener_counts(c->with.listener, &counts);
	return counts.unavailable;
}

/* Were events answered 503 since the last look? */
static bool note_refusals(const struct catchup *c, struct task *t)
{
	int64_t refused = refused_events(c);
	bool some = refused > t->refused;

	t->refused = refused;
	t->dead = t->dead || some;
	return some;
}

static void work(const struct catchup *c, struct task *t)
{
	enum task_end end = TASK_LATER;
	bool more = false;

	(void)note_refusals(c, t);
	if (due_open_store(t)) {
		end = due_sweep(t, &more);
		due_close_store(t);
	} else {
		due_log(t, end, 0);
	}
	t->next_at = clock_steady() + due_wait(t, end, more);
	tell_change(c, t);
}

/* ---- orders ---- */

static enum task_end sweep_by_order(struct task *t)
{
	enum task_end end = TASK_WHOLE;
	bool more = true;

	while (end == TASK_WHOLE && more && !task_stopped(t)) {
		if (!t->order->dry_run && t->order->since == 0) {
			end = due_sweep(t, &more);
			continue;
		}
		end = pass_run(t, &more);
		parts_forget(t);
		if (!t->order->dry_run && !task_save(t))
			end = TASK_LATER;
	}
	return end;
}

static void run_order_on(struct task *t, struct catchup_order *order)
{
	const int64_t since = order->since;
	enum task_end end = TASK_LATER;

	t->order = order;
	t->state.failure[0] = '\0';
	if (due_open_store(t)) {
		if (order->check)
			end = facts_ask(t);
		else if (order->id != NULL)
			end = refresh_entity(t, order->kind, order->id);
		else
			end = sweep_by_order(t);
		due_close_store(t);
	}
	t->order = NULL;
	order->since = since;
	if (end == TASK_WHOLE || !order->good)
		return;
	order->good = false;
	(void)snprintf(order->why, sizeof(order->why), "%s: %s", t->source->name,
		end == TASK_STOPPED           ? "stopped"
		: t->state.failure[0] != '\0' ? t->state.failure
					      : "not all could be read");
}

/* ---- the thread ---- */

struct tasks {
	struct task *list;
	size_t count;
};

static void close_tasks(struct tasks *tasks)
{
	for (size_t i = 0; i < tasks->count; i++)
		client_free(tasks->list[i].client);
	free(tasks->list);
	*tasks = (struct tasks){0};
}

static void answer_first(struct task *t)
{
	confirms_answer(t->confirms, t);
}

static void open_tasks(const struct catchup *c, const struct conf *conf, struct tasks *tasks)
{
	*tasks = (struct tasks){.list = calloc(conf->source_count + 1, sizeof(*tasks->list))};
	if (tasks->list == NULL)
		log_error("out of memory: events are not read back");
	for (size_t i = 0; tasks->list != NULL && i < conf->source_count; i++) {
		struct task *t = &tasks->list[tasks->count];
		const struct conf_source *source = &conf->sources[i];

		if (source->api.key == NULL)
			continue;
		*t = (struct task){.source = source,
			.store = c->with.store,
			.store_path = conf->store.path,
			.stop = c->event,
			.confirms = c->confirms,
			.before_asking = answer_first,
			.silence = conf->silence.after > 0 ? conf->silence.after : SILENCE,
			.client = client_new(source->api.url, source->api.key, c->event)};
		tasks->count += t->client != NULL;
	}
}

/* The task that is due first; NULL: there is none. */
static struct task *first_due(const struct tasks *tasks)
{
	struct task *first = NULL;

	for (size_t i = 0; i < tasks->count; i++)
		if (first == NULL || tasks->list[i].next_at < first->next_at)
			first = &tasks->list[i];
	return first;
}

/* The sender of events that were answered 503 may not try again. Strangers can be answered so, too:
 * they must not make hookd ask without end. */
static void expect_after_refusals(const struct catchup *c, const struct tasks *tasks)
{
	for (size_t i = 0; i < tasks->count; i++) {
		struct task *t = &tasks->list[i];

		if (t->failures > 0 ||
			(t->refusal_at != 0 && clock_steady() < t->refusal_at + REFUSED_GAP) ||
			!note_refusals(c, t))
			continue;
		t->next_at = t->refusal_at = clock_steady();
	}
}

/* The webhook has brought nothing for long: once for each silence. */
static void expect_after_silence(const struct catchup *c, const struct tasks *tasks)
{
	struct listener_health health = {0};

	for (size_t i = 0; i < tasks->count; i++) {
		struct task *t = &tasks->list[i];

		listener_health(c->with.listener, t->source->store_id, &health);
		if (health.accepted_at == 0 || health.accepted_at == t->silent_since ||
			clock_wall() - health.accepted_at < t->silence || t->failures > 0)
			continue;
		t->silent_since = health.accepted_at;
		t->next_at = clock_steady();
	}
}

/* Runs what was ordered. */
static void run_order(struct catchup *c, const struct tasks *tasks, struct catchup_order *order)
{
	size_t count = 0;

	order->good = true;
	if (order->id != NULL && order->source == NULL && tasks->count > 1) {
		order->good = false;
		(void)snprintf(order->why, sizeof(order->why),
			"%zu sources have an API key: name the one it is of", tasks->count);
		return;
	}
	for (size_t i = 0; i < tasks->count; i++) {
		if (order->source != NULL &&
			strcmp(order->source, tasks->list[i].source->name) != 0)
			continue;
		count++;
		run_order_on(&tasks->list[i], order);
		tell_change(c, &tasks->list[i]);
	}
	if (count > 0)
		return;
	order->good = false;
	(void)snprintf(order->why, sizeof(order->why), "%s",
		order->source != NULL ? "no source of that name has an API key"
				      : "no source has an API key (api in hookd.yaml)");
}

static void end_order(struct catchup *c, struct catchup_order *order)
{
	(void)pthread_mutex_lock(&c->lock);
	order->ended = true;
	(void)pthread_cond_broadcast(&c->ended);
	(void)pthread_mutex_unlock(&c->lock);
}

/* The next order; NULL: there is none, or *leave: the conf is another, or it is to stop. */
static struct catchup_order *next_order(struct catchup *c, const struct conf *conf, bool *leave)
{
	struct catchup_order *order = NULL;
	eventfd_t count;

	(void)pthread_mutex_lock(&c->lock);
	*leave = c->stopping || c->conf != conf;
	if (!*leave) {
		(void)eventfd_read(c->event, &count);
		order = c->orders;
		if (order != NULL)
			c->orders = order->next;
	}
	c->ordered = order != NULL;
	(void)pthread_mutex_unlock(&c->lock);
	return order;
}

static int ms_to(int64_t at)
{
	int64_t left = at - clock_steady();

	return left <= 0 ? 0 : left < REFUSED_LOOK ? (int)left : (int)REFUSED_LOOK;
}

static bool has_task(const void *arg, const char *source)
{
	const struct tasks *tasks = arg;

	for (size_t i = 0; i < tasks->count; i++)
		if (strcmp(tasks->list[i].source->name, source) == 0)
			return true;
	return false;
}

static void answer_confirmations(struct catchup *c, const struct tasks *tasks)
{
	for (size_t i = 0; i < tasks->count; i++)
		confirms_answer(c->confirms, &tasks->list[i]);
	confirms_answer_others(c->confirms, has_task, tasks);
}

/* Until the conf is another. */
static void work_on_all(struct catchup *c, const struct conf *conf)
{
	struct pollfd fds[] = {{.fd = c->event, .events = POLLIN},
		{.fd = confirms_fd(c->confirms), .events = POLLIN}};
	struct catchup_order *order;
	struct tasks tasks;
	struct task *t;
	bool leave = false;

	open_tasks(c, conf, &tasks);
	while (!leave) {
		t = first_due(&tasks);
		fds[0].revents = 0;
		(void)poll(fds, 2, t == NULL ? -1 : ms_to(t->next_at));
		answer_confirmations(c, &tasks);
		if (fds[0].revents != 0) {
			while ((order = next_order(c, conf, &leave)) != NULL) {
				run_order(c, &tasks, order);
				end_order(c, order);
			}
			continue;
		}
		if (c->with.listener != NULL) {
			expect_after_refusals(c, &tasks);
			expect_after_silence(c, &tasks);
		}
		if (t != NULL && t->next_at <= clock_steady())
			work(c, t);
	}
	close_tasks(&tasks);
}

/* A reference to the current conf. NULL: stop. */
static struct conf *current_conf(struct catchup *c)
{
	struct conf *conf;

	(void)pthread_mutex_lock(&c->lock);
	conf = c->stopping ? NULL : conf_ref(c->conf);
	(void)pthread_mutex_unlock(&c->lock);
	return conf;
}

/* No order is left waiting. */
static void refuse_orders(struct catchup *c)
{
	(void)pthread_mutex_lock(&c->lock);
	for (struct catchup_order *o = c->orders; o != NULL; o = o->next) {
		(void)snprintf(o->why, sizeof(o->why), "hookd is stopping");
		o->ended = true;
	}
	c->orders = NULL;
	(void)pthread_cond_broadcast(&c->ended);
	(void)pthread_mutex_unlock(&c->lock);
}

static void *catch_up_until_stopped(void *arg)
{
	struct catchup *c = arg;
	struct conf *conf;

	while ((conf = current_conf(c)) != NULL) {
		work_on_all(c, conf);
		conf_unref(conf);
	}
	refuse_orders(c);
	confirms_close(c->confirms);
	return NULL;
}

void catchup_run(struct catchup *c, struct catchup_order *order)
{
	struct catchup_order **end = &c->orders;

	(void)pthread_mutex_lock(&c->lock);
	if (c->stopping) {
		(void)snprintf(order->why, sizeof(order->why), "hookd is stopping");
		order->ended = true;
	} else {
		while (*end != NULL)
			end = &(*end)->next;
		*end = order;
		if (!c->ordered) /* the next one is taken when this one has ended */
			(void)eventfd_write(c->event, 1);
	}
	while (!order->ended)
		(void)pthread_cond_wait(&c->ended, &c->lock);
	(void)pthread_mutex_unlock(&c->lock);
}

struct catchup *catchup_start(struct conf *conf, const struct catchup_with *with)
{
	struct catchup *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		log_error("out of memory: events are not read back");
		return NULL;
	}
	c->with = *with;
	c->conf = conf_ref(conf);
	c->confirms = with->confirms;
	c->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	(void)pthread_mutex_init(&c->lock, NULL);
	thread_condition_init(&c->ended);
	if (c->event >= 0 && thread_start(&c->thread, "catchup", catch_up_until_stopped, c))
		return c;
	if (c->event >= 0)
		close(c->event);
	conf_unref(c->conf);
	free(c);
	return NULL;
}

void catchup_reload(struct catchup *c, struct conf *conf)
{
	struct conf *old;

	(void)pthread_mutex_lock(&c->lock);
	old = c->conf;
	c->conf = conf_ref(conf);
	(void)eventfd_write(c->event, 1);
	(void)pthread_mutex_unlock(&c->lock);
	conf_unref(old);
}

void catchup_drain(struct catchup *c)
{
	(void)pthread_mutex_lock(&c->lock);
	c->stopping = true;
	(void)eventfd_write(c->event, 1);
	(void)pthread_mutex_unlock(&c->lock);
}

void catchup_stop(struct catchup *c)
{
	if (c == NULL)
		return;
	catchup_drain(c);
	(void)pthread_join(c->thread, NULL);
	conf_unref(c->conf);
	close(c->event);
	(void)pthread_cond_destroy(&c->ended);
	(void)pthread_mutex_destroy(&c->lock);
	free(c);
}
