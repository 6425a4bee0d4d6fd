/* store/store.c - opens and closes the store, and answers from what it keeps in memory.
 * In between the writer does the work. */
#include "store/store.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/thread.h"
#include "private.h"

#include <stdlib.h>
#include <string.h>

static void store_free(struct store *st)
{
	if (st->db != NULL)
		st->engine->close(st->db);
	(void)pthread_cond_destroy(&st->waited);
	(void)pthread_cond_destroy(&st->wake);
	(void)pthread_mutex_destroy(&st->mutex);
	store_refusals_free(&st->refused);
	free(st->path);
	free(st);
}

static struct store *store_new(const struct store_options *options)
{
	struct store *st = calloc(1, sizeof(*st));

	if (st == NULL)
		return NULL;
	st->path = strdup(options->path);
	if (st->path == NULL) {
		free(st);
		return NULL;
	}
	st->engine = &store_sqlite;
	st->on_ready = options->on_ready;
	st->on_ready_arg = options->on_ready_arg;
	st->retention = options->retention;
	st->backlog = options->backlog;
	st->queue.tail = &st->queue.head;
	st->slices.tail = &st->slices.head;
	st->retain_at = clock_steady();
	st->refused_at = st->retain_at + STORE_REFUSED_FIRST;
	(void)pthread_mutex_init(&st->mutex, NULL); /* cannot fail with glibc's defaults */
	thread_condition_init(&st->wake);
	thread_condition_init(&st->waited);
	return st;
}

struct store *store_open(const struct store_options *options)
{
	struct store *st = store_new(options);

	if (st == NULL) {
		log_error("out of memory");
		return NULL;
	}
	st->db = st->engine->open(st->path, options, &st->counts);
	if (st->db == NULL || !store_writer_start(st)) {
		store_free(st);
		return NULL;
	}
	return st;
}

void store_configure(struct store *st, int64_t retention, unsigned backlog)
{
	(void)pthread_mutex_lock(&st->mutex);
	st->backlog = backlog;
	if (st->retention != retention) {
		st->retention = retention;
		st->retain_at = clock_steady();
		(void)pthread_cond_signal(&st->wake);
	}
	(void)pthread_mutex_unlock(&st->mutex);
}

void store_counts(struct store *st, struct store_counts *out)
{
	(void)pthread_mutex_lock(&st->mutex);
	*out = st->counts;
	(void)pthread_mutex_unlock(&st->mutex);
}

bool store_hook_paused(struct store *st, int64_t hook)
{
	return st->engine->is_paused(st->db, hook);
}

bool store_trouble(struct store *st, char text[STORE_TROUBLE])
{
	return st->engine->trouble(st->db, text, STORE_TROUBLE);
}

bool store_announce(struct store *st, const char *control)
{
	return st->engine->announce(st->db, control);
}

static bool is_known(int64_t hook, const int64_t *known_hooks, size_t known_count)
{
	for (size_t i = 0; i < known_count; i++) {
		if (known_hooks[i] == hook)
			return true;
	}
	return false;
}

void store_orphans(struct store *st, const int64_t *known_hooks, size_t known_count,
	void (*report)(void *arg, const char *hook, int64_t waiting), void *arg)
{
	struct store_orphans o = {.op.kind = STORE_OP_ORPHANS};

	if (store_wait(st, &o.op) != STORE_OK)
		return;
	for (size_t i = 0; i < o.count; i++) {
		if (!is_known(o.rows[i].hook, known_hooks, known_count))
			report(arg, o.rows[i].name, o.rows[i].waiting);
	}
	store_orphans_free(&o);
}

void store_close(struct store *st)
{
	store_writer_stop(st);
	store_free(st);
}
