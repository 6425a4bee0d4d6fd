/* store/private.h - what store.c, writer.c and ops.c share: the open store. */
#ifndef HOOKD_STORE_PRIVATE_H
#define HOOKD_STORE_PRIVATE_H

#include "base/attributes.h"
#include "engine.h"
#include "refusals.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define STORE_REFUSED_FIRST 60000 /* ms from the start to the first removal of old refusals */

/* Operations in the order in which they came. */
struct store_queue {
	struct store_op *head;
	struct store_op **tail;
};

struct store {
	/* Constant after store_open. */
	char *path;
	const struct store_engine *engine;
	void (*on_ready)(void *arg);
	void *on_ready_arg;
	pthread_t writer;

	/* The writer's thread alone. */
	struct store_db *db;

	pthread_mutex_t mutex;     /* guards all below */
	pthread_cond_t wake;       /* for the writer: the queues, stopping, retain_at */
	pthread_cond_t waited;     /* for store_wait: an operation of such a caller has ended */
	struct store_queue queue;  /* to be run in groups */
	struct store_queue slices; /* to be run alone */
	int64_t active_at;         /* steady ms: when there was an operation in `queue` last */
	int64_t slice_at;   /* steady ms: the next slice, unless the writer is idle earlier */
	bool retained_last; /* the last slice was retention's */
	struct store_refusals refused; /* to be written when there is time */
	int64_t refused_from;          /* steady ms: no part of them before */
	int64_t refused_at;            /* steady ms: the next part of them, or if there are none,
					* when old ones are removed */
	bool stopping;
	int64_t retention;
	unsigned backlog;
	int64_t retain_at;          /* steady ms: the next slice of retention */
	struct store_counts counts; /* written by the writer only, which may read it unlocked */
};

/* writer.c: the thread. `stop` first runs everything that is queued. */
bool store_writer_start(struct store *st) WARN_UNUSED;
void store_writer_stop(struct store *st);

/* ops.c */
size_t store_op_bytes(const struct store_op *op); /* to be stored, beside small columns */
void store_op_start(struct store_op *op);         /* clears its outputs */
void store_op_undo(struct store_op *op);          /* rolled back: frees its outputs, STORE_ERROR */
void store_orphans_free(struct store_orphans *o);

#endif
