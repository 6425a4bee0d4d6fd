/* dispatcher/queue.c - the queues of the hooks: one for each hook that the config has had since the
 * start, found by its store id. */
#include "private.h"

#include <stdlib.h>

static int compare_ids(const void *left, const void *right)
{
	const struct queue *const *a = left, *const *b = right;

	return ((*a)->hook > (*b)->hook) - ((*a)->hook < (*b)->hook);
}

/* Among the first `count` of d->sorted. */
static struct queue *find_queue(const struct dispatcher *d, size_t count, int64_t hook)
{
	const struct queue wanted = {.hook = hook}, *key = &wanted;
	struct queue **found = NULL;

	if (count > 0)
		found = bsearch(&key, d->sorted, count, sizeof(*d->sorted), compare_ids);
	return found != NULL ? *found : NULL;
}

struct queue *dispatcher_queue(const struct dispatcher *d, int64_t hook)
{
	return find_queue(d, d->queue_count, hook);
}

const struct conf_hook *dispatcher_rule(const struct dispatcher *d, const struct queue *q)
{
	return d->prepared ? q->rule : conf_hook_by_store_id(d->conf, q->hook);
}

/* There is room for it in d->sorted. */
static struct queue *make_queue(struct dispatcher *d, int64_t hook)
{
	struct queue *q = calloc(1, sizeof(*q));

	if (q == NULL)
		return NULL;
	q->hook = hook;
	q->took = DISPATCHER_TOOK_FIRST;
	q->next = d->queues;
	pthread_mutex_lock(&d->lock);
	d->queues = q;
	pthread_mutex_unlock(&d->lock);
	d->sorted[d->queue_count++] = q;
	return q;
}

static bool make_room(struct dispatcher *d, size_t hooks)
{
	struct queue **sorted = reallocarray(d->sorted, d->queue_count + hooks, sizeof(*sorted));
	if (sorted != NULL)
		d->sorted = sorted;
	struct queue **queues = reallocarray(d->queue_of, hooks, sizeof(*queues));
	if (queues != NULL)
		d->queue_of = queues;
	struct queue **wanted = reallocarray(d->want_of, hooks, sizeof(*wanted));
	if (wanted != NULL)
		d->want_of = wanted;
	struct store_want *wants = reallocarray(d->wants, hooks, sizeof(*wants));
	if (wants != NULL)
		d->wants = wants;
	return sorted != NULL && queues != NULL && wanted != NULL && wants != NULL;
}

bool dispatcher_queues_prepare(struct dispatcher *d)
{
	size_t known = d->queue_count;
	size_t i = 0;

	if (d->prepared)
		return true;
	if (!make_room(d, d->conf->all_count))
		return false;
	for (struct queue *q = d->queues; q != NULL; q = q->next)
		q->rule = NULL;
	for (; i < d->conf->all_count; i++) {
		const struct conf_hook *hook = d->conf->all[i];
		struct queue *q = find_queue(d, known, hook->store_id);
		if (q == NULL && (q = make_queue(d, hook->store_id)) == NULL)
			break;
		q->rule = hook;
		d->queue_of[i] = q;
	}
	qsort(d->sorted, d->queue_count, sizeof(*d->sorted), compare_ids);
	d->prepared = i == d->conf->all_count;
	return d->prepared;
}

void dispatcher_refresh(struct dispatcher *d)
{
	for (struct queue *q = d->queues; q != NULL; q = q->next)
		q->due = 0;
	d->refreshed_since = true;
}

void dispatcher_queues_free(struct dispatcher *d)
{
	free(d->sorted);
	free(d->queue_of);
	free(d->want_of);
	free(d->wants);
	while (d->queues != NULL) {
		struct queue *q = d->queues;
		d->queues = q->next;
		free(q->target.hold);
		free(q);
	}
}
