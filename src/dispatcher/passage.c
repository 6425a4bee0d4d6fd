/* dispatcher/passage.c - how operations pass from the dispatcher to the store and come back,
 * and when the store is tried again after it has failed. */
#include "base/clock.h"
#include "private.h"

#include <unistd.h>

enum { BACKOFF_FIRST = 1000, BACKOFF_MAX = 30000 }; /* ms */

void dispatcher_wake(struct dispatcher *d)
{
	const uint64_t one = 1;
	/* Fails only when the counter is full: then it is awake already. */
	ssize_t n = write(d->wake, &one, sizeof(one));
	(void)n;
}

void dispatcher_deliver(struct dispatcher *d, struct store_op *op)
{
	pthread_mutex_lock(&d->lock);
	op->next = NULL;
	if (d->orders.last)
		d->orders.last->next = op;
	else
		d->orders.first = op;
	d->orders.last = op;
	/* Under the lock: with the last operation back the dispatcher may be freed,
	 * and this must not touch it after. An eventfd never blocks here. */
	if (d->orders.first == op) /* else it was woken, and takes all there is */
		dispatcher_wake(d);
	pthread_mutex_unlock(&d->lock);
}

void dispatcher_submit(struct dispatcher *d, struct store_op *op)
{
	struct store_op *first = op;

	if (op != NULL)
		op->next = NULL;
	if (d->held_count > 0) {
		first = d->held;
		*d->held_end = op;
	}
	d->with_store += d->held_count + (op != NULL);
	d->held_count = 0;
	store_submit_all(d->store, first);
}

bool dispatcher_store_is_well(const struct dispatcher *d)
{
	return d->store_again == INT64_MAX;
}

void dispatcher_store_failed(struct dispatcher *d)
{
	if (!dispatcher_store_is_well(d))
		return; /* others of the same transaction were here before */
	d->backoff = d->backoff ? d->backoff * 2 : BACKOFF_FIRST;
	if (d->backoff > BACKOFF_MAX)
		d->backoff = BACKOFF_MAX;
	d->store_again = clock_steady() + d->backoff;
}

void dispatcher_store_well(struct dispatcher *d)
{
	if (dispatcher_store_is_well(d))
		d->backoff = 0;
}
